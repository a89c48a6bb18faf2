"""An admission beside others: what it asks of storage, and what two tries of one request, or a try
and the sweep, do to each other."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from shared.domain.errors import LimitReached, Unavailable
from shared.domain.ledger import Amounts
from shared.domain.request import VideoRequest
from shared.domain.video import Status
from shared.domain.work import Phase, phase
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services
from tests.support.driver import drive

pytestmark = pytest.mark.real_storage

CALLER = "key:local"
REQUEST = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)
KEYED = Repeatable(key="order-7")
RESERVED = Amounts(reserved=400_000)


class Now:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.seconds = time.time()

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def app(services: Services, now: Now) -> Services:
    return replace(services, clock=now)


class Hooked:
    """A table of which one method is preceded or followed by something else."""

    def __init__(
        self,
        table: Any,
        method: str,
        *,
        before: Callable[[], object] = lambda: None,
        after: Callable[[], object] = lambda: None,
    ) -> None:
        self._table, self._method, self._before, self._after = table, method, before, after

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._table, name)
        if name != self._method:
            return method

        def hooked(*args: Any, **extra: Any) -> Any:
            self._before()
            result = method(*args, **extra)
            self._after()
            return result

        return hooked


def hooked(app: Services, part: str, method: str, **when: Callable[[], object]) -> Services:
    changed: dict[str, Any] = {part: Hooked(getattr(app, part), method, **when)}
    return replace(app, **changed)


def closed(app: Services) -> Services:
    """The app with the day's budget used up."""
    return replace(app, settings=app.settings.model_copy(update={"budget_usd_per_day": 0.0}))


def left(app: Services) -> tuple[list[str], list[Phase], Amounts]:
    """Videos, the phases of work and the money of the month."""
    videos = [video.id for video in app.videos.page(CALLER, after=None, limit=20)]
    month = time.strftime("%Y-%m", time.gmtime(app.clock()))
    return videos, [phase(work) for work in app.work.all()], app.ledger.total(month, "t_m")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What is asked of storage: method and table."""
    seen: Counter[str] = Counter()
    request = requests.Session.request

    def counted(self: requests.Session, method: str, url: str, **how: Any) -> Any:
        seen[f"{method} {urlsplit(url).path.split('/')[2].partition('(')[0]}"] += 1
        return request(self, method, url, **how)

    monkeypatch.setattr(requests.Session, "request", counted)
    return seen


def test_a_create_is_four_writes(app: Services, asked: Counter[str]) -> None:
    """Idempotency, work, and a transaction each for ledger and video."""
    admit(app, CALLER, REQUEST)
    asked.clear()  # the first of a process also reads the totals, and how long such renders take
    admit(app, CALLER, REQUEST)
    assert asked == {"PUT idempotency": 1, "POST work": 1, "POST $batch": 2}


def test_a_create_with_a_key_first_looks_for_an_earlier_one(
    app: Services, asked: Counter[str]
) -> None:
    admit(app, CALLER, REQUEST)
    asked.clear()
    admit(app, CALLER, REQUEST, KEYED)
    assert asked == {
        "GET idempotency": 1,
        "POST idempotency": 1,
        "POST work": 1,
        "POST $batch": 2,
    }


def test_a_repeat_reads_and_writes_nothing(app: Services, asked: Counter[str]) -> None:
    first = admit(app, CALLER, REQUEST, KEYED)
    asked.clear()
    assert admit(app, CALLER, REQUEST, KEYED).video == first.video
    assert asked == {"GET idempotency": 1, "GET videos": 1, "GET work": 1}


@pytest.mark.parametrize(
    ("seconds", "written"), [(59, Phase.ADMITTING), (61, Phase.WAITING), (-1, Phase.WAITING)]
)
def test_whoever_is_slow_makes_sure_that_the_sweep_has_not_undone_it(
    app: Services, now: Now, seconds: float, written: Phase
) -> None:
    def wait() -> None:
        now.seconds += app.settings.durations.of(seconds)

    admit(hooked(app, "videos", "insert", after=wait), CALLER, REQUEST)
    assert left(app)[1] == [written]


def test_the_sweep_does_not_see_an_admission_before_it_is_no_longer_certain(
    app: Services, now: Now
) -> None:
    """Even one that stops for hours just after it has looked at the clock."""
    admitted = admit(app, CALLER, REQUEST)
    now.seconds += app.settings.durations.of(3 * 3600)
    (restart,) = sweep(app)  # finds the video
    assert left(app) == ([admitted.video.id], [Phase.WAITING], RESERVED)
    assert drive(app, restart.payload)[0] == "done"
    assert drive(app, admitted.payload)[0] == "done"  # the start that came late


def test_a_second_try_that_is_refused_leaves_the_first_alone(app: Services) -> None:
    """The first has its row of work, and no money yet; it looks at that row no more."""

    def second() -> None:
        with pytest.raises(LimitReached):
            admit(closed(app), CALLER, REQUEST, KEYED)

    first = admit(hooked(app, "ledger", "write", before=second), CALLER, REQUEST, KEYED)
    assert left(app) == ([first.video.id], [Phase.ADMITTING], RESERVED)
    assert admit(app, CALLER, REQUEST, KEYED).video.id == first.video.id


def test_a_second_try_is_admitted_although_the_first_was_refused(app: Services) -> None:
    """It reserves before the first undoes what it has written."""
    made: list[Admitted] = []

    def second() -> None:
        made.append(admit(app, CALLER, REQUEST, KEYED))

    with pytest.raises(LimitReached):
        admit(hooked(closed(app), "work", "get", before=second), CALLER, REQUEST, KEYED)
    assert left(app) == ([made[0].video.id], [Phase.WAITING], RESERVED)
    assert admit(app, CALLER, REQUEST, KEYED).video.id == made[0].video.id


def test_a_second_try_that_the_refused_first_undoes_says_so(app: Services) -> None:
    """The first deletes its row just before the second has made sure of it."""

    def first() -> None:
        (work,) = app.work.all()
        app.work.delete(work)

    def second() -> None:
        with pytest.raises(Unavailable, match="nothing was charged"):
            admit(hooked(app, "work", "replace", before=first), CALLER, REQUEST, KEYED)

    with pytest.raises(Unavailable):
        admit(hooked(app, "ledger", "write", before=second), CALLER, REQUEST, KEYED)
    assert left(app) == ([], [], Amounts())


def test_a_video_that_ended_meanwhile_is_not_taken_for_undone(app: Services) -> None:
    """A second try stops before its last write; the first one's video is cancelled meanwhile."""
    first = admit(app, CALLER, REQUEST, KEYED)

    def cancel() -> None:
        cancel_video(app, first.video)

    nothing_yet = replace(
        hooked(app, "work", "replace", before=cancel),
        videos=_NotYet(app.videos),  # type: ignore[arg-type]
    )
    again = admit(nothing_yet, CALLER, REQUEST, KEYED)
    assert again.video.id == first.video.id
    (video,) = app.videos.page(CALLER, after=None, limit=5)
    assert video.status is Status.CANCELLED


class _NotYet:
    """Videos, of which the two looks of a repeat find none."""

    def __init__(self, videos: Any) -> None:
        self._videos, self._looks = videos, 0

    def get(self, *args: str) -> Any:
        self._looks += 1
        return None if self._looks <= 2 else self._videos.get(*args)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._videos, name)
