"""Which submissions may be in flight together: those whose jobs the upstream's list tells apart.

If two answers are lost, each job is found again by what the list shows of it. Submissions that look
the same there are alike, and follow each other. This is only about waiting: what a list really
shows decides later whose a job is (`candidates`).
"""

import hashlib
from collections.abc import Collection
from typing import Literal, get_args

from shared.domain.request import VideoRequest

Fact = Literal["prompt", "size", "seconds", "variants"]
"""What a list may show of a job, as it was asked for."""
FACTS: tuple[Fact, ...] = get_args(Fact)
UNKNOWN = ""
"""The likeness of a submission that may be confused with any other."""


def facts(request: VideoRequest) -> str:
    """The facts of a request in the order of `FACTS`, for a row: `9f86d081884c7d65 720x1280 4 1`.
    The prompt is a digest of its words."""
    digest = hashlib.sha256(words(request.prompt).encode()).hexdigest()[:16]
    return f"{digest} {request.size} {request.seconds} {request.variants}"


def words(prompt: str) -> str:
    """What servers leave as it is: they change the spaces."""
    return " ".join(prompt.split())


def likeness(facts: str, shown: Collection[Fact]) -> str:
    """Equal for submissions that a list which shows these facts does not tell apart."""
    by_name = dict(zip(FACTS, facts.split(), strict=False))
    return " ".join(by_name[name] for name in FACTS if name in by_name and name in shown)
