"""A person's approval of a request that costs more than its caller may spend alone."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.request import VideoRequest

_ID = re.compile("approval_[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Approval:
    """An approval, asked for or given. Times are unix seconds, amounts micro-USD.

    `asks` says what the request asks for, for the person who decides. It is given while it has an
    `approved_by`, for `amount` at most; `video_id` is what was made of it.
    """

    id: str
    caller: str
    asks: Mapping[str, Any]
    amount: int
    asked_at: float
    expires_at: float
    approved_by: str | None = None
    video_id: str | None = None


def approval_id(caller: str, route: str, key: str, digest: str) -> str:
    """The id of the approval of one request (by its digest) under one key: equal requests share it,
    and a request that differs in anything that is rendered has another."""
    about = json.dumps([caller, route, key, digest])
    return f"approval_{hashlib.sha256(about.encode()).hexdigest()[:40]}"


def is_approval_id(text: str) -> bool:
    """Whether `text` has the form of an approval's id; the approval need not exist."""
    return _ID.fullmatch(text) is not None


def asks(request: VideoRequest) -> dict[str, Any]:
    """What a request asks for, without the contents of its files."""
    return {
        "model": request.model,
        "rendered_by": request.renderer,
        "prompt": request.prompt,
        "size": request.size,
        "seconds": str(request.seconds),
        "n_variants": request.variants,
        "parameters": dict(request.parameters),
        "files": len(request.inputs),
        "remixed_from_video_id": request.remix.video_id if request.remix else None,
    }
