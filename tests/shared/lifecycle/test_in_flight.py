"""Several submissions in flight: each lost answer finds its own job, and those that a list cannot
tell apart follow each other."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.video import Status
from shared.lifecycle import line
from shared.lifecycle.services import Services
from shared.lifecycle.steps import submit_job, take_turn
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.shared.lifecycle.test_living_servers import until_ended
from tests.support.fake_upstream import DroppedError, FakeUpstream, serving
from tests.support.movies import movie

Patch = pytest.MonkeyPatch
PROMPTS = ("a fox", "an owl", "a hare")


class Remembers(FakeUpstream):
    """Its list shows the prompts."""

    def make(self, **changes: Any) -> dict[str, Any]:
        body = self.sent[-1][1].decode(errors="replace")
        (prompt,) = [each for each in PROMPTS if each in body]
        return super().make(**{"prompt": prompt, **changes})


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with serving(movie(frames=48), Remembers) as running:
        yield running


Start = Callable[..., Callable[[str], Job]]


@pytest.fixture
def start(
    services_with: Callable[..., Services], simulator: Simulator, upstream: FakeUpstream
) -> Start:
    """Services with one deployment at the fake upstream, which has room for many."""

    def make(profile: str = "openai", **changes: Any) -> Callable[[str], Job]:
        entry = {
            "name": "wan",
            "profile": profile,
            "endpoint": upstream.url,
            "path_prefix": "/v1",
            "deployment": "wan",
            "model": "wan",
            "auth": {"type": "none"},
            "max_running": 9,
            "max_creates_per_minute": 60,
            "prices": {"version": "v", "usd_per_second": "0.05"},
            "capabilities": {"sizes": ["1280x720"], "seconds": [4]},
            **changes,
        }
        order = Order(services_with(UPSTREAMS=json.dumps([entry])), simulator)
        return lambda prompt: order("wan", prompt, width=1280, height=720)

    return make


def turn(job: Job) -> str:
    return take_turn.take_turn(job.services, job.id, 1, "h").result["outcome"]


def send(job: Job) -> str:
    return submit_job.submit_job(job.services, job.id, 1).result["outcome"]


def clip_of(job: Job, upstream: FakeUpstream) -> str | None:
    """The prompt of the upstream job that a video has."""
    found = upstream.jobs.get(job.video.job_id or "")
    return None if found is None else found["prompt"]


def all_lost(job: dict[str, Any]) -> Any:
    raise DroppedError


def test_answers_that_are_all_lost_at_once_find_their_own_jobs(
    start: Start, upstream: FakeUpstream
) -> None:
    upstream.creating = all_lost
    order = start()
    jobs = [order(prompt) for prompt in PROMPTS]
    assert [turn(job) for job in jobs] == ["granted"] * 3
    assert [send(job) for job in jobs] == ["reconcile"] * 3
    for job in reversed(jobs):
        job.drive()
    assert [clip_of(job, upstream) for job in jobs] == list(PROMPTS)
    assert [job.video.status for job in jobs] == [Status.COMPLETED] * 3
    assert len(upstream.sent) == 3


def test_a_lost_answer_takes_no_job_whose_answer_is_still_on_its_way(
    start: Start, upstream: FakeUpstream
) -> None:
    """The list shows less than it is known for: what may be the other's is left alone."""
    order = start()
    mine, other = order("a fox"), order("an owl")
    assert [turn(mine), turn(other)] == ["granted"] * 2

    def seen_meanwhile(job: dict[str, Any]) -> Any:
        assert send(mine) == "reconcile"
        return 200, job

    upstream.creating = upstream.unmade
    send(mine)
    upstream.listing = lambda jobs: (200, {"data": [{**job, "prompt": None} for job in jobs]})
    upstream.creating = seen_meanwhile
    assert send(other) == "submitted"
    assert mine.work is not None
    assert mine.work.job is None
    upstream.creating = lambda job: (200, job)
    other.drive()
    mine.drive()
    assert [clip_of(mine, upstream), clip_of(other, upstream)] == ["a fox", "an owl"]
    assert len(upstream.jobs) == 2


def test_lost_answers_that_cannot_be_told_apart_after_all_get_no_job_and_no_second_one(
    start: Start, upstream: FakeUpstream
) -> None:
    upstream.creating = all_lost
    upstream.listing = lambda jobs: (200, {"data": [{**job, "prompt": None} for job in jobs]})
    order = start()
    jobs = [order("a fox"), order("an owl")]
    assert [turn(job) for job in jobs] == ["granted"] * 2
    for job in jobs:
        send(job)
    for job in jobs:
        until_ended(job)
    assert [job.video.error and job.video.error.code for job in jobs] == ["submit_unknown"] * 2
    assert len(upstream.sent) == 2


@pytest.mark.parametrize(
    ("profile", "wire", "together"),
    [
        ("openai", {}, ["granted", "waiting", "granted"]),
        ("vllm-omni", {}, ["granted", "waiting", "granted"]),
        ("sglang", {}, ["granted", "waiting", "waiting"]),
        ("sglang", {"list_shows": ["prompt"]}, ["granted", "waiting", "granted"]),
        ("openai", {"list_shows": []}, ["granted", "waiting", "waiting"]),
        ("new-api", {}, ["granted", "granted", "granted"]),
    ],
)
def test_who_may_be_in_flight_together_is_what_the_list_tells_apart(
    start: Start, profile: str, wire: dict[str, Any], together: list[str]
) -> None:
    order = start(profile, wire=wire)
    jobs = [order("a fox"), order(" a  fox "), order("an owl")]
    assert [turn(job) for job in jobs] == together


def test_an_unresolved_submission_holds_up_only_its_likes(
    start: Start, upstream: FakeUpstream
) -> None:
    """The list cannot be read, so nobody knows whether the first one has a job."""
    upstream.creating = all_lost
    upstream.listing = lambda jobs: (500, {"error": "database is locked"})
    order = start()
    unresolved, alike, other = order("a fox"), order("a fox"), order("an owl")
    assert turn(unresolved) == "granted"
    send(unresolved)
    upstream.creating = lambda job: (200, job)
    assert turn(alike) == "waiting"
    other.drive()
    assert other.video.status is Status.COMPLETED
    upstream.listing = lambda jobs: (200, {"data": jobs})
    unresolved.drive()
    alike.drive()
    assert [clip_of(job, upstream) for job in (unresolved, alike, other)] == [
        "a fox",
        "a fox",
        "an owl",
    ]
    assert unresolved.video.job_id != alike.video.job_id
    assert len(upstream.jobs) == 3


def test_one_that_was_given_up_keeps_no_later_one_from_its_own_job(
    start: Start, upstream: FakeUpstream
) -> None:
    """Nobody alike was sent until its job could not be confused with one of theirs."""

    upstream.creating = upstream.unmade
    order = start(wire={"list_is_own": False})  # so that no absence is proved
    given_up, later = order("a fox"), order("a fox")
    assert turn(given_up) == "granted"
    until_ended(given_up)
    assert given_up.video.error is not None
    assert given_up.video.error.code == "submit_unknown"
    assert given_up.work is not None, "it is looked for as long as its job may turn up"

    def lost_after(job: dict[str, Any]) -> Any:
        # at this time scale a whole second is longer than the wait between the two
        job["created_at"] = time.time()
        raise DroppedError

    upstream.creating = lost_after
    later.drive()
    assert later.video.status is Status.COMPLETED
    assert clip_of(later, upstream) == "a fox"
    assert len(upstream.jobs) == 1


def test_one_decision_gives_every_turn_that_there_is(start: Start) -> None:
    """Whoever looks first calls the others, by one write."""
    order = start(max_running=2)
    jobs = [order(prompt) for prompt in PROMPTS]
    services = jobs[0].services
    for job in jobs:
        services.deployments.change(line.limits(services, services.settings.upstreams[0]), paused)
        assert turn(job) == "waiting"
    services.deployments.change(line.limits(services, services.settings.upstreams[0]), resumed)
    _, hints = line.call_next(services)
    assert [hint["instance"] for hint in hints] == [f"{job.id}-1" for job in jobs[:2]]


def paused(state: Any) -> Any:
    return replace(state, paused=True)


def resumed(state: Any) -> Any:
    return replace(state, paused=False)
