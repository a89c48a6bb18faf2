"""The content of a video: a link to one of its files, or its bytes."""

from shared.domain.video import Extra, Output
from shared.lifecycle.services import Services
from shared.storage.names import OUTPUTS_CONTAINER


def link(services: Services, file: Output | Extra) -> str:
    """A URL for this file, valid for `limits.LINK_MINUTES`: a credential."""
    return services.links.link(OUTPUTS_CONTAINER, file.blob, file.content_type)


def origin(services: Services) -> str:
    """The scheme, host and port that links lead to."""
    return services.links.origin


def read(services: Services, file: Output | Extra, *, first: int, length: int) -> bytes:
    """`length` bytes of a file from its byte `first` on."""
    return b"".join(services.outputs.read(file.blob, offset=first, length=length))
