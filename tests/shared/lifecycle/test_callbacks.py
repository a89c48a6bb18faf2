"""A callback makes a look happen now: it is never believed, never lost to a look, and bounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.domain import errors, latency, polling
from shared.domain.job import JobState, JobStatus
from shared.domain.latency import Sketch
from shared.domain.work import RunningJob
from shared.durable.names import Hint
from shared.lifecycle import expect
from shared.lifecycle.requests.callbacks import called_back
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import follow_job, submit_job, take_turn
from shared.upstream.protocol import Dialect
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Job, Order
from tests.shared.lifecycle.test_expect import REQUEST
from tests.support.clock import Clock

KIND = expect.kind_of(REQUEST)
UNSIGNED: dict[str, Any] = {
    "callback": {},
    "wire": {"calls_back": "openrouter", "can_delete_running": False},
}
SIGNED: dict[str, Any] = {
    "callback": {"secret_setting": "HOOK"},
    "wire": {"calls_back": "standard"},
}


@dataclass
class Upstream:
    """A deployment whose jobs run until a test says that they have ended."""

    client: Dialect
    ended: bool = False
    looks: int = 0
    meanwhile: Callable[[], Any] = field(default=lambda: None)
    """What happens after the upstream has looked at a job, and before we know its answer."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        self.looks += 1
        job = self.client.status(job_id, trace=trace)
        state = JobState.SUCCEEDED if self.ended else JobState.RUNNING
        told = replace(job, state=state, progress=None, created_at=None, finished_at=None)
        self.meanwhile()
        return replace(told, parts=job.parts if self.ended else ())


class Counted:
    """A table that counts what is asked of it."""

    def __init__(self, table: Any, counts: dict[str, int]) -> None:
        self._table, self._counts = table, counts

    def __getattr__(self, name: str) -> Any:
        self._counts[name] = self._counts.get(name, 0) + 1
        return getattr(self._table, name)


@dataclass
class Rendering:
    """A video that renders in virtual time, and its worker."""

    services: Services
    clock: Clock
    upstream: Upstream
    order: Order
    result: Any = None
    job: Job | None = None

    def begin(self) -> None:
        self.upstream.ended = False
        self.job = self.order()
        assert (
            take_turn.take_turn(self.services, self.job.id, 1, "h").result["outcome"] == "granted"
        )
        self.result = submit_job.submit_job(self.services, self.job.id, 1).result
        assert self.result["outcome"] == "submitted"

    @property
    def id(self) -> str:
        assert self.job is not None
        return self.job.id

    @property
    def known(self) -> RunningJob:
        work = self.services.work.get(self.id)
        assert work is not None
        assert work.job is not None
        return work.job

    def sleep(self, seconds: float | None = None) -> None:
        self.clock.now += self.result["wait"] if seconds is None else seconds

    def look(self) -> Any:
        self.result = follow_job.follow_job(self.services, self.id, 1).result
        return self.result

    def call(self, job_id: str | None = None, deployment: str = "sora-2") -> tuple[Hint, ...]:
        """The upstream calls back."""
        body = {"type": "video.completed", "data": {"id": job_id or self.known.id}}
        return called_back(self.services, deployment, {}, json.dumps(body).encode())

    def learned(self) -> Sketch | None:
        return self.services.latencies.get("sora-2", KIND, now=self.clock.now, fresh=0).sketch

    def learn(self, *seconds: float, announced: bool = True) -> None:
        stored = self.services.latencies.get("sora-2", KIND, now=self.clock.now, fresh=0)
        sketch = Sketch(seconds, announced)
        self.services.latencies.replace(stored, sketch, now=self.clock.now)


Start = Callable[..., Rendering]


@pytest.fixture
def start(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> Start:
    def started(entry: dict[str, Any] = UNSIGNED) -> Rendering:
        # only the model of this test: the other dialect does not call back
        entries = [each for each in json.loads(upstreams()) if each["model"] == "sora-2"]
        setting = json.dumps([{**each, **entry, "max_creates_per_minute": 100} for each in entries])
        services = services_with(TIME_SCALE="1", UPSTREAMS=setting)
        client = services.client("sora-2")
        assert client is not None
        upstream, clock = Upstream(client), Clock()
        services.upstreams._clients["sora-2"] = upstream
        services = replace(services, clock=clock)
        return Rendering(services, clock, upstream, Order(services, simulator))

    return started


@pytest.fixture
def rendering(start: Start) -> Rendering:
    found = start()
    found.begin()
    return found


def test_a_callback_ends_the_wait_of_the_worker_that_follows_its_job(rendering: Rendering) -> None:
    rendering.sleep(1)
    assert rendering.call() == (
        {"instance": f"{rendering.id}-1", "event": rendering.result["hint"]},
    )
    rendering.sleep(1.5)
    rendering.upstream.ended = True
    assert rendering.look()["outcome"] == "rendered"
    assert rendering.upstream.looks == 1


def test_every_wait_has_its_own_event(rendering: Rendering) -> None:
    names = {rendering.result["hint"]}
    for _ in range(3):
        rendering.sleep()
        names.add(rendering.look()["hint"])
        assert rendering.known.callback == rendering.result["hint"]
    assert len(names) == 4


def test_an_early_or_forged_call_is_an_ordinary_look(rendering: Rendering) -> None:
    rendering.sleep(3)
    assert rendering.call()
    looked = rendering.look()
    assert (looked["outcome"], rendering.known.polls) == ("rendering", 1)
    plan = polling.plan(latency.UNLEARNED, expected=1, elapsed=3.0)
    assert looked["wait"] == pytest.approx(plan.pause, abs=0.5)
    # and the real one is heard
    rendering.sleep(2)
    assert rendering.call()[0]["event"] == looked["hint"]


def test_many_calls_are_one_event_and_one_look_in_each_shortest_pause(
    rendering: Rendering,
) -> None:
    rendering.sleep(30)
    events = looks = 0
    for _ in range(100):  # ten seconds
        events += len(rendering.call())
        before = rendering.upstream.looks
        waited = rendering.look()
        looks += rendering.upstream.looks - before
        assert waited["outcome"] == "rendering"
        assert waited["wait"] <= polling.LONGEST_PAUSE
        rendering.clock.now += 0.1
    assert looks == 10 / polling.SHORTEST_PAUSE
    assert looks <= events <= looks + 1  # the last may be still on its way


def test_a_look_that_comes_too_soon_waits_for_the_rest(rendering: Rendering) -> None:
    rendering.sleep()
    rendering.look()
    rendering.clock.now += 0.5
    assert rendering.call()
    waited = rendering.look()
    assert waited["wait"] == pytest.approx(polling.SHORTEST_PAUSE - 0.5)
    assert rendering.upstream.looks == 1
    rendering.sleep()
    rendering.look()
    assert rendering.upstream.looks == 2


def test_a_call_during_a_look_is_not_lost(rendering: Rendering) -> None:
    """The upstream has said 'running', the render ends, and the call is faster than the answer."""
    rendering.sleep()
    rendering.upstream.meanwhile = rendering.call
    looked = rendering.look()
    assert looked["wait"] == polling.SHORTEST_PAUSE
    rendering.upstream.meanwhile = lambda: None
    rendering.upstream.ended = True
    rendering.sleep()
    assert rendering.look()["outcome"] == "rendered"
    assert rendering.learned() == Sketch(rendering.learned().durations, announced=True)  # type: ignore[union-attr]


def test_a_call_costs_two_reads_and_the_first_one_a_write(rendering: Rendering) -> None:
    services, counts = rendering.services, dict[str, int]()
    for store in (services.work, services.jobs):
        store._table = Counted(store._table, counts)  # type: ignore[assignment]
    rendering.sleep()
    known = rendering.known.id
    counts.clear()
    assert rendering.call(known)
    assert counts == {"get": 2 + 1, "replace": 1}  # one is of the test: `states.watched`
    counts.clear()
    assert rendering.call(known) == ()
    assert counts == {"get": 2}
    counts.clear()
    assert rendering.call("video_of_nobody") == ()
    assert counts == {"get": 1}


def test_a_call_about_anything_else_is_heard_and_changes_nothing(rendering: Rendering) -> None:
    services = rendering.services
    before = services.work.get(rendering.id)
    assert rendering.call("video_of_nobody") == ()
    assert services.work.get(rendering.id) == before
    job_id = rendering.known.id
    rendering.sleep()
    rendering.upstream.ended = True
    assert rendering.look()["outcome"] == "rendered"
    assert rendering.call(job_id) == ()  # it is being collected
    services.jobs.close("sora-2", job_id)
    assert rendering.call(job_id) == ()


def test_the_worker_of_a_later_epoch_is_told(rendering: Rendering) -> None:
    work = rendering.services.work.get(rendering.id)
    assert work is not None
    rendering.services.work.replace(replace(work, epoch=2))
    assert rendering.call()[0]["instance"] == f"{rendering.id}-2"


def test_the_heartbeat_of_a_replaced_worker_delays_no_look(rendering: Rendering) -> None:
    """After restarts it is ahead of now."""
    assert rendering.call()
    work = rendering.services.work.get(rendering.id)
    assert work is not None
    rendering.services.work.replace(replace(work, heartbeat_at=rendering.clock.now + 600))
    rendering.look()
    assert rendering.upstream.looks == 1


def test_a_call_frees_the_slot_of_a_cancelled_video(rendering: Rendering) -> None:
    assert rendering.job is not None
    rendering.sleep(3)
    cancel_video(rendering.services, rendering.job.video)
    watched = rendering.look()
    assert watched["outcome"] == "watching"
    rendering.sleep(5)
    assert rendering.call()[0]["event"] == watched["hint"]
    rendering.upstream.ended = True
    assert rendering.look()["outcome"] == "decided"
    assert rendering.known.id
    assert rendering.upstream.looks == 2


def test_without_callbacks_nothing_is_different(start: Start) -> None:
    plain = start({})
    plain.learn(100.0, 110.0, 120.0)  # as if there had been some before
    plain.begin()
    assert "hint" not in plain.result
    first = polling.plan(Sketch((100.0, 110.0, 120.0)), expected=1)
    assert plain.result["wait"] == pytest.approx(first.pause, abs=0.5)
    plain.sleep()
    assert "hint" not in plain.look()
    assert (plain.known.callback, plain.known.called_back) == (None, False)
    with pytest.raises(errors.NotFound):
        plain.call()


def test_while_calls_arrive_there_is_one_poll_for_safety(
    start: Start, simulator: Simulator
) -> None:
    found = start()
    found.learn(*([100.0] * 19), 140.0, 140.0, 140.0, announced=False)
    for announced in (False, True, True, False, False):
        found.begin()
        sketch = found.learned()
        assert sketch is not None
        waits = [found.result["wait"]]
        if sketch.announced:
            assert waits[0] == pytest.approx(140, abs=0.5)
        else:
            assert waits[0] < 95
        found.sleep(99)
        if announced:
            assert found.call()
        found.upstream.ended = True
        assert found.look()["outcome"] == "rendered"
        learned = found.learned()
        assert learned is not None
        assert learned.announced is announced
        found.services.jobs.close("sora-2", found.known.id)
        found.clock.now += 600
        simulator.reset()  # whose minute, in which it takes two creates, is not virtual


def test_after_a_call_that_came_too_early_it_is_polled_as_without_callbacks(start: Start) -> None:
    """An upstream may call before its status says so; three minutes would be long then."""
    found = start()
    known = Sketch((100.0, 110.0, 120.0, 130.0), announced=True)
    found.learn(*known.durations)
    found.begin()
    found.sleep(105)
    assert found.call()
    looked = found.look()
    plain = polling.plan(replace(known, announced=False), expected=1, elapsed=105.0)
    assert looked["wait"] == pytest.approx(plain.pause, abs=0.5)
    assert plain.pause < 10
    # and then for safety again, until the next call
    found.sleep()
    told = polling.plan(known, expected=1, elapsed=105.0 + plain.pause)
    assert found.look()["wait"] == pytest.approx(told.pause, abs=0.5)


def test_a_render_without_times_ended_when_its_upstream_called(start: Start) -> None:
    found = start()
    found.begin()
    found.sleep(200)
    assert found.call()
    found.upstream.ended = True
    found.look()
    learned = found.learned()
    assert learned is not None
    assert learned.durations == pytest.approx((200,), abs=1.5)


def test_who_may_not_call_changes_nothing_and_reads_nothing(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", "whsec_" + "A" * 44)
    found = start(SIGNED)
    found.begin()
    job_id, services, counts = found.known.id, found.services, dict[str, int]()
    for store in (services.work, services.jobs):
        store._table = Counted(store._table, counts)  # type: ignore[assignment]
    with pytest.raises(errors.NotAuthenticated, match="it was signed"):
        found.call(job_id)
    with pytest.raises(errors.NotFound):
        found.call(job_id, "another")
    monkeypatch.delenv("HOOK")
    with pytest.raises(errors.Unavailable) as raised:
        found.call(job_id)
    assert "HOOK" not in str(raised.value)
    with pytest.raises(errors.InvalidRequest):
        called_back(replace(services, settings=start().services.settings), "sora-2", {}, b"{}")
    assert counts == {}
