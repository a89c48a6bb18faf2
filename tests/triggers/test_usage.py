"""GET /usage: the ledger, summed by day, model or caller, for whoever may see it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from shared.domain.ids import new_video_id
from shared.domain.ledger import Amounts, Entry, Kind
from shared.lifecycle.requests import usage as module
from shared.lifecycle.services import Services
from tests.support.surface import send

App = Callable[..., Services]

BOSS, ANN = "boss-key", "ann-key"
CALLERS = json.dumps(
    {
        "boss": {"key_sha256": [hashlib.sha256(BOSS.encode()).hexdigest()], "admin": True},
        "ann": {
            "key_sha256": [hashlib.sha256(ANN.encode()).hexdigest()],
            "budget_usd_per_month": 10,
        },
    }
)
TODAY = datetime.now(UTC).date()


class Book:
    """Writes the entries of one video after the other."""

    def __init__(self, services: Services) -> None:
        self._ledger = services.ledger
        self._videos = 0

    def __call__(
        self,
        day: date,
        *story: tuple[Kind, int],
        caller: str = "key:ann",
        model: str = "sora-2",
        seconds: int = 0,
        batch: str | None = None,
    ) -> None:
        self._videos += 1
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        video_id = new_video_id(int(noon.timestamp() * 1000), self._videos.to_bytes(10, "big"))
        entry = Entry(
            video_id=video_id,
            caller=caller,
            model=model,
            deployment=None,
            batch=batch,
            day=day.isoformat(),
            attempt=1,
            kind=Kind.RESERVE,
            amount=0,
            change=Amounts(),
            price_version="p",
            basis="b",
            at=1,
        )
        for kind, amount in story:
            paid = seconds if kind is Kind.SETTLE else 0
            assert self._ledger.write(replace(entry, kind=kind, amount=amount, seconds=paid))


def get(path: str, key: str = ANN) -> Any:
    answer = send("GET", path, key=key)
    assert answer.status == 200, answer.body
    return answer.json


def test_money_in_every_state(app: App) -> None:
    book = Book(app(CALLERS=CALLERS))
    book(TODAY, (Kind.RESERVE, 400_000))
    book(TODAY, (Kind.RESERVE, 400_000), (Kind.SETTLE, 400_000), seconds=4)
    book(TODAY, (Kind.RESERVE, 1_200_000), (Kind.SETTLE, 800_000), seconds=8)
    book(TODAY, (Kind.RESERVE, 400_000), (Kind.RELEASE, 0))
    book(TODAY, (Kind.RESERVE, 400_000), (Kind.UNKNOWN, 400_000))
    usage = get("/usage")
    expected = {
        "videos": 5,
        "seconds": 12,
        "reserved": "0.40",
        "settled": "1.20",
        "released": "0.80",
        "unknown": "0.40",
    }
    assert usage["total"] == expected
    assert usage["data"] == [{"group": TODAY.isoformat(), **expected}]
    assert usage["caller"] == "key:ann"
    assert usage["month_to_date"] == {
        "month": TODAY.isoformat()[:7],
        "reserved": "0.40",
        "settled": "1.20",
        "unknown": "0.40",
        "committed": "2.00",
        "budget": "10.00",
        "left": "8.00",
    }


def test_by_day_model_and_caller_within_the_period(app: App) -> None:
    book = Book(app(CALLERS=CALLERS))
    first = date(2026, 8, 30)
    for number, model in enumerate(("sora-2", "sora", "sora-2", "sora")):
        book(first + timedelta(days=number), (Kind.RESERVE, 100_000), model=model)
    book(first + timedelta(days=1), (Kind.RESERVE, 50_000), caller="key:other")
    period = "from=2026-08-31&to=2026-09-01"
    by_day = get(f"/usage?{period}")
    assert [(row["group"], row["videos"]) for row in by_day["data"]] == [
        ("2026-08-31", 1),
        ("2026-09-01", 1),
    ]
    by_model = get(f"/usage?{period}&group_by=model")
    assert {row["group"]: row["reserved"] for row in by_model["data"]} == {
        "sora": "0.10",
        "sora-2": "0.10",
    }
    everybody = get(f"/usage?{period}&group_by=caller", BOSS)
    assert {row["group"]: row["reserved"] for row in everybody["data"]} == {
        "key:ann": "0.20",
        "key:other": "0.05",
    }
    assert (everybody["caller"], everybody["month_to_date"]["budget"]) == (None, None)
    one = get(f"/usage?{period}&caller=key:ann", BOSS)
    assert (one["caller"], one["total"]["videos"]) == ("key:ann", 2)
    assert one["month_to_date"]["budget"] == "10.00"


def test_by_batch(app: App) -> None:
    book = Book(app(CALLERS=CALLERS))
    book(TODAY, (Kind.RESERVE, 100_000), batch="batch_1")
    book(TODAY, (Kind.RESERVE, 100_000), (Kind.SETTLE, 90_000), batch="batch_1")
    book(TODAY, (Kind.RESERVE, 50_000))
    rows = {row["group"]: row for row in get("/usage?group_by=batch")["data"]}
    assert {group: (row["reserved"], row["settled"]) for group, row in rows.items()} == {
        "batch_1": ("0.10", "0.09"),
        "none": ("0.05", "0.00"),
    }


@pytest.mark.parametrize("accept", [False, True])
def test_csv(app: App, accept: bool) -> None:
    book = Book(app(CALLERS=CALLERS))
    book(TODAY, (Kind.RESERVE, 400_000), (Kind.SETTLE, 400_000), seconds=4)
    answer = send(
        "GET",
        "/usage?group_by=model" + ("" if accept else "&format=csv"),
        key=ANN,
        headers={"accept": "text/csv"} if accept else {},
    )
    assert answer.headers["content-type"] == "text/csv"
    (row,) = csv.DictReader(io.StringIO(answer.body.decode()))
    assert row == {
        "model": "sora-2",
        "videos": "1",
        "seconds": "4",
        "reserved": "0.00",
        "settled": "0.40",
        "released": "0.00",
        "unknown": "0.00",
    }


def test_a_caller_sees_only_its_own(app: App) -> None:
    book = Book(app(CALLERS=CALLERS))
    book(TODAY, (Kind.RESERVE, 400_000), caller="key:boss")
    assert get("/usage")["data"] == []
    assert get("/usage?caller=key:ann")["data"] == []
    refused = send("GET", "/usage?caller=key:boss", key=ANN)
    assert (refused.status, refused.json["error"]["code"]) == (403, "not_allowed")
    assert get("/usage", BOSS)["total"]["videos"] == 1


def test_nothing_was_ever_booked(app: App) -> None:
    app(CALLERS=CALLERS)
    usage = get("/usage?from=2020-01-01&to=2020-12-31")
    assert (usage["data"], usage["total"]["videos"]) == ([], 0)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("from=yesterday", "from"),
        ("from=2026-02-30", "from"),
        ("to=20261121", "to"),
        ("from=2026-03-02&to=2026-03-01", "from"),
        ("from=2024-01-01&to=2025-01-01", "from"),
        ("group_by=week", "group_by"),
        ("format=xml", "format"),
        ("caller=ann", "caller"),
        ("caller=key:a/b", "caller"),
    ],
)
def test_a_wrong_parameter_is_named(app: App, query: str, param: str) -> None:
    app(CALLERS=CALLERS)
    answer = send("GET", f"/usage?{query}", key=BOSS)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


def test_no_more_is_read_than_the_limit(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    book = Book(app(CALLERS=CALLERS))
    for number in range(3):
        book(date(2026, 8, 30) + timedelta(days=number), (Kind.RESERVE, 1))
    monkeypatch.setattr(module, "MOST_USAGE_ENTRIES", 2)
    assert get("/usage?from=2026-08-30&to=2026-08-31")["total"]["videos"] == 2
    answer = send("GET", "/usage?from=2026-08-30&to=2026-09-30", key=ANN)
    assert (answer.status, answer.json["error"]["param"]) == (400, "from")
    assert "ask for fewer days" in answer.json["error"]["message"]
