"""The bodies of `/batches`."""

import azure.functions as func

from shared.domain.errors import InvalidRequest
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
    form = bodies.form_of(req)
    if form.files:
        name = next(iter(form.files))
        raise InvalidRequest(f"{name}: a batch takes no files: name one of /files.", param=name)
    return form.fields
