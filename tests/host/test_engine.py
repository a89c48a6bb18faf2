"""The engine on its own: faults of the bridge, faults of the store, concurrency, draining."""

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from local.host.durable.clock import ManualClock
from local.host.durable.engine import EngineError, RuntimeStatus, StartRequest
from local.host.durable.sqlite_engine import Limits, SqliteEngine
from local.host.durable.store import Store, StoreError
from local.host.durable.task_hub import HubOptions
from local.host.durable.work import (
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
            EntityOutcome("1", (OperationResult("1", is_error=False),) * len(batch.operations))
        )

    def has_orchestrator(self, name: str) -> bool:
        return name == "orchestrator"

    def has_entity(self, name: str) -> bool:
        return name == "entity"


class Rig:
    """An engine in memory with fake functions."""

    def __init__(self, store: Store | None = None, limits: Limits | None = None) -> None:
        self.functions = FakeFunctions()
        self.store = store or Store(None)
        self.failed = threading.Event()
        self.engine = SqliteEngine(
            self.store,
            self.functions,
            ManualClock(datetime(2030, 1, 1, tzinfo=UTC)),
            limits or Limits(activities=10, orchestrators=10),
            HubOptions(),
            on_failure=self.failed.set,
        )
        self.engine.run()

    def start(self, instance_id: str = "i") -> None:
        self.engine.start(StartRequest("orchestrator", None, instance_id)).result(timeout=5)

    def settle(self) -> None:
        for _attempt in range(2000):
            if self.engine.is_idle().result(timeout=5):
                return
            time.sleep(0.002)
        pytest.fail("the engine is not idle")

    def status(self, instance_id: str = "i") -> tuple[RuntimeStatus, str | None]:
        instance = self.engine.get(instance_id).result(timeout=5)
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
        lambda _batch: done(EntityOutcome("1", ())),  # too few results
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
            rig.engine.signal(f"@entity@{n}", "op", None).result(timeout=5)
        assert len(waiting) == 3
        decisions = tuple(ScheduleActivity(n, "activity", None) for n in range(4))
        activities: list[Future[Any]] = []

        def wait_for_activity(_call: ActivityCall) -> Future[Any]:
            activities.append(Future())
            return activities[-1]

        rig.functions.run_activity = wait_for_activity
        waiting[0].set_result(EpisodeOutcome(decisions))
        rig.engine.is_idle().result(timeout=5)
        assert len(activities) == 2
        assert len(waiting) == 4
        activities[0].set_result(ActivityOutcome("1"))
        rig.engine.is_idle().result(timeout=5)
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
        rig.engine.signal("@entity@k", "op", None).result(timeout=5)
    assert len(batches) == 1
    results = (OperationResult("1", is_error=False),)
    futures[0].set_result(EntityOutcome("1", results))
    rig.engine.is_idle().result(timeout=5)
    assert [len(batch.operations) for batch in batches] == [1, 2]
    futures[1].set_result(EntityOutcome("2", results * 2))
    rig.settle()
    entity = rig.engine.get_entity("@entity@k").result(timeout=5)
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
    assert again.status("later") == (RuntimeStatus.COMPLETED, "1")
    again.engine.stop(grace=1)


def test_what_does_not_come_back_is_done_again(tmp_path: Path) -> None:
    rig = Rig(Store(tmp_path / "db"))
    rig.functions.run_orchestrator = lambda _episode: Future()
    rig.start()
    assert not rig.engine.stop(grace=0.05)
    with pytest.raises(EngineError, match="shutting down"):
        rig.engine.get("i").result(timeout=5)
    again = Rig(Store(tmp_path / "db"))
    again.settle()
    assert again.status()[0] is RuntimeStatus.COMPLETED
    again.engine.stop(grace=1)


def test_an_engine_that_cannot_commit_says_so_and_stops(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def full() -> Iterator[None]:
        yield
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(rig.store, "transaction", full)
    rig.engine.get("i")
    assert rig.failed.wait(timeout=5)
    assert "The durable engine cannot go on" in caplog.text
    with pytest.raises(EngineError):
        rig.engine.get("i").result(timeout=5)


def test_an_error_of_one_request_undoes_only_that(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_message = rig.store.put_message

    def put_then_fail(instance_id: str, execution_id: str | None, event: str) -> None:
        put_message(instance_id, execution_id, event)
        if instance_id == "bad":
            raise ValueError("late")

    monkeypatch.setattr(rig.store, "put_message", put_then_fail)
    bad = rig.engine.start(StartRequest("orchestrator", None, "bad"))
    good = rig.engine.start(StartRequest("orchestrator", None, "good"))
    with pytest.raises(ValueError, match="late"):
        bad.result(timeout=5)
    assert good.result(timeout=5) == "good"
    assert rig.engine.get("bad").result(timeout=5) is None


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
