"""Which states of a video are legal, and what may follow what: written down by hand, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from shared.domain.work import Phase, RunningJob, Work, phase
from shared.storage.work import WorkTable

WAITING = Work(
    video_id="video_1",
    caller="key:a",
    model="sora-2",
    epoch=1,
    created_at=0.0,
    heartbeat_at=0.0,
    queue_deadline=9e9,
    deployments=("d",),
    day="2026-11-29",
    reserved=400_000,
    expected=60.0,
)
"""A video that waits for its turn, with nothing behind it."""
RUNNING = RunningJob(id="job", created_at=0.0, expires_at=9e9, deadline=9e9)

FOLLOWS: Mapping[Phase, frozenset[Phase]] = {
    Phase.ADMITTING: frozenset({Phase.ADMITTING, Phase.WAITING, Phase.FINISHING}),
    Phase.WAITING: frozenset({Phase.WAITING, Phase.SUBMITTING, Phase.FINISHING}),
    Phase.SUBMITTING: frozenset(
        {Phase.SUBMITTING, Phase.WAITING, Phase.RENDERING, Phase.FINISHING}
    ),
    Phase.RENDERING: frozenset({Phase.RENDERING, Phase.WAITING, Phase.COLLECTING, Phase.FINISHING}),
    Phase.COLLECTING: frozenset({Phase.COLLECTING, Phase.FINISHING, Phase.WATCHING}),
    Phase.FINISHING: frozenset({Phase.FINISHING, Phase.WATCHING}),
    Phase.WATCHING: frozenset({Phase.WATCHING, Phase.COLLECTING, Phase.FINISHING}),
}
"""Backwards goes only who is turned away or rendered once more; nobody leaves an end that is
decided but to be watched."""


def flaws(work: Work) -> list[str]:
    """What contradicts itself in a video's state."""
    job, found = work.job, []
    if not work.admitted and (work.attempt or work.ended or work.posts):
        found.append("work on what nobody has admitted")
    if work.sent and work.posts == 0:
        found.append("sent without a POST")
    if work.posts > 2:
        found.append("POSTed more than twice")
    if work.attempt is not None and work.hint is not None:
        found.append("waits to be told although its turn has come")
    if work.move is not None and (work.attempt is not None or work.hint is not None or work.ended):
        found.append("moves although it does not wait, or stands in line")
    if work.attempt is not None and work.attempt.deployment not in work.deployments:
        found.append("at a deployment where it may not go")
    if job is not None and job.collecting and not job.parts:
        found.append("collects what has not been rendered")
    if job is not None and job.parts and not job.slot_freed:
        found.append("holds the slot of a job that is over")
    return found


@contextmanager
def watched(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every state that anybody writes is legal, and may follow the one that it replaces."""
    insert, replace = WorkTable.insert, WorkTable.replace

    def inserted(self: WorkTable, work: Work) -> Work:
        assert flaws(work) == [], work
        return insert(self, work)

    def replaced(self: WorkTable, work: Work) -> Work:
        before = self.get(work.video_id)
        assert flaws(work) == [], work
        if before is not None and before.version == work.version:
            assert phase(work) in FOLLOWS[phase(before)], (phase(before), phase(work))
            assert work.ended or not before.ended, "a video that has ended goes on"
        return replace(self, work)

    with patch.context() as patched:
        patched.setattr(WorkTable, "insert", inserted)
        patched.setattr(WorkTable, "replace", replaced)
        yield
