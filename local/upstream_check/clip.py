"""The one clip of a check, and what was seen of it."""

from dataclasses import dataclass, field

from shared.domain.request import VideoRequest
from shared.settings.upstreams import Upstream
from shared.upstream.protocol import Dialect


@dataclass
class Clip:
    """The one clip, and what was seen of it."""

    client: Dialect
    upstream: Upstream
    request: VideoRequest
    patience: float
    """Seconds until a render that does not end is given up."""
    words: list[str] = field(default_factory=list)
    """The words for its state, in order."""
    progress: set[int | None] = field(default_factory=set)
