"""The engine on its own: faults of the bridge, faults of the store, concurrency, draining."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ..durable.clock import ManualClock
from ..durable.delivery import Queues
from ..durable.engine import EngineError, RuntimeStatus, StartRequest
from ..durable.sqlite_engine import Limits, SqliteEngine
from ..durable.store import Queue, Store, StoreError
from ..durable.task_hub import HubOptions
from ..durable.work import (
    ActivityCall,
    ActivityOutcome,
    Completed,
    EntityBatch,
    EntityOutcome,
    Episode,
    EpisodeOutcome,
    OperationResult,
    ScheduleActivity,
    SendToEntity,
)


def done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def failed(error: BaseException) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_exception(error)
    return future


class FakeFunctions:
    """Functions that a test replaces one by one."""

    def __init__(self) -> None:
        self.run_orchestrator: Callable[[Episode], Future[EpisodeOutcome]] = lambda _episode: done(
            EpisodeOutcome(ending=Completed("1"))
        )
        self.run_activity: Callable[[ActivityCall], Future[ActivityOutcome]] = lambda _call: done(
            ActivityOutcome("1")
        )
        self.run_entity: Callable[[EntityBatch], Future[EntityOutcome]] = lambda batch: done(
            EntityOutcome(
                exists=True,
                state="1",
                results=(OperationResult("1", is_error=False),) * len(batch.operations),
            )
        )

    def no_entity(self, name: str) -> str | None:
        return None if name == "entity" else f"no entity {name}"


class Rig:
    """An engine with fake functions, whose time stands still; in memory if it has no store."""

    def __init__(
        self,
        store: Store | None = None,
        limits: Limits | None = None,
        queues: Queues | None = None,
        functions: FakeFunctions | None = None,
    ) -> None:
        self.functions = functions or FakeFunctions()
        self.store = store or Store(None)
        self.clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
        self.failed = threading.Event()
        self.engine = SqliteEngine(
            self.store,
            self.functions,
            self.clock,
            limits or Limits(activities=10, orchestrators=10),
            HubOptions(queues=queues or Queues()),
            on_failure=self.failed.set,
        )
        self.engine.run()

    def start(self, instance_id: str = "i") -> None:
        self.engine.start(StartRequest("orchestrator", None, instance_id)).result(timeout=90)

    def settle(self) -> None:
        for _attempt in range(2000):
            if self.engine.is_idle().result(timeout=90):
                return
            time.sleep(0.002)
        pytest.fail("the engine is not idle")

    def advance(self, **step: float) -> None:
        self.clock.advance(timedelta(**step))
        self.settle()

    def wait_for_history(self, length: int, instance_id: str = "i") -> None:
        for _attempt in range(2000):
            if len(self.engine.history(instance_id).result(timeout=90)) >= length:
                return
            time.sleep(0.002)
        pytest.fail(f"{self.engine.history(instance_id).result(timeout=90)}")

    def status(self, instance_id: str = "i") -> tuple[RuntimeStatus, str | None]:
        instance = self.engine.get(instance_id).result(timeout=90)
        assert instance is not None
        return instance.status, instance.output


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.engine.stop(grace=1)


def raises(_item: Any) -> Any:
    raise RuntimeError("bridge")


@pytest.mark.parametrize(
    "run",
    [
        raises,
        lambda _episode: failed(RuntimeError("bridge")),
        lambda _episode: failed(SystemExit(3)),
        lambda _episode: done("not an outcome"),
        lambda _episode: done(EpisodeOutcome((ScheduleActivity(0, None, None),))),  # type: ignore[arg-type]
    ],
)
def test_a_fault_of_the_bridge_fails_the_instance(rig: Rig, run: Any) -> None:
    rig.functions.run_orchestrator = run
    rig.start()
    rig.settle()
    status, output = rig.status()
    assert status is RuntimeStatus.FAILED
    assert output is not None
    assert output.startswith("Internal error: ")
    # And nothing is stuck.
    rig.functions.run_orchestrator = FakeFunctions().run_orchestrator
    rig.start()
    rig.settle()
    assert rig.status() == (RuntimeStatus.COMPLETED, "1")


def once(decision: Any) -> Callable[[Episode], Future[EpisodeOutcome]]:
    """An orchestrator that decides once and ends with the text of what comes back."""

    def run(episode: Episode) -> Future[EpisodeOutcome]:
        if not episode.past:
            return done(EpisodeOutcome((decision,)))
        return done(EpisodeOutcome(ending=Completed(str(episode.new[1:]))))

    return run


@pytest.mark.parametrize("run", [raises, lambda _call: failed(RuntimeError("bridge"))])
def test_a_fault_of_the_bridge_fails_the_activity(rig: Rig, run: Any) -> None:
    rig.functions.run_orchestrator = once(ScheduleActivity(0, "activity", None))
    rig.functions.run_activity = run
    rig.start()
    rig.settle()
    assert "Internal error: RuntimeError: bridge" in str(rig.status()[1])


@pytest.mark.parametrize(
    "run",
    [
        raises,
        lambda _batch: failed(RuntimeError("bridge")),
        lambda _batch: done(EntityOutcome(True, "1", ())),  # too few results
    ],
)
def test_a_fault_of_the_bridge_fails_the_operations(rig: Rig, run: Any) -> None:
    ask = SendToEntity(0, "@entity@k", "op", None, "request", is_signal=False)
    rig.functions.run_orchestrator = once(ask)
    rig.functions.run_entity = run
    rig.start()
    rig.settle()
    assert "exceptionType" in str(rig.status()[1])


def test_work_is_handed_out_up_to_the_limits() -> None:
    rig = Rig(limits=Limits(activities=2, orchestrators=3))
    try:
        waiting: list[Future[Any]] = []

        def wait(_item: Any) -> Future[Any]:
            future: Future[Any] = Future()
            waiting.append(future)
            return future

        rig.functions.run_orchestrator = wait
        rig.functions.run_entity = wait
        for n in range(5):
            rig.start(f"i{n}")
            rig.engine.signal(f"@entity@{n}", "op", None).result(timeout=90)
        assert len(waiting) == 3
        decisions = tuple(ScheduleActivity(n, "activity", None) for n in range(4))
        activities: list[Future[Any]] = []

        def wait_for_activity(_call: ActivityCall) -> Future[Any]:
            activities.append(Future())
            return activities[-1]

        rig.functions.run_activity = wait_for_activity
        waiting[0].set_result(EpisodeOutcome(decisions))
        rig.engine.is_idle().result(timeout=90)
        assert len(activities) == 2
        assert len(waiting) == 4
        activities[0].set_result(ActivityOutcome("1"))
        rig.engine.is_idle().result(timeout=90)
        assert len(activities) == 3
    finally:
        rig.engine.stop(grace=0)


def test_an_entity_never_runs_twice_at_a_time(rig: Rig) -> None:
    batches: list[EntityBatch] = []
    futures: list[Future[Any]] = []

    def wait(batch: EntityBatch) -> Future[Any]:
        batches.append(batch)
        futures.append(Future())
        return futures[-1]

    rig.functions.run_entity = wait
    for _n in range(3):
        rig.engine.signal("@entity@k", "op", None).result(timeout=90)
    assert len(batches) == 1
    results = (OperationResult("1", is_error=False),)
    futures[0].set_result(EntityOutcome(True, "1", results))
    rig.engine.is_idle().result(timeout=90)
    assert [len(batch.operations) for batch in batches] == [1, 2]
    futures[1].set_result(EntityOutcome(True, "2", results * 2))
    rig.settle()
    entity = rig.engine.get_entity("@entity@k").result(timeout=90)
    assert entity is not None
    assert entity.state == "2"


def test_draining_commits_what_comes_back_and_hands_out_no_more(tmp_path: Path) -> None:
    rig = Rig(Store(tmp_path / "db"))
    future: Future[Any] = Future()
    rig.functions.run_orchestrator = lambda _episode: future
    rig.start()
    rig.engine.drain()
    rig.start("later")
    threading.Timer(0.1, future.set_result, [EpisodeOutcome(ending=Completed("1"))]).start()
    assert rig.engine.stop(grace=5)
    again = Rig(Store(tmp_path / "db"))
    again.settle()
    assert again.status() == (RuntimeStatus.COMPLETED, "1")
    again.advance(minutes=5)
    assert again.status("later") == (RuntimeStatus.COMPLETED, "1")
    again.engine.stop(grace=1)


def never(_item: Any) -> Future[Any]:
    return Future()


def killed(rig: Rig) -> None:
    """End it while its functions are at work."""
    assert not rig.engine.stop(grace=0.05)
    with pytest.raises(EngineError, match="shutting down"):
        rig.engine.get("i").result(timeout=90)


QUEUES = Queues(control_timeout=timedelta(seconds=90), work_item_timeout=timedelta(seconds=60))


def test_a_turn_that_does_not_come_back_is_taken_after_the_control_queues_timeout(
    tmp_path: Path,
) -> None:
    rig = Rig(Store(tmp_path / "db"), queues=QUEUES)
    rig.functions.run_orchestrator = never
    rig.start()
    killed(rig)
    again = Rig(Store(tmp_path / "db"), queues=QUEUES)
    again.advance(seconds=89.9)
    assert again.status()[0] is RuntimeStatus.PENDING
    again.advance(seconds=0.1)
    assert again.status()[0] is RuntimeStatus.COMPLETED
    again.engine.stop(grace=1)


def test_an_activity_that_does_not_come_back_is_taken_after_the_work_item_queues_timeout(
    tmp_path: Path,
) -> None:
    """One that was still waiting for a free thread is taken at once."""
    functions = FakeFunctions()
    functions.run_orchestrator = lambda episode: done(
        EpisodeOutcome()
        if episode.past
        else EpisodeOutcome(
            (ScheduleActivity(0, "activity", "taken"), ScheduleActivity(1, "activity", "waiting"))
        )
    )
    functions.run_activity = never
    rig = Rig(
        Store(tmp_path / "db"),
        Limits(activities=1, orchestrators=1),
        queues=QUEUES,
        functions=functions,
    )
    rig.start()
    rig.wait_for_history(4)
    killed(rig)
    ran: list[str | None] = []

    def run(call: ActivityCall) -> Future[Any]:
        ran.append(call.input)
        return done(ActivityOutcome("1"))

    functions.run_activity = run
    again = Rig(Store(tmp_path / "db"), queues=QUEUES, functions=functions)
    again.advance(seconds=59.9)
    assert ran == ["waiting"]
    again.advance(seconds=0.1)
    assert ran == ["waiting", "taken"]
    again.engine.stop(grace=1)


def test_an_operation_that_does_not_come_back_is_taken_after_the_control_queues_timeout(
    tmp_path: Path,
) -> None:
    rig = Rig(Store(tmp_path / "db"), queues=QUEUES)
    rig.functions.run_entity = never
    rig.engine.signal("@entity@k", "op", None).result(timeout=90)
    killed(rig)
    again = Rig(Store(tmp_path / "db"), queues=QUEUES)
    again.advance(seconds=89.9)
    assert again.engine.get_entity("@entity@k").result(timeout=90) is None
    again.advance(seconds=0.1)
    assert again.engine.get_entity("@entity@k").result(timeout=90) is not None
    again.engine.stop(grace=1)


def test_a_host_renews_what_it_has_taken(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    # Renewed every 100 ms of real time; the clock below has nothing to do with that.
    queues = Queues(control_timeout=timedelta(seconds=0.3))
    rig = Rig(store, queues=queues)
    rig.functions.run_orchestrator = never
    rig.start()
    rig.clock.advance(timedelta(seconds=10))
    renewed = threading.Event()
    renew = store.renew

    def noted(queue: Queue, until: str) -> None:
        renew(queue, until)
        renewed.set()

    store.renew = noted  # type: ignore[method-assign]
    assert renewed.wait(timeout=60)
    killed(rig)
    again = Rig(Store(tmp_path / "db"), queues=queues)
    again.advance(seconds=10.2)
    assert again.status()[0] is RuntimeStatus.PENDING
    again.advance(seconds=0.1)
    assert again.status()[0] is RuntimeStatus.COMPLETED
    again.engine.stop(grace=1)


def test_what_comes_before_a_start_that_is_hidden_is_lost(tmp_path: Path) -> None:
    """A termination is shown until then, and undone."""
    rig = Rig(Store(tmp_path / "db"))
    rig.functions.run_orchestrator = never
    rig.start()
    rig.start("other")
    killed(rig)
    again = Rig(Store(tmp_path / "db"))
    again.engine.raise_event("i", "event", "1").result(timeout=90)
    again.engine.terminate("other", "enough").result(timeout=90)
    again.settle()
    assert again.status() == (RuntimeStatus.PENDING, None)
    assert again.status("other") == (RuntimeStatus.TERMINATED, "enough")
    seen: list[str | None] = []

    def run(episode: Episode) -> Future[Any]:
        seen.extend(event.get("Name") for event in episode.new[1:])
        return done(EpisodeOutcome(ending=Completed("1")))

    again.functions.run_orchestrator = run
    again.advance(minutes=5)
    assert seen == ["orchestrator", "orchestrator"]
    assert again.status() == (RuntimeStatus.COMPLETED, "1")
    assert again.status("other") == (RuntimeStatus.COMPLETED, "1")
    again.engine.stop(grace=1)


def test_a_new_event_overtakes_one_that_is_hidden(tmp_path: Path) -> None:
    """The instance has run before, so it reads whatever can be seen."""
    functions = FakeFunctions()
    functions.run_orchestrator = lambda episode: (
        Future() if episode.past else done(EpisodeOutcome())
    )
    rig = Rig(Store(tmp_path / "db"), functions=functions)
    rig.start()
    rig.settle()
    rig.engine.raise_event("i", "first", "1").result(timeout=90)
    killed(rig)
    read: list[str] = []

    def run(episode: Episode) -> Future[Any]:
        read.extend(event["Name"] for event in episode.new if event["EventType"] == 15)
        return done(EpisodeOutcome())

    functions.run_orchestrator = run
    again = Rig(Store(tmp_path / "db"), functions=functions)
    again.engine.raise_event("i", "second", "2").result(timeout=90)
    again.settle()
    assert read == ["second"]
    again.advance(minutes=5)
    assert read == ["second", "first"]
    again.engine.stop(grace=1)


def test_what_a_client_sends_is_on_its_way_for_a_while() -> None:
    rig = Rig(queues=Queues(latency=timedelta(milliseconds=100)))
    rig.start()
    rig.settle()
    assert rig.status()[0] is RuntimeStatus.PENDING
    rig.advance(milliseconds=100)
    assert rig.status()[0] is RuntimeStatus.COMPLETED
    rig.engine.stop(grace=1)


def test_an_engine_that_cannot_commit_says_so_and_stops(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def full() -> Iterator[None]:
        yield
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(rig.store, "transaction", full)
    rig.engine.get("i")
    assert rig.failed.wait(timeout=60)
    assert "The durable engine cannot go on" in caplog.text
    with pytest.raises(EngineError):
        rig.engine.get("i").result(timeout=90)


def test_an_error_of_one_request_undoes_only_that(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_message = rig.store.put_message

    def put_then_fail(instance_id: str, *rest: Any, **options: Any) -> int:
        row = put_message(instance_id, *rest, **options)
        if instance_id == "bad":
            raise ValueError("late")
        return row

    monkeypatch.setattr(rig.store, "put_message", put_then_fail)
    bad = rig.engine.start(StartRequest("orchestrator", None, "bad"))
    good = rig.engine.start(StartRequest("orchestrator", None, "good"))
    with pytest.raises(ValueError, match="late"):
        bad.result(timeout=90)
    assert good.result(timeout=90) == "good"
    assert rig.engine.get("bad").result(timeout=90) is None


def test_a_store_of_another_version_is_refused(tmp_path: Path) -> None:
    Store(tmp_path / "db").close()
    database = sqlite3.connect(tmp_path / "db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="version 99"):
        Store(tmp_path / "db")
    (tmp_path / "text").write_text("this is not a database, however long it may be" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Store(tmp_path / "text")
