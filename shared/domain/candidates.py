"""Whether a job of an upstream's list may be the one that a lost answer was about.

What a list does not show excludes nobody; what it shows in another form excludes nobody either,
where the server is not known to repeat what it was asked for. Adopting a wrong job gives a caller
somebody else's clip, overlooking the right one pays twice: what is neither ours nor certainly
another's only prevents a second POST.
"""

from collections.abc import Collection
from enum import IntEnum

from shared.domain.job import JobSummary
from shared.domain.likeness import words
from shared.domain.profiles import Profile
from shared.domain.request import VideoRequest

_ROUNDED_SECONDS = 2.0
"""Servers align the number of frames to their GPUs, and list the length that this makes."""
_ROUNDED_SIDE = 0.05
"""A model that needs multiples of 32 makes 1280x704 of 1280x720."""
_SHORTEST_CUT = 40
"""Characters of a prompt from which on a list may have cut it."""


class Fit(IntEnum):
    NO = 0
    """Certainly another's."""
    MAYBE = 1
    """It shows something else than was asked for, which the server may have changed."""
    YES = 2
    """Nothing that it shows speaks against it."""
    SURE = 3
    """It shows our prompt, too."""


def fit(job: JobSummary, request: VideoRequest, names: Collection[str], profile: Profile) -> Fit:
    """How well a job fits a request that was sent for one of the model `names`."""
    if job.prompt is not None and not _same_prompt(job.prompt, request.prompt):
        return Fit.NO
    if profile.lists_own_models and job.model and not _same_model(job.model, names):
        return Fit.NO
    if not _shows_what_was_asked(job, request, exact=profile.lists_as_asked):
        return Fit.NO if profile.lists_as_asked else Fit.MAYBE
    return Fit.YES if job.prompt is None else Fit.SURE


def _same_prompt(shown: str, asked: str) -> bool:
    shown, asked = words(shown), words(asked)
    cut = shown.rstrip(".\N{HORIZONTAL ELLIPSIS} ")
    return shown == asked or (len(cut) >= _SHORTEST_CUT and asked.startswith(cut))


def _same_model(shown: str, names: Collection[str]) -> bool:
    """Also `openai/sora-2` and `sora-2-2025-10-06` for `sora-2`."""
    return any(
        shown == name or shown.endswith(f"/{name}") or name.endswith(f"/{shown}")
        or shown.startswith(f"{name}-20")
        for name in names
    )  # fmt: skip


def _shows_what_was_asked(job: JobSummary, request: VideoRequest, *, exact: bool) -> bool:
    of_side, of_length = (0.0, 0.0) if exact else (_ROUNDED_SIDE, _ROUNDED_SECONDS)
    shown = (
        (job.width, request.width, of_side * request.width),
        (job.height, request.height, of_side * request.height),
        (job.seconds, request.seconds, of_length),
        (job.variants, request.variants, 0.0),
    )
    return all(not said or abs(said - asked) <= rounded for said, asked, rounded in shown)
