"""Limits of money and of callers, at admission: exact under simultaneous creates, and explained."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.errors import LimitReached, Problem, RateLimited
from shared.domain.request import VideoRequest
from shared.lifecycle.money import utc_day
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services
from triggers.web.answers import problem_answer

CALLER = "key:local"
REQUEST = VideoRequest(model="sora-2", prompt="p", width=720, height=1280, seconds=4)


def callers(**limits: Any) -> str:
    keys = {"local": "0" * 64, "other": "1" * 64}
    return json.dumps({name: {"key_sha256": [key], **limits} for name, key in keys.items()})


def outcome(services: Services, number: int = 0, repeatable: Repeatable | None = None) -> Any:
    """A video, or why there is none. Requests of different numbers are different ones."""
    request = replace(REQUEST, prompt=f"p {number}")
    try:
        return admit(services, CALLER, request, repeatable or Repeatable())
    except Problem as problem:
        return problem


@pytest.mark.real_storage
def test_two_hundred_simultaneous_creates_against_a_ceiling_for_a_hundred(
    services_with: Callable[..., Services],
) -> None:
    """From two apps on one storage account, many at a time."""
    apps = [services_with(BUDGET_USD_PER_DAY="40.00") for _ in range(2)]
    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(lambda number: outcome(apps[number % 2], number), range(200)))
    refused = [each for each in outcomes if isinstance(each, Problem)]
    assert Counter(type(each) for each in refused) == {LimitReached: 100}
    work = apps[0].work.all()
    assert len(work) == len({each.video_id for each in work}) == 100
    (day,) = {each.day for each in work}
    assert apps[0].ledger.total(day[:7], f"t_d_{day}").committed == 40_000_000


def test_a_refusal_says_which_ceiling_how_much_is_left_and_when_it_resets(
    services_with: Callable[..., Services],
) -> None:
    services = services_with(BUDGET_USD_PER_DAY="0.70")
    admit(services, CALLER, REQUEST)
    refused = outcome(services)
    now = datetime.now(UTC)
    tomorrow = (now + timedelta(days=1)).strftime("%Y-%m-%dT00:00:00Z")
    assert refused.message == (
        "This video would cost $0.40, and $0.30 is left of the budget of the day, $0.70. "
        f"It resets at {tomorrow}. Nothing was charged."
    )
    answer = problem_answer(refused)
    error = json.loads(answer.get_body())["error"]
    assert (answer.status_code, answer.headers["x-should-retry"]) == (429, "false")
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert (error["charged"], error["retryable"]) == (False, False)


def test_a_callers_budget_of_the_month_is_his_own(
    services_with: Callable[..., Services],
) -> None:
    services = services_with(CALLERS=callers(budget_usd_per_month=0.5))
    admit(services, CALLER, REQUEST)
    refused = outcome(services)
    month = datetime.now(UTC).replace(day=1) + timedelta(days=32)
    assert isinstance(refused, LimitReached)
    assert "$0.10 is left of your budget of the month, $0.50" in refused.message
    assert f"resets at {month:%Y-%m}-01T00:00:00Z" in refused.message
    admit(services, "key:other", REQUEST)


def test_what_is_unknown_counts_against_a_ceiling(services_with: Callable[..., Services]) -> None:
    """It may have been billed."""
    from shared.domain.ledger import Kind
    from shared.lifecycle import money

    services = services_with(BUDGET_USD_PER_DAY="0.40")
    video = admit(services, CALLER, REQUEST).video
    work = services.work.get(video.id)
    assert work is not None
    services.ledger.write(money.entry(services, work, Kind.UNKNOWN, work.reserved, "test"))
    assert isinstance(outcome(services), LimitReached)
    services.ledger.write(money.entry(services, work, Kind.RELEASE, 0, "test"))
    admit(services, CALLER, REQUEST)


def test_a_caller_with_too_many_unfinished_videos_comes_back_later(
    services_with: Callable[..., Services],
) -> None:
    services = services_with(CALLERS=callers(max_unfinished=3))
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda number: outcome(services, number), range(8)))
    refused = [each for each in outcomes if isinstance(each, Problem)]
    assert len(refused) == 5
    for each in refused:
        assert isinstance(each, RateLimited)
        assert each.code == "too_many_unfinished"
        answer = problem_answer(each)
        assert int(answer.headers["retry-after"]) >= 1
        assert "x-should-retry" not in answer.headers
    assert len(services.work.all()) == 3
    admit(services, "key:other", REQUEST)


def test_creates_of_a_minute_are_limited(services_with: Callable[..., Services]) -> None:
    now = time.time()
    services = services_with(CALLERS=callers(creates_per_minute=2), TIME_SCALE="30")
    services = replace(services, clock=lambda: now)
    keyed = Repeatable(key="k")
    first = outcome(services, repeatable=keyed)
    assert outcome(services, repeatable=keyed).video.id == first.video.id  # no second create
    outcome(services)
    refused = outcome(services)
    assert isinstance(refused, RateLimited)
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= 60 / 30
    now += refused.retry_after
    assert not isinstance(outcome(services), Problem)


def test_the_day_is_utc() -> None:
    assert utc_day(1_796_083_199.9) == "2026-11-30"
    assert utc_day(1_796_083_200.0) == "2026-12-01"
