"""The life of a video: whatever is tried in whatever order, the table 'Endings' holds."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from shared.domain.errors import Failure
from shared.domain.request import VideoRequest
from shared.domain.video import (
    Cost,
    CostState,
    IllegalTransition,
    Output,
    Stage,
    Status,
    Video,
    advance,
    cancel,
    complete,
    fail,
    with_cost,
)

OUTPUT = Output(
    index=0,
    blob="b",
    content_type="video/mp4",
    size_bytes=1,
    sha256="0" * 64,
    width=720,
    height=1280,
    seconds=4.0,
)
RESERVED = Cost(estimated=400_000, actual=None, state=CostState.RESERVED, price_version="p")
SETTLED = replace(RESERVED, actual=400_000, state=CostState.SETTLED)
UNKNOWN = replace(RESERVED, state=CostState.UNKNOWN)
RELEASED = replace(RESERVED, actual=0, state=CostState.RELEASED)

STATUS_OF = {  # transcribed from the design
    "accepted": "queued",
    "waiting_for_quota": "queued",
    "submitting": "in_progress",
    "rendering": "in_progress",
    "collecting": "in_progress",
}


def video() -> Video:
    return Video(
        id="video_" + "0" * 32,
        caller="key:a",
        request=VideoRequest(model="sora-2", prompt="p", width=720, height=1280, seconds=4),
        status=Status.QUEUED,
        stage=Stage.ACCEPTED,
        progress=0,
        created_at=1,
        cost=RESERVED,
    )


def failure(code: str) -> Failure:
    return Failure(code=code, message="m", stage="rendering", retryable=False, charged=None)


class Life(RuleBasedStateMachine):
    """Random transitions, checked against the rules as the design words them."""

    def __init__(self) -> None:
        super().__init__()
        self.video = video()
        self.ends = 0

    def try_(self, change: object, allowed: bool) -> None:
        if not allowed:
            with pytest.raises(IllegalTransition):
                change()  # type: ignore[operator]
            return
        self.video = change()  # type: ignore[operator]
        self.ends += self.video.status not in (Status.QUEUED, Status.IN_PROGRESS)

    @property
    def running(self) -> bool:
        return self.video.status in ("queued", "in_progress")

    @rule(stage=st.sampled_from(Stage), progress=st.none() | st.integers(0, 150))
    def advances(self, stage: Stage, progress: int | None) -> None:
        self.try_(lambda: advance(self.video, stage, progress=progress), self.running)
        if self.running:
            assert self.video.status == STATUS_OF[stage]

    @rule()
    def completes(self) -> None:
        error = self.video.error
        rescue = self.video.status == "failed" and error is not None
        rescue = rescue and error is not None and error.code in ("timed_out", "submit_unknown")
        was_running = self.running
        self.try_(
            lambda: complete(self.video, (OUTPUT,), SETTLED, at=5, expires_at=None),
            was_running or rescue,
        )
        if was_running or rescue:
            assert self.video.rescued == rescue

    @rule(code=st.sampled_from(["timed_out", "submit_unknown", "moderation_blocked", "lost"]))
    def fails(self, code: str) -> None:
        self.try_(lambda: fail(self.video, failure(code), UNKNOWN, at=5), self.running)

    @rule()
    def cancels(self) -> None:
        self.try_(lambda: cancel(self.video, UNKNOWN, at=5), self.running)

    @precondition(lambda self: not self.running)
    @rule()
    def cost_becomes_known(self) -> None:
        allowed = self.video.cost.state is CostState.UNKNOWN
        before = self.video
        self.try_(lambda: with_cost(self.video, RELEASED), allowed)
        if allowed:
            assert self.video == replace(before, cost=RELEASED)

    @invariant()
    def shown_as_the_api_promises(self) -> None:
        seen = self.video
        assert seen.status in ("queued", "in_progress", "completed", "failed", "cancelled")
        assert (seen.stage is None) == (not self.running)
        assert (seen.progress == 100) == (seen.status == "completed")
        assert bool(seen.outputs) == (seen.status == "completed")
        assert (seen.error is None) == (seen.status != "failed")
        assert (seen.completed_at is None) == self.running
        if not self.running:
            assert seen.cost.state is not CostState.RESERVED


TestLife = Life.TestCase


@given(st.lists(st.integers(0, 200), min_size=1))
def test_progress_of_rendering_never_falls_and_stays_below_100(values: list[int]) -> None:
    seen = video()
    last = 0
    for value in values:
        seen = advance(seen, Stage.RENDERING, progress=value)
        assert last <= seen.progress <= 99
        last = seen.progress


def test_completed_needs_an_output() -> None:
    with pytest.raises(IllegalTransition):
        complete(video(), (), SETTLED, at=5, expires_at=None)
