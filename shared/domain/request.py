"""What a caller asked for, after parsing and before anything is spent."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class VideoRequest:
    """One request for one video (with one or more outputs).

    `model` is our public model name; which deployment renders it is decided later. `seconds` and
    `variants` are integers whatever the wire calls them; `metadata` is the caller's own.
    """

    model: str
    prompt: str
    width: int
    height: int
    seconds: int
    variants: int = 1
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook: str | None = None
    """The entry of WEBHOOKS that is told how it ended."""

    @property
    def size(self) -> str:
        """The size as the API writes it, for example `1280x720`."""
        return f"{self.width}x{self.height}"

    def digest(self) -> str:
        """sha256 of the canonical request: equal for equal requests, however they were encoded."""
        canonical: dict[str, Any] = {
            "model": self.model,
            "prompt": self.prompt,
            "size": self.size,
            "seconds": self.seconds,
            "variants": self.variants,
            "metadata": dict(self.metadata),
        }
        if self.webhook is not None:  # what was stored by earlier releases stays comparable
            canonical["webhook"] = self.webhook
        text = json.dumps(canonical, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()
