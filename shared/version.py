"""The release, as the API and `/mcp` say it; the project's own is held to it by a test."""

VERSION = "0.2.0"
