"""A URL's query as Azure's host passes it on: names ignore case, repeated values are joined with
commas, and parameters without a value are dropped."""

import azure.functions as func


def parameter(req: func.HttpRequest, name: str) -> str | None:
    """The value of the parameter `name`, in any case; None if it is absent or empty."""
    values = [value for sent, value in req.params.items() if sent.lower() == name and value]
    return ",".join(values) or None
