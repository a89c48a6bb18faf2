"""Many submits in flight at a farm, in virtual time: whatever is lost, no video has two jobs and
none has another's, and the rate is used and kept."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from shared.domain.ids import new_video_id
from shared.lifecycle.services import Services
from tests.support import farm
from tests.support.farm import Farm
from tests.support.memory import in_memory

START = 1_796_000_000.0
PROMPTS = ("a fox", "an owl", "a hare", "a fox at night")

At = Callable[..., AbstractContextManager[Farm]]


@pytest.fixture
def at(services_with: Callable[..., Services]) -> At:
    """A farm behind one deployment, on tables in memory."""

    @contextmanager
    def make(profile: str = "openai", a_minute: int = 600, **renderers: Any) -> Iterator[Farm]:
        entry = farm.entry(profile, "https://farm.example", a_minute)
        app = in_memory(services_with(TIME_SCALE="1", UPSTREAMS=json.dumps([entry])))
        with farm.at(app, START, **renderers) as run:
            yield run

    return make


def order(run: Farm, prompts: list[str], every: float = 0.01) -> dict[str, str]:
    """One video for each prompt: video id -> prompt."""
    made = {}
    for number, prompt in enumerate(prompts):
        when = START + number * every
        video_id = new_video_id(int(when * 1000), number.to_bytes(10))
        made[video_id] = prompt
        request = farm.request(prompt)
        run.time.at(when, lambda v=video_id, r=request: run.admit(v, r))  # type: ignore[misc]
    return made


def bound(run: Farm) -> dict[str, str]:
    """Job id -> the video that has it, as the app sees it."""
    found = {work.job_id: work.video_id for work in run.services.work.all() if work.job_id}
    return {str(job_id): video_id for job_id, video_id in found.items()}


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("profile", ["openai", "sglang", "azure"])
def test_whatever_is_lost_nobody_has_two_jobs_or_anothers(at: At, profile: str, seed: int) -> None:
    """Answers are lost before and after the job is made; the list may show less than is known of
    it; prompts are equal, or differ."""
    chance = random.Random(seed)
    lost = {number: chance.random() for number in range(200)}
    with at(
        profile,
        create_seconds=chance.choice((0.2, 1.0, 4.0)),
        render_seconds=chance.choice((5.0, 40.0)),
        shows_prompts=chance.random() < 0.6,
        lost_before=frozenset(number for number, draw in lost.items() if draw < 0.1),
        lost_after=frozenset(number for number, draw in lost.items() if 0.1 <= draw < 0.25),
    ) as run:
        videos = order(run, [chance.choice(PROMPTS) for _ in range(40)])
        run.time.run(START + 6 * 3600)
        made_for = list(run.renderers.of_video.values())
        assert len(made_for) == len(set(made_for)), "a video has two jobs"
        for job_id, video_id in bound(run).items():
            # among equal ones any is as good; a wrong prompt is another's clip
            assert run.renderers.jobs[job_id][1] == videos[video_id]
        assert sorted(run.done + run.failed) == sorted(videos)
        assert len(bound(run)) == len(run.done)


def test_a_farm_gets_what_the_rate_allows(at: At) -> None:
    """240 a minute at a second each: one after the other would be 60."""
    with at(a_minute=240) as run:
        order(run, [f"fox {number}" for number in range(260)])
        run.time.run(START + 600)
        made = sorted(at for at, _ in run.renderers.jobs.values())
        assert len(run.done) == len(made) == 260
        assert run.renderers.most_flying == 32
        assert sum(at < made[0] + 60 for at in made) == 240
        assert all(later - earlier >= 60 for earlier, later in zip(made, made[240:], strict=False))
        assert made[-1] < made[0] + 70


def test_equal_requests_follow_each_other(at: At) -> None:
    with at() as run:
        order(run, ["a fox"] * 20)
        run.time.run(START + 600)
        assert len(run.done) == 20
        assert run.renderers.most_flying == 1
