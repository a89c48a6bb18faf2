"""The sweep: whatever a dead worker leaves, somebody goes on from there, once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import Unavailable
from shared.domain.ledger import Amounts
from shared.domain.video import Status
from shared.domain.work import Attempt, Phase, instance_id, phase
from shared.lifecycle.background.sweep import suspects, sweep
from shared.lifecycle.services import Services
from shared.lifecycle.steps import collect_output, finish_video, follow_job, submit_job, take_turn
from shared.lifecycle.steps.step import update
from shared.storage.ledger import Ledger
from shared.storage.names import output_blob
from tests.shared.lifecycle.conftest import CALLER, Job, Order
from tests.support.driver import drive
from tests.support.dying import Dies, StopsAt
from tests.support.states import RUNNING


def complete_the_render(job: Job) -> None:
    """End it now, unless the test was slower than it."""
    with suppress(AssertionError):
        job.simulator.force(job.upstream_jobs()[0]["id"], state="completed")


def die_after(job: Job, steps: int) -> None:
    """Run the first steps of a video's life, then nothing more."""
    app, video_id = job.services, job.id
    life: list[Callable[[], Any]] = [
        lambda: take_turn.take_turn(app, video_id, 1, "hint"),
        lambda: submit_job.submit_job(app, video_id, 1),
        lambda: follow_job.follow_job(app, video_id, 1),
        lambda: complete_the_render(job),
        lambda: follow_job.follow_job(app, video_id, 1),
        lambda: collect_output.collect_output(app, video_id, 1, 0),
        lambda: finish_video.finish_video(app, video_id, 1),
    ]
    for step in life[:steps]:
        step()


@pytest.mark.real_storage
@pytest.mark.parametrize("steps", range(7))
@pytest.mark.parametrize("model", ["sora-2", "sora"])
def test_a_silent_video_is_taken_up_where_it_was_left(
    services: Services, order: Order, model: str, steps: int
) -> None:
    job = order(model)
    die_after(job, steps)
    late = replace(services, clock=lambda: time.time() + 30)
    (restart,) = sweep(late)
    assert restart.instance == instance_id(job.id, 2)
    assert restart.payload["epoch"] == 2
    assert drive(services, restart.payload)[0] == "done"
    assert job.video.status is Status.COMPLETED
    assert len(job.upstream_jobs()) == 1
    assert job.booked == Amounts(settled=job.video.cost.estimated)
    assert job.work is None


def test_a_working_video_is_left_alone(services: Services, order: Order) -> None:
    job = order()
    die_after(job, 2)
    assert sweep(services) == []
    assert job.work is not None
    assert job.work.epoch == 1


def test_each_worker_without_a_sign_of_life_doubles_the_patience_with_the_next(
    services: Services, order: Order
) -> None:
    """Where all are silent because the host is behind, more and more workers would bury it."""
    job = order()
    die_after(job, 5)
    assert job.work is not None
    assert phase(job.work) is Phase.COLLECTING
    allowed = services.settings.durations.of(180)
    now = [job.work.heartbeat_at]
    late = replace(services, clock=lambda: now[0])

    def taken_over_after(seconds: float) -> bool:
        now[0] += seconds - 0.01
        assert sweep(late) == [], "too early"
        now[0] += 0.02
        return len(sweep(late)) == 1

    for factor in (1, 1, 2, 4, 8, 16):
        assert taken_over_after(factor * allowed)
    for _ in range(3):  # and no longer than an hour more
        assert taken_over_after(allowed + services.settings.durations.of(3600))
    assert update(late, job.work)  # a worker lives
    assert taken_over_after(allowed)
    assert taken_over_after(allowed)


@pytest.mark.parametrize("steps", range(7))
def test_a_video_whose_worker_is_gone_gets_another_at_once(
    services: Services, order: Order, steps: int
) -> None:
    """Nobody has been silent for long: Durable was asked, and says that it is gone."""
    job = order()
    die_after(job, steps)
    (restart,) = sweep(services, ended=[instance_id(job.id, 1)])
    assert restart.instance == instance_id(job.id, 2)
    assert sweep(services, missing=[instance_id(job.id, 1)]) == []  # it is of an older epoch
    assert sweep(services, missing=[instance_id(job.id, 2)])[0].instance == instance_id(job.id, 3)
    assert sweep(services, missing=["video_of_nobody-1"]) == []


def test_a_start_that_fails_is_tried_again_by_every_sweep(services: Services, order: Order) -> None:
    """However often; but workers that end at once, one after the other, are left to patience."""
    job = order()
    for epoch in range(1, 20):
        (restart,) = sweep(services, missing=[instance_id(job.id, epoch)])
        assert restart.payload["epoch"] == epoch + 1
    assert sweep(services, ended=[instance_id(job.id, 20)]) == []
    assert take_turn.take_turn(services, job.id, 20, "hint").result["outcome"] == "granted"
    for epoch in range(20, 25):
        (restart,) = sweep(services, ended=[instance_id(job.id, epoch)])
        assert restart.payload["epoch"] == epoch + 1
    assert sweep(services, ended=[instance_id(job.id, 25)]) == []


@pytest.mark.real_storage
def test_who_is_asked_about(services: Services, order: Order) -> None:
    job = order()
    quiet = services.settings.durations.of(15)
    assert job.work is not None

    def at(seconds: float) -> list[str]:
        assert job.work is not None
        return suspects(replace(services, clock=lambda: began + seconds))

    began = job.work.heartbeat_at
    assert at(quiet - 0.01) == []
    assert at(quiet + 0.01) == [instance_id(job.id, 1)]
    sweep(replace(services, clock=lambda: began), missing=[instance_id(job.id, 1)])
    assert at(0) == [instance_id(job.id, 2)]  # it was started and has shown no sign of life yet
    assert take_turn.take_turn(services, job.id, 2, "hint").result["outcome"] == "granted"
    began = job.work.heartbeat_at
    assert at(0) == []


def test_those_who_ought_to_be_worked_on_are_asked_about_first(
    services: Services, order: Order
) -> None:
    first = order()
    (work,) = services.work.all()
    shape = replace(work, admitted=True, heartbeat_at=0.0)
    rendering = replace(shape, posts=1, attempt=Attempt(deployment="sora-2", job=RUNNING))
    waiting = [f"{first.id[:-6]}{number:06x}" for number in range(300)]
    for video_id in waiting:
        services.work.insert(replace(shape, video_id=video_id, version=""))
    busy = [f"{first.id[:-6]}f{number:05x}" for number in range(20)]
    for video_id in busy:
        services.work.insert(replace(rendering, video_id=video_id, version=""))
    watched = [f"{first.id[:-6]}e{number:05x}" for number in range(300)]
    for video_id in watched:
        services.work.insert(replace(rendering, video_id=video_id, ended=True, version=""))
    admitting = f"{first.id[:-6]}fffff0"
    services.work.insert(replace(shape, video_id=admitting, admitted=False, version=""))
    asked = suspects(services)
    assert len(asked) == len(set(asked)) == 200
    assert {instance_id(each, 1) for each in busy} <= set(asked)
    assert {instance_id(each, 1) for each in waiting[:85]} <= set(asked)
    assert instance_id(admitting, 1) in asked  # its start may have been lost
    behind = {instance_id(each, 1) for each in waiting[200:]}
    assert any(behind & set(suspects(services)) for _ in range(50)), "nobody is never asked about"


def test_who_waited_when_the_release_changed_gets_a_place_in_line(
    services: Services, order: Order
) -> None:
    """The last one had no places."""
    job = order()
    assert job.work is not None
    legacy = replace(job.work, admitted=True, hint="h")
    services.work.delete(legacy)
    services.work.insert(legacy)
    assert services.places.all("sora-2") == []
    sweep(services)
    assert [video.video_id for video in services.places.all("sora-2")] == [job.id]


@pytest.mark.real_storage
def test_two_sweeps_at_once_start_one_worker(services: Services, order: Order) -> None:
    job = order()
    die_after(job, 2)
    late = replace(services, clock=lambda: time.time() + 30)
    silent = late.work.silent({stage: late.clock() for stage in Phase}, limit=200)
    assert len(sweep(late)) == 1
    # the second sweep read the same rows before the first one wrote them
    slow = replace(late, work=_Stale(late.work, silent))  # type: ignore[arg-type]
    assert sweep(slow) == []
    assert job.work is not None
    assert job.work.epoch == 2


class _Stale:
    """A work table whose listing is what another sweep read earlier."""

    def __init__(self, table: Any, listed: list[Any]) -> None:
        self._table = table
        self._listed = listed

    def silent(self, *_: Any, **__: Any) -> list[Any]:
        return self._listed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)


def admission_that_dies(order: Order, part: str, method: str, *, after: bool) -> None:
    services = order._services
    broken: dict[str, Any] = {part: Dies(getattr(services, part), method, after=after)}
    with pytest.raises(StopsAt):
        Order(replace(services, **broken), order._simulator)()


def booked(services: Services, day: str, video_id: str) -> Amounts:
    changes = [entry.change for entry in services.ledger.entries(day[:7], video_id)]
    return sum(changes, start=Amounts())


BEFORE_THE_VIDEO = [
    ("work", "insert", True),
    ("ledger", "write", False),
    ("ledger", "write", True),
    ("videos", "insert", False),
]


@pytest.mark.real_storage
@pytest.mark.parametrize(("part", "method", "after"), BEFORE_THE_VIDEO)
def test_an_admission_that_dies_before_its_video_exists_is_undone(
    services: Services, order: Order, part: str, method: str, after: bool
) -> None:
    admission_that_dies(order, part, method, after=after)
    (left,) = services.work.all()
    assert phase(left) is Phase.ADMITTING
    clock = time.time
    # Durable knows of no worker, but the admission might still be under way
    soon = replace(services, clock=lambda: left.heartbeat_at + 0.2)
    assert sweep(soon, missing=[instance_id(left.video_id, 1)]) == []
    assert sweep(replace(services, clock=lambda: clock() + 30)) == []
    assert len(services.work.all()) == 1
    assert sweep(replace(services, clock=lambda: clock() + 60)) == []
    assert services.work.all() == []
    assert booked(services, left.day, left.video_id) == Amounts()
    assert services.videos.page(CALLER, after=None, limit=5) == []
    assert left.claim is not None
    assert services.idempotency.get(CALLER, left.claim) is None


@pytest.mark.real_storage
@pytest.mark.parametrize("asked", [True, False], ids=["durable was asked", "silent"])
def test_an_admission_that_dies_after_its_video_exists_is_finished(
    services: Services, order: Order, asked: bool
) -> None:
    """As one does whose start is lost: nobody asks again for what has an answer."""
    admission_that_dies(order, "videos", "insert", after=True)
    (left,) = services.work.all()
    if asked:
        soon = replace(services, clock=lambda: left.heartbeat_at + 0.2)
        (restart,) = sweep(soon, missing=[instance_id(left.video_id, 1)])
    else:
        clock = time.time
        (restart,) = sweep(replace(services, clock=lambda: clock() + 30))
    (work,) = services.work.all()
    assert phase(work) is Phase.WAITING
    assert drive(services, restart.payload)[0] == "done"
    (video,) = services.videos.page(CALLER, after=None, limit=5)
    assert video.status is Status.COMPLETED


def test_a_worker_that_starts_finishes_its_admission(services: Services, order: Order) -> None:
    job = order()
    take_turn.take_turn(services, job.id, 1, "hint")
    assert job.work is not None
    assert job.work.admitted


class _Slow:
    """A ledger during whose write the sweep runs, as if the admission took minutes."""

    def __init__(self, ledger: Ledger, meanwhile: Callable[[], None]) -> None:
        self._ledger = ledger
        self._meanwhile = meanwhile

    def write(self, *args: Any) -> bool:
        written = self._ledger.write(*args)
        self._meanwhile()
        return written


@pytest.mark.real_storage
@pytest.mark.parametrize("sweeps", [1, 2])
def test_an_admission_slower_than_the_sweep_ends_well_either_way(
    services: Services, order: Order, sweeps: int
) -> None:
    late = [0.0]
    app = replace(services, clock=lambda: time.time() + late[0])

    def meanwhile() -> None:
        for _ in range(sweeps):
            late[0] += 30.0
            sweep(app)

    slow = replace(app, ledger=_Slow(services.ledger, meanwhile))  # type: ignore[arg-type]
    if sweeps == 1:
        job = Order(slow, order._simulator)()
        assert job.admitted.payload["epoch"] == 2
        assert drive(services, job.admitted.payload)[0] == "done"
        assert job.video.status is Status.COMPLETED
    else:
        with pytest.raises(Unavailable, match="nothing was charged"):
            Order(slow, order._simulator)()
        assert services.videos.page(CALLER, after=None, limit=5) == []
    assert services.work.all() == []


@pytest.mark.real_storage
def test_jobs_near_their_expiry_are_named(
    services: Services, order: Order, caplog: pytest.LogCaptureFixture
) -> None:
    job = order()
    die_after(job, 2)
    work = job.work
    assert work is not None
    assert work.job is not None
    near = work.job.expires_at - 10
    sweep(replace(services, clock=lambda: near))
    assert f"expiry_near video_id={job.id}" in caplog.text


class _TakenOver:
    """Outputs during whose first block another worker takes the video over."""

    def __init__(self, services: Services, job: Job) -> None:
        self._services = services
        self._job = job

    def __getattr__(self, name: str) -> Any:
        return getattr(self._services.outputs, name)

    def writer(self, name: str) -> Any:
        writer = self._services.outputs.writer(name)
        behind = writer.behind

        @contextmanager
        def taking_over() -> Iterator[Callable[[bytes], None]]:
            with behind() as write:

                def after_it(block: bytes) -> None:
                    write(block)
                    stored = self._services.work.get(self._job.id)
                    assert stored is not None
                    # the copy itself leaves signs of life meanwhile
                    self._services.work.change(stored, lambda work: replace(work, epoch=2))

                yield after_it

        writer.behind = taking_over  # type: ignore[method-assign]
        return writer


@pytest.mark.real_storage
def test_a_copy_under_way_stops_when_another_worker_takes_over(
    services: Services, order: Order
) -> None:
    job = order()
    die_after(job, 5)
    began, looks = time.time(), iter(range(10**6))
    hasty = replace(
        services,
        clock=lambda: began + next(looks) / 2,  # every look at the clock is half a second later
        outputs=_TakenOver(services, job),  # type: ignore[arg-type]
    )
    assert collect_output.collect_output(hasty, job.id, 1, 0).result["outcome"] == "superseded"
    assert services.outputs.find(output_blob(job.id, 0)) is None
    assert collect_output.collect_output(services, job.id, 2, 0).result["outcome"] == "stored"
