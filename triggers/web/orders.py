"""The bodies of `/batches`."""

import azure.functions as func

from shared.lifecycle.requests import terms
from shared.lifecycle.requests.batches import Again, NewBatch
from triggers.web import bodies


def create_batch(req: func.HttpRequest) -> NewBatch:
    """Parse a create's body. Raises InvalidRequest, which names the field."""
    return terms.new_batch(_fields(req))


def retry_batch(req: func.HttpRequest) -> Again:
    """Parse a retry's body, which is optional. Raises InvalidRequest."""
    return terms.again(_fields(req)) if req.get_body() else Again()


def _fields(req: func.HttpRequest) -> dict[str, object]:
    return bodies.fields_of(req, "a batch takes no files: name one of /files")
