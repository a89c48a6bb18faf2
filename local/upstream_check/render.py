"""One clip from create to delete, through the app's own client: what it sees, the app would see."""

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from local.upstream_check.findings import Finding, lacking, ok, wrong
from local.upstream_check.free import TRACE, no_list, shows
from shared.domain.candidates import Fit, fit
from shared.domain.job import JobState, JobStatus, JobSummary, Part, identity
from shared.domain.media import kinds
from shared.domain.media.mp4 import Mp4Error, Mp4Info, Mp4Inspector
from shared.domain.profiles import Profile
from shared.domain.request import VideoRequest
from shared.settings.upstreams import Upstream
from shared.upstream.protocol import Dialect, JobGone, NoList, UpstreamError

_PAUSES = (0.25, 0.5, 1, 2, 3, 5, 8)
"""Seconds between polls; the last one from then on."""
_MOST_TROUBLES = 5
_CLOCKS = 60.0
"""Seconds by which the server's clock may be behind ours."""
_PICTURES = ("thumbnail", "spritesheet")
_RECOGNISED = 512
"""Bytes from which the kind of a file is known."""
_ROUNDED = 0.5


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


def render(clip: Clip) -> Iterator[Finding]:
    """Create the clip, follow it, fetch it, delete it. Each finding as soon as it is known."""
    try:
        job = clip.client.submit(clip.request, trace=TRACE)
    except UpstreamError as error:
        yield wrong("create", f"{type(error).__name__}: {error}")
        return
    yield ok("create", f"job {job.job_id}")
    looks = clip.upstream.speaks.can_list
    listed = _listed(clip, job) if looks else None
    ended = yield from _follow(clip, job)
    if ended is not None and ended.state is JobState.SUCCEEDED and ended.parts:
        if looks and listed is None:  # some lists lag behind
            listed = _listed(clip, job)
        yield from _content(clip, ended.parts[0])
        yield _pictures(clip, ended.parts[0])
    if looks:
        yield listed or lacking(
            "job in list",
            "its list does not show the job: it is not used to look up a lost answer",
            can_list=False,
        )
    if ended is not None:
        yield _delete(clip, job.job_id)


def _follow(clip: Clip, job: JobStatus) -> Generator[Finding, None, JobStatus | None]:
    """Poll until the job ends; returns its last state, None if that was not seen."""
    give_up, troubles = time.monotonic() + clip.patience, 0
    for pause in chain(_PAUSES, iter(lambda: _PAUSES[-1], None)):
        try:
            now = clip.client.status(job.job_id, trace=TRACE)
            troubles = 0
        except UpstreamError as error:
            troubles += 1
            if troubles >= _MOST_TROUBLES:
                yield wrong("polls", f"{type(error).__name__}: {error} {error.said}".rstrip())
                return None
            time.sleep(pause)
            continue
        if now.word not in clip.words[-1:]:
            clip.words.append(now.word)
        if now.state in (JobState.RUNNING, JobState.STRANGE):
            clip.progress.add(now.progress)
            if time.monotonic() > give_up:
                yield wrong("polls", f"{_why_still(clip, now)}; {_left(job)}")
                return None
            time.sleep(pause)
            continue
        yield from _polls(clip, now)
        return now
    raise AssertionError("the pauses do not end")


def _why_still(clip: Clip, now: JobStatus) -> str:
    if now.state is JobState.STRANGE:
        return f"the word {now.word} is not understood: wire.words can say what it means"
    return f"still {now.word} after {clip.patience:.0f} s"


def _left(job: JobStatus) -> str:
    return f"job {job.job_id} goes on there, and may cost money"


def _polls(clip: Clip, ended: JobStatus) -> Iterator[Finding]:
    words = ", ".join(clip.words)
    if ended.state is not JobState.SUCCEEDED:
        yield wrong("polls", f"{words}: {ended.message or 'no reason is given'}")
        return
    if not ended.parts:
        yield wrong("polls", f"{words}, without an output")
        return
    moving = bool(clip.progress - {None, 0, 100})
    times = [
        name
        for name, at in (("created_at", ended.created_at), ("completed_at", ended.finished_at))
        if at is None
    ]
    without = [*([] if moving else ["progress"]), *times]
    said = f"{words}; without {', '.join(without)}: the app's own is used" if without else words
    yield ok("polls", said)


def _listed(clip: Clip, job: JobStatus) -> Finding | None:
    """Whether the list shows the job as the app would find it; None if it does not show it."""
    try:
        listing = clip.client.find(time.time() - _CLOCKS, trace=TRACE)
    except NoList:
        return no_list()
    except UpstreamError as error:
        return lacking("job in list", f"the list cannot be read: {error}")
    ours = [one for one in listing.jobs if identity(one.job_id) == identity(job.job_id)]
    return _adopted(clip, ours[0]) if ours else None


def _adopted(clip: Clip, row: JobSummary) -> Finding:
    """Whether the app would adopt the job, had the answer to its create been lost."""
    speaks = clip.upstream.speaks
    how = _fit(clip, row, speaks)
    less: dict[str, Any] = {}
    if how is Fit.NO:
        less = {"lists_as_asked": False}
        if _fit(clip, row, replace(speaks, lists_as_asked=False)) is Fit.NO:
            less = {"lists_own_models": False, **less}
        how = _fit(clip, row, replace(speaks, **less))
    facts = shows(row).partition(" job ")[2]
    if how is Fit.SURE:
        return ok("job in list", f"it shows the job, {facts}", **less)
    if how is Fit.YES:
        return ok(
            "job in list",
            f"it shows the job, {facts}: of two that look alike, none is adopted",
            **less,
        )
    return lacking(
        "job in list",
        f"it shows the job as another than was asked for ({facts}): never adopted, and a lost "
        "answer ends as submit_unknown",
        **less,
    )


def _fit(clip: Clip, row: JobSummary, speaks: Profile) -> Fit:
    return fit(row, clip.request, (clip.upstream.deployment, clip.upstream.model), speaks)


def _content(clip: Clip, part: Part) -> Iterator[Finding]:
    """The MP4, checked as the app checks it."""
    inspector, size, begins = Mp4Inspector(), 0, b""
    try:
        with clip.client.open(part, trace=TRACE) as content:
            for piece in content.pieces:
                begins = begins or piece
                size += len(piece)
                inspector.feed(piece)
            announced = content.length
        info = inspector.finish()
    except Mp4Error as error:
        kind = kinds.media_type(begins)
        what = str(error) if kind in (None, kinds.VIDEO) else f"it is {kinds.named(kind)}"
        yield wrong("content", f"no usable MP4: {what}")
        return
    except UpstreamError as error:
        yield wrong("content", f"{type(error).__name__}: {error}")
        return
    if announced not in (None, size):
        yield wrong("content", f"{size:,} bytes came where {announced:,} were announced")
        return
    yield _as_asked(clip.request, info, size)


def _as_asked(asked: VideoRequest, made: Mp4Info, size: int) -> Finding:
    length = "of unknown length" if made.seconds is None else f"{made.seconds:.2f} s"
    said = f"an MP4 of {made.width}x{made.height}, {length}, {size:,} bytes"
    as_long = made.seconds is None or abs(made.seconds - asked.seconds) <= _ROUNDED
    if (made.width, made.height) == (asked.width, asked.height) and as_long:
        return ok("content", said)
    return lacking("content", f"{said}, where {asked.size} and {asked.seconds} s were asked for")


def _pictures(clip: Clip, part: Part) -> Finding:
    """Which pictures there are, whether the profile has them or not."""
    there = tuple(name for name in _PICTURES if _is_picture(clip, part, name))
    wire = {} if there == clip.upstream.speaks.pictures else {"pictures": list(there)}
    if not there:
        return lacking("pictures", "none", **wire)
    return ok("pictures", ", ".join(there), **wire)


def _is_picture(clip: Clip, part: Part, name: str) -> bool:
    begins = b""
    with suppress(UpstreamError), clip.client.open(part, trace=TRACE, variant=name) as content:
        for piece in content.pieces:
            begins += piece
            if len(begins) >= _RECOGNISED:
                break
    return kinds.media_type(begins) in kinds.IMAGES


def _delete(clip: Clip, job_id: str) -> Finding:
    """DELETE, and a look whether it is gone."""
    stays = f"job {job_id} stays there"
    if not clip.upstream.speaks.can_delete:
        return lacking("deleted", stays)
    try:
        clip.client.delete(job_id, trace=TRACE)
        clip.client.status(job_id, trace=TRACE)
    except JobGone:
        return ok("deleted", "the job is gone")
    except UpstreamError as error:
        return lacking("deleted", f"{stays}: {error}")
    return lacking("deleted", f"DELETE changes nothing: {stays}", can_delete=False)
