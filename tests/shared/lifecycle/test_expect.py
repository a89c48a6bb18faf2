"""What is expected of a render: learned from earlier ones, and one number for all who ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from shared.domain import latency, polling
from shared.domain.job import JobState, JobStatus
from shared.domain.request import VideoRequest
from shared.domain.work import Attempt, Phase, Work
from shared.lifecycle import expect
from shared.lifecycle.background.sweep import _allowed
from shared.lifecycle.services import Services
from shared.lifecycle.steps import follow_job, submit_job, take_turn
from shared.storage.latencies import Latencies, StoredSketch
from shared.upstream.protocol import Dialect
from tests.conftest import TIME_SCALE, Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.support.clock import Clock
from tests.support.states import RUNNING

REQUEST = VideoRequest(model="sora-2", prompt="p", width=720, height=1280, seconds=4)


class Counting(Latencies):
    """Counts what is asked and what is written."""

    def __init__(self, inner: Latencies) -> None:
        self.inner, self.asked, self.written = inner, 0, 0

    def get(self, deployment: str, kind: str, *, now: float, fresh: float) -> StoredSketch:
        self.asked += 1
        return self.inner.get(deployment, kind, now=now, fresh=fresh)

    def replace(self, stored: StoredSketch, sketch: latency.Sketch, *, now: float) -> StoredSketch:
        self.written += 1
        return self.inner.replace(stored, sketch, now=now)


class Reporting:
    """A deployment whose job runs for ever and reports `progress`."""

    def __init__(self, client: Dialect, progress: int | None = None) -> None:
        self._client = client
        self.progress = progress

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        job = self._client.status(job_id, trace=trace)
        return replace(
            job, state=JobState.RUNNING, word="in_progress", progress=self.progress, parts=()
        )


@dataclass
class Followed:
    """A video that renders in virtual time, at an upstream that nothing was learned of."""

    services: Services
    job: Job
    clock: Clock
    upstream: Reporting
    wait: float

    def look(self) -> int:
        """Sleep until the next poll, and poll: the progress that is reported to the host."""
        self.clock.now += self.wait
        result = follow_job.follow_job(self.services, self.job.id, 1).result
        assert result["outcome"] == "rendering"
        self.wait = result["wait"]
        return result["progress"]


@pytest.fixture
def followed(services_with: Callable[..., Services], simulator: Simulator) -> Followed:
    services = services_with(TIME_SCALE="1")
    client = services.client("sora-2")
    assert client is not None
    upstream = Reporting(client)
    services.upstreams._clients["sora-2"] = upstream
    clock = Clock()
    services = replace(services, clock=clock)
    job = Order(services, simulator)()
    assert take_turn.take_turn(services, job.id, 1, "hint").result["outcome"] == "granted"
    submitted = submit_job.submit_job(services, job.id, 1).result
    assert submitted["outcome"] == "submitted"
    return Followed(services, job, clock, upstream, submitted["wait"])


class SeenRunningOnce:
    """A deployment whose job is running when it is looked at first, however late that is."""

    def __init__(self, client: Dialect) -> None:
        self._client = client
        self._looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        job = self._client.status(job_id, trace=trace)
        self._looks += 1
        if self._looks > 1:
            return job
        return replace(job, state=JobState.RUNNING, word="in_progress", progress=10, parts=())


JOB = replace(RUNNING, created_at=1000.0)


def work() -> Work:
    return Work(
        video_id="video_1",
        caller="key:local",
        model="sora-2",
        epoch=1,
        created_at=900.0,
        heartbeat_at=1100.0,
        queue_deadline=9e9,
        deployments=("sora-2",),
        day="2026-11-21",
        reserved=1,
        expected=0.7,
        kind=expect.kind_of(REQUEST),
        posts=1,
        attempt=Attempt(deployment="sora-2", job=JOB),
    )


def ended(created_at: float | None, finished_at: float | None) -> JobStatus:
    return JobStatus(
        job_id="job",
        state=JobState.SUCCEEDED,
        word="completed",
        progress=100,
        created_at=created_at,
        finished_at=finished_at,
        expires_at=None,
    )


@pytest.mark.parametrize(
    ("job", "seconds"),
    [
        (ended(1000, 1104), 104),
        (ended(5000, 5104), 104),  # its clock is another, its seconds are the same
        (ended(1000, 1099.4), 100),  # cut to whole seconds: it still ran after 100 s
        (ended(1000, 1050), 51),  # a last look that failed saw nothing; one second is believed
        (ended(1000, 9000), 110),  # it was over by then
        (ended(1000, 900), 0),
        (ended(1000, None), 105),  # between two looks
        (ended(None, 1104), 105),
    ],
)
def test_how_long_a_render_took(job: JobStatus, seconds: float) -> None:
    took = expect.took(work(), JOB, job, 1110.0)
    assert took == pytest.approx(seconds, abs=1.01 if seconds == 0 else 0.01)


def test_the_first_renders_are_expected_as_shipped(services: Services, order: Order) -> None:
    job = order()
    guess = polling.expected_render_seconds(720, 1280, 4) / TIME_SCALE
    assert job.work is not None
    assert job.work.expected == pytest.approx(guess, rel=0.02)


def test_what_was_learned_gives_every_estimate(
    services: Services, order: Order, simulator: Simulator
) -> None:
    simulator.script({"operation": "create", "action": {"type": "render_time", "seconds": 40_000}})
    for _ in range(10):
        expect.learn(services, work(), 4000 / TIME_SCALE)
    began = time.time()
    job = order()
    estimate = job.video.estimated_completion_at
    assert estimate is not None
    assert job.work is not None
    ahead = job.work.expected
    assert ahead == pytest.approx(4000 / TIME_SCALE, rel=0.15)
    assert began + ahead - 1 <= estimate <= time.time() + ahead + 1  # in whole seconds

    take_turn.take_turn(services, job.id, 1, "hint")
    began = time.time()
    submitted = submit_job.submit_job(services, job.id, 1).result
    assert job.work is not None
    known = job.work.job
    assert known is not None
    step = polling.plan(latency.loads(known.sketch or ""), expected=1)
    assert submitted["wait"] == pytest.approx(step.pause / TIME_SCALE, rel=0.05)
    assert submitted["wait"] > 20 / TIME_SCALE
    estimate = job.video.estimated_completion_at
    assert estimate is not None
    ahead = step.remaining / TIME_SCALE
    assert began + ahead - 1 <= estimate <= time.time() + ahead + 1
    looked = follow_job.follow_job(services, job.id, 1).result
    assert looked["outcome"] == "rendering"
    assert looked["wait"] <= polling.LONGEST_PAUSE / TIME_SCALE


def test_other_renders_are_not_expected_to_be_alike(services: Services, order: Order) -> None:
    for _ in range(10):
        expect.learn(services, work(), 4000 / TIME_SCALE)
    for other in (order(seconds=8), order("sora")):
        assert other.work is not None
        assert other.work.expected < 400 / TIME_SCALE


def test_a_render_that_succeeded_is_learned_once(services: Services, order: Order) -> None:
    counting = Counting(services.latencies)
    client = services.client("sora-2")
    assert client is not None
    services.upstreams._clients["sora-2"] = SeenRunningOnce(client)
    job = order()
    job.services = replace(services, latencies=counting)
    calls = job.drive()
    assert calls.count("follow_job") > 1
    # submit looks (kept from the admission a moment ago), the end looks and writes
    assert (counting.asked, counting.written) == (2, 1)
    kept = services.latencies.get("sora-2", expect.kind_of(REQUEST), now=time.time(), fresh=0)
    assert kept.sketch is not None
    assert len(kept.sketch.durations) == 1


def test_a_render_that_failed_teaches_nothing(
    services: Services, order: Order, simulator: Simulator
) -> None:
    job = order(prompt="moderation-blocked")
    job.drive()
    assert job.video.error is not None
    found = services.latencies.get("sora-2", expect.kind_of(REQUEST), now=time.time(), fresh=0)
    assert found.sketch is None


@pytest.mark.parametrize("sketch", [None, "[1,[1.0,4.7622,0.1301,4.0,0.25]]", "?"])
def test_a_job_of_an_older_release_goes_on(services: Services, sketch: str | None) -> None:
    old = work().with_job(sketch=sketch)
    assert expect.of(old) == latency.UNLEARNED
    ahead = expect.next_of(services, old, 1000.0, sketch=expect.of(old))
    assert ahead.poll == pytest.approx(3 / TIME_SCALE)
    assert ahead.end == pytest.approx(0.7)


@pytest.mark.parametrize("progress", [None, 0, 1, 40])
def test_before_anything_is_learned_an_end_is_noticed_early(
    followed: Followed, progress: int | None
) -> None:
    """Whenever the render ends: an end right after a look is the one that is noticed last."""
    followed.upstream.progress = progress
    work = followed.job.work
    assert work is not None
    assert work.job is not None
    began = work.job.created_at
    last = 3.0
    while last < 2700:
        followed.wait += 1.0  # timers and queues
        noticed = followed.clock.now + followed.wait - began
        assert noticed <= 1.25 * last + 5
        followed.look()
        last = noticed


def test_a_progress_that_stays_zero_is_estimated_from_the_time(followed: Followed) -> None:
    told = []
    for progress in (None, 0):
        followed.upstream.progress = progress
        told += [followed.look() for _ in range(4)]
    assert told[-1] >= 40
    assert told == sorted(told)
    assert followed.job.video.progress == told[-1]


def test_a_progress_that_stays_zero_delays_no_poll(services: Services) -> None:
    learned = latency.Sketch((150.0, 200.0, 250.0))
    old = work().with_job(progress=0, progress_at=1000.0)
    at = 1000.0 + 160 / TIME_SCALE
    zero, none = (
        expect.next_of(services, old, at, sketch=learned, progress=progress)
        for progress in (0, None)
    )
    assert zero == none


def test_a_shown_progress_never_falls(followed: Followed) -> None:
    for _ in range(6):
        estimated = followed.look()
    assert estimated > 40
    followed.upstream.progress = 5
    assert followed.look() == estimated
    assert followed.job.video.progress == estimated
    followed.upstream.progress = 90
    assert followed.look() == 90
    followed.upstream.progress = None
    assert followed.look() == followed.job.video.progress >= 90


def test_a_video_of_an_older_release_goes_on(services: Services, order: Order) -> None:
    job = order()
    stored = job.work
    assert stored is not None
    services.work.replace(replace(stored, kind=None))
    job.drive()
    assert job.video.status == "completed"


def test_a_patient_worker_is_not_taken_for_dead(services: Services) -> None:
    """Whoever sleeps as long as the schedule allows still leaves a heartbeat in time."""
    durations = services.settings.durations
    allowed = _allowed(services)
    longest = polling.LONGEST_PAUSE + polling.SAFETY
    assert allowed[Phase.RENDERING] >= durations.of(longest + 60)
    assert allowed[Phase.WAITING] >= durations.longest_wait + durations.of(60)
    assert allowed[Phase.WATCHING] >= durations.of(5 * follow_job._WATCH_PAUSE + 60)


@pytest.mark.parametrize(
    ("called_back", "sketch", "seconds"),
    [
        (True, latency.UNLEARNED, 110),
        (False, latency.UNLEARNED, 105),
        # the safety poll: the callback was lost
        (False, latency.Sketch((70.0,), announced=True), 102),
    ],
)
def test_when_a_render_without_times_has_ended(
    called_back: bool, sketch: latency.Sketch, seconds: float
) -> None:
    job = replace(JOB, called_back=called_back, sketch=latency.dumps(sketch))
    known = replace(work(), expected=102.0, attempt=Attempt(deployment="sora-2", job=job))
    assert expect.took(known, job, ended(None, None), 1110.0) == seconds
