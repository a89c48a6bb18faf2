"""A caller's request, after parsing and before anything is spent."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from shared.domain.parameters import Value

Fit = Literal["cover", "contain"]


@dataclass(frozen=True, kw_only=True)
class Crop:
    """The part of an input to use, as fractions of its width and height (0 to 1)."""

    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Input:
    """An image or a video that steers the render. Its bytes are in a blob, never in a row.

    `sha256` is of the file as the caller sent it; `frame_index` is the output's frame at which it
    begins.
    """

    content_type: str
    sha256: str
    frame_index: int = 0
    crop: Crop | None = None

    @property
    def is_video(self) -> bool:
        return self.content_type.startswith("video/")


@dataclass(frozen=True, kw_only=True)
class Remix:
    """The finished video that a remix starts from, and where its upstream job is."""

    video_id: str
    deployment: str
    job_id: str


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a request says of the successor of its model."""

    allowed: bool | None
    """Whether it may be rendered at another size or length, or for more than was reserved; False:
    only the model that it names renders it; None: as its caller's entry says."""
    most: int | None = None
    """Micro-USD that it may cost then, at most; None: whatever the ceilings allow."""

    def within(self, most: int | None) -> "Allowance":
        """The same for at most so much."""
        given = [each for each in (self.most, most) if each is not None]
        return replace(self, most=min(given, default=None))


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Size and length as they were asked for, where a successor renders others."""

    width: int
    height: int
    seconds: int


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """One request for one video (with one or more outputs).

    `model` is our public model name; the deployment is chosen later. `seconds` and `variants` are
    integers whatever the wire calls them; `metadata` is the caller's own.
    """

    model: str
    prompt: str
    width: int
    height: int
    seconds: int
    variants: int = 1
    parameters: Mapping[str, Value] = field(default_factory=dict)
    """What the model takes beside the API's own fields, such as `seed`; sent as it is."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook: str | None = None
    """The entry of WEBHOOKS that is notified when it ends."""
    inputs: tuple[Input, ...] = ()
    fit: Fit = "cover"
    """How to fit an image of another shape."""
    remix: Remix | None = None
    allow_successor: Allowance | None = None
    """None: as its caller's entry says, and without one only as it was asked for."""
    rendered_by: str | None = None
    """The successor that renders it in place of `model`; size and seconds are what is rendered."""
    asked: Asked | None = None
    """What was asked for, where that is not what is rendered."""

    @property
    def renderer(self) -> str:
        """The model that renders it."""
        return self.rendered_by or self.model

    @property
    def size(self) -> str:
        """The size as the API writes it, for example `1280x720`."""
        return f"{self.width}x{self.height}"

    @property
    def mode(self) -> str:
        """The kind of render: text, image or remix."""
        if self.remix is not None:
            return "remix"
        return "image" if self.inputs else "text"

    def digest(self) -> str:
        """sha256 of the canonical request: equal for equal requests in any encoding, whoever
        renders them."""
        asked = self.asked or self
        canonical: dict[str, Any] = {
            "model": self.model,
            "prompt": self.prompt,
            "size": f"{asked.width}x{asked.height}",
            "seconds": asked.seconds,
            "variants": self.variants,
            "metadata": dict(self.metadata),
        }
        # optional fields only if set: digests stored by earlier releases stay comparable
        if self.parameters:
            canonical["parameters"] = dict(self.parameters)
        if self.inputs:
            canonical["inputs"] = [asdict(item) for item in self.inputs]
            canonical["fit"] = self.fit
        if self.remix is not None:
            canonical["remix"] = self.remix.video_id
        if self.webhook is not None:
            canonical["webhook"] = self.webhook
        if self.allow_successor is not None:
            canonical["allow_successor"] = asdict(self.allow_successor)
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
