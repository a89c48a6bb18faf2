"""One video per request, however often a client repeats it and whatever died meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.domain.errors import Conflict, LimitReached, Unavailable
from shared.domain.ledger import Amounts
from shared.domain.request import VideoRequest
from shared.domain.video import Status
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services
from tests.conftest import Simulator
from tests.support.driver import drive
from tests.support.dying import Dies, StopsAt

pytestmark = pytest.mark.real_storage

CALLER = "key:local"
REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)
KEYED = Repeatable(key="order-7")
FIRST, SECOND = Repeatable(), Repeatable(repeated=True)


def videos(services: Services, caller: str = CALLER) -> list[str]:
    return [video.id for video in services.videos.page(caller, after=None, limit=20)]


def booked(services: Services) -> Amounts:
    return services.ledger.total(time.strftime("%Y-%m", time.gmtime()), "t_m")


def test_the_same_key_and_request_are_the_same_video(services: Services) -> None:
    first = admit(services, CALLER, REQUEST, KEYED)
    again = admit(services, CALLER, REQUEST, KEYED)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.video == first.video
    assert videos(services) == [first.video.id]
    assert booked(services) == Amounts(reserved=400_000)


def test_a_key_is_its_callers_and_its_routes(services: Services) -> None:
    made = {
        admit(services, CALLER, REQUEST, KEYED).video.id,
        admit(services, "key:other", REQUEST, KEYED).video.id,
        admit(services, CALLER, REQUEST, replace(KEYED, route="remix")).video.id,
        admit(services, CALLER, REQUEST, replace(KEYED, key="order-8")).video.id,
    }
    assert len(made) == 4


def test_a_key_for_another_request_is_a_conflict(services: Services) -> None:
    admit(services, CALLER, REQUEST, KEYED)
    with pytest.raises(Conflict) as raised:
        admit(services, CALLER, replace(REQUEST, seconds=8), KEYED)
    assert raised.value.code == "idempotency_key_reused"
    assert booked(services) == Amounts(reserved=400_000)


def test_a_finished_video_answers_for_its_key_for_a_day(
    services: Services, simulator: Simulator
) -> None:
    first = admit(services, CALLER, REQUEST, KEYED)
    drive(services, first.payload)
    again = admit(services, CALLER, REQUEST, KEYED)
    assert (again.video.id, again.video.status) == (first.video.id, Status.COMPLETED)
    tomorrow = replace(services, clock=lambda: time.time() + 25 * 3600 / 100)
    assert admit(tomorrow, CALLER, REQUEST, KEYED).video.id != first.video.id


def test_an_unfinished_video_answers_for_its_key_beyond_the_day(services: Services) -> None:
    first = admit(services, CALLER, REQUEST, KEYED)
    tomorrow = replace(services, clock=lambda: time.time() + 25 * 3600 / 100)
    assert admit(tomorrow, CALLER, REQUEST, KEYED).video.id == first.video.id


@pytest.mark.parametrize("same", [True, False], ids=["repeat", "other"])
def test_a_key_whose_day_is_over_is_taken_by_one_of_two_at_once(
    services: Services, simulator: Simulator, monkeypatch: pytest.MonkeyPatch, same: bool
) -> None:
    """The other one repeats it, or is told that the key is another request's now."""
    drive(services, admit(services, CALLER, REQUEST, KEYED).payload)
    tomorrow = replace(services, clock=lambda: time.time() + 25 * 3600 / 100)
    claim, tries, faster = services.idempotency.claim, count(), list[str]()

    def meanwhile(*asked: Any) -> Any:
        found = claim(*asked)
        if next(tries) == 0:
            faster.append(admit(tomorrow, CALLER, REQUEST, KEYED).video.id)
        return found

    monkeypatch.setattr(services.idempotency, "claim", meanwhile)
    if same:
        again = admit(tomorrow, CALLER, REQUEST, KEYED)
        assert (again.video.id, again.replayed) == (faster[0], True)
    else:
        with pytest.raises(Conflict):
            admit(tomorrow, CALLER, replace(REQUEST, seconds=8), KEYED)
    assert len(videos(services)) == 2, "that of yesterday and one of today"


def test_a_repeat_without_a_key_is_known_by_its_content(services: Services) -> None:
    first = admit(services, CALLER, REQUEST, FIRST)
    again = admit(services, CALLER, REQUEST, SECOND)
    assert again.video.id == first.video.id
    assert again.replayed
    assert admit(services, CALLER, replace(REQUEST, seconds=8), SECOND).video.id != first.video.id
    assert admit(services, "key:other", REQUEST, SECOND).video.id != first.video.id
    later = replace(services, clock=lambda: time.time() + 11 * 60 / 100)
    assert admit(later, CALLER, REQUEST, SECOND).video.id != first.video.id


def test_two_equal_requests_that_are_no_repeats_are_two_videos(services: Services) -> None:
    assert len({admit(services, CALLER, REQUEST).video.id for _ in range(3)}) == 3


@pytest.mark.parametrize("repeatable", [KEYED, SECOND], ids=["key", "retry"])
def test_simultaneous_repeats_make_one_video(services: Services, repeatable: Repeatable) -> None:
    if repeatable is SECOND:
        admit(services, CALLER, REQUEST, FIRST)

    def once(_: int) -> Admitted:
        return admit(services, CALLER, REQUEST, repeatable)

    with ThreadPoolExecutor(6) as pool:
        admitted = list(pool.map(once, range(6)))
    assert len({each.video.id for each in admitted}) == 1
    assert len(videos(services)) == 1
    assert booked(services) == Amounts(reserved=400_000)
    assert len(services.work.all()) == 1


STEPS = [
    ("idempotency", "claim"),
    ("work", "insert"),
    ("ledger", "write"),
    ("videos", "insert"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("part", "method"), STEPS)
def test_a_repeat_goes_on_where_the_first_try_died(
    services: Services, simulator: Simulator, part: str, method: str, after: bool
) -> None:
    broken: dict[str, Any] = {part: Dies(getattr(services, part), method, after=after)}
    with pytest.raises(StopsAt):
        admit(replace(services, **broken), CALLER, REQUEST, KEYED)
    again = admit(services, CALLER, REQUEST, KEYED)
    assert videos(services) == [again.video.id]
    assert booked(services) == Amounts(reserved=400_000)
    assert drive(services, again.payload)[0] == "done"
    assert len(simulator.journal()["jobs"]) == 1


@pytest.mark.parametrize(("part", "method"), STEPS[1:3])
def test_a_repeat_after_the_sweep_undid_the_first_try_is_a_new_video(
    services: Services, part: str, method: str
) -> None:
    broken: dict[str, Any] = {part: Dies(getattr(services, part), method, after=True)}
    with pytest.raises(StopsAt):
        admit(replace(services, **broken), CALLER, REQUEST, KEYED)
    for late in (30, 60):
        sweep(replace(services, clock=lambda late=late: time.time() + late))  # type: ignore[misc]
    again = admit(services, CALLER, REQUEST, KEYED)
    assert videos(services) == [again.video.id]
    assert booked(services) == Amounts(reserved=400_000)


def test_a_refused_request_leaves_its_key_free(services: Services) -> None:
    tight = replace(
        services, settings=services.settings.model_copy(update={"budget_usd_per_day": 0.0})
    )
    for _ in range(2):
        with pytest.raises(LimitReached):
            admit(tight, CALLER, REQUEST, KEYED)
    assert not admit(services, CALLER, REQUEST, KEYED).replayed


def test_a_repeat_that_meets_an_undone_reservation_says_so(services: Services) -> None:
    """The sweep releases between the reservation of the first try and that of the second."""
    dying = replace(services, videos=Dies(services.videos, "insert", after=False))  # type: ignore[arg-type]
    with pytest.raises(StopsAt):
        admit(dying, CALLER, REQUEST, KEYED)
    claim_kept = replace(services, idempotency=_Forgetful(services.idempotency))  # type: ignore[arg-type]
    for late in (30, 60):
        sweep(replace(claim_kept, clock=lambda late=late: time.time() + late))  # type: ignore[misc]
    with pytest.raises(Unavailable, match="nothing was charged"):
        admit(services, CALLER, REQUEST, KEYED)
    assert booked(services) == Amounts()


class _Forgetful:
    """An idempotency table whose rows nobody can delete."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def to_forget(self, *_: Any) -> Callable[[], None]:
        return lambda: None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)
