"""One clip from create to delete, through the app's own client: what it sees, the app would see."""

import time
from collections.abc import Generator, Iterator
from itertools import chain

from local.upstream_check.clip import Clip
from local.upstream_check.findings import Finding, lacking, ok, wrong
from local.upstream_check.free import TRACE
from local.upstream_check.listed import in_list
from local.upstream_check.outputs import content, pictures
from shared.domain.job import JobState, JobStatus
from shared.upstream.protocol import JobGone, UpstreamError

_PAUSES = (0.25, 0.5, 1, 2, 3, 5, 8)
"""Seconds between polls; the last one from then on."""
_MOST_TROUBLES = 5


def render(clip: Clip) -> Iterator[Finding]:
    """Create the clip, follow it, fetch it, delete it. Each finding as soon as it is known."""
    try:
        job = clip.client.submit(clip.request, trace=TRACE)
    except UpstreamError as error:
        yield wrong("create", f"{type(error).__name__}: {error}")
        return
    yield ok("create", f"job {job.job_id}")
    looks = clip.upstream.speaks.can_list
    listed = in_list(clip, job.job_id) if looks else None
    ended = yield from _follow(clip, job)
    if looks and listed is None:  # some lists lag behind
        listed = in_list(clip, job.job_id)
    if ended is not None and ended.state is JobState.SUCCEEDED and ended.parts:
        yield from content(clip, ended.parts[0])
        yield pictures(clip, ended.parts[0])
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
