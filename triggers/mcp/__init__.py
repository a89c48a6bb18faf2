"""`/mcp`: the API as tools for agents, in the Model Context Protocol's Streamable HTTP, without
sessions and without streams."""
