"""Where a video is: one answer for every combination of what is known of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.endings import timed_out
from shared.domain.work import Phase, Work, instance_id, phase, video_of
from tests.shared.domain.test_endings import RENDERED, RENDERING, SENT
from tests.support.states import WAITING

COLLECTING = RENDERED.with_job(collecting=True)


@pytest.mark.parametrize(
    ("work", "where"),
    [
        (replace(WAITING, admitted=False), Phase.ADMITTING),
        (WAITING, Phase.WAITING),
        (replace(SENT, attempt=replace(SENT.attempt, intent=None)), Phase.SUBMITTING),  # type: ignore[type-var]
        (SENT, Phase.SUBMITTING),
        (RENDERING, Phase.RENDERING),
        (RENDERED, Phase.RENDERING),
        (COLLECTING, Phase.COLLECTING),
        (replace(SENT, ended=True), Phase.WATCHING),
        (replace(RENDERED, ended=True), Phase.WATCHING),
        (replace(COLLECTING, ended=True), Phase.COLLECTING),
    ],
)
def test_where_a_video_is(work: Work, where: Phase) -> None:
    assert phase(work) is where
    decided = replace(work, verdict=timed_out(work))
    assert phase(decided) is Phase.FINISHING


def test_news_of_what_is_not_there_changes_nothing() -> None:
    assert WAITING.with_job(polls=3) == WAITING
    assert RENDERING.with_intent(connection_ended_at=1.0) == RENDERING
    assert SENT.with_job(polls=3) == SENT


def test_instances_are_named_after_video_and_epoch() -> None:
    assert video_of(instance_id("video_1", 7)) == "video_1"
