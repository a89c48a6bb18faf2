"""Reading a URL's query as Azure's host hands it over.

There names ignore case, repeated ones arrive joined with commas, and those without a value do not
arrive at all.
"""

import azure.functions as func


def parameter(req: func.HttpRequest, name: str) -> str | None:
    """The value of a parameter whose name is `name` in any case; None where it is not there or
    empty."""
    values = [value for sent, value in req.params.items() if sent.lower() == name and value]
    return ",".join(values) or None
