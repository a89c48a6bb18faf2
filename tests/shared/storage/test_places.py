"""The line beside the work: who waits has a place, whoever does not has none, and the first of each
caller are found without reading those behind them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.ledger import Kind
from shared.domain.verdict import Verdict
from shared.domain.video import Status
from shared.domain.work import Attempt, Work
from shared.storage.accounts import Account
from shared.storage.places import Places
from shared.storage.rows import RowChanged, Table
from shared.storage.work import WorkTable
from tests.support.memory import MemoryTable
from tests.support.states import WAITING

ENDS = Verdict(status=Status.CANCELLED, money=Kind.RELEASE, amount=0, basis="cancelled")


def waiting(number: int, caller: str = "key:a", **changes: object) -> Work:
    video_id = f"video_{number:032x}"
    return replace(WAITING, video_id=video_id, caller=caller, hint="h", **changes)  # type: ignore[arg-type]


@pytest.fixture(params=["memory", "azurite"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "memory":
        return MemoryTable()
    account = Account(connection=request.getfixturevalue("connection"))
    return account.table("work")


def line_up(table: Table, work: Work) -> Work:
    """Admitted first, then in line, as the app does it."""
    works = WorkTable(table)
    stored = works.insert(replace(work, hint=None))
    return works.replace(replace(stored, hint=work.hint))


def ids(places: Places, model: str = "sora-2") -> list[str]:
    found = places.heads().get(model)
    return [] if found is None else [video.video_id for video in found.videos]


def test_who_lines_up_has_a_place_with_all_that_decides(table: Table) -> None:
    work = waiting(1, facts="9f 720x1280 4 1", deployments=("d", "e"), caller="key:a b/c")
    line_up(table, work)
    (found,) = Places(table).all("sora-2")
    assert (found.video_id, found.caller) == (work.video_id, "key:a b/c")
    assert (found.deployments, found.facts) == (("d", "e"), "9f 720x1280 4 1")
    assert (found.expected, found.model) == (60.0, "sora-2")
    assert Places(table).all("sora") == []


def test_the_lines_of_a_batch_are_a_queue_of_their_own_behind_their_callers_others(
    table: Table,
) -> None:
    places = Places(table)
    for number in range(1, 101):
        line_up(table, waiting(number, batch="batch_1"))
    one, other = waiting(200), waiting(201, caller="key:b")
    line_up(table, other)
    line_up(table, one)
    for number in range(300, 430):  # more of the caller's own than one look reads
        line_up(table, waiting(number))
    heads = places.heads()["sora-2"]
    assert not heads.whole
    of_batch = [video.video_id for video in heads.videos if video.of_batch]
    assert of_batch == [waiting(number).video_id for number in range(1, 65)]
    others = [video.video_id for video in heads.videos if not video.of_batch]
    assert {one.video_id, other.video_id} <= set(others)
    assert len(others) == 64 + 1
    assert len(places.all("sora-2")) == 232
    assert places.newer(waiting(202), waiting(1).video_id, limit=9) == 1, "none of the batch"
    assert places.newer(waiting(99, batch="batch_1"), waiting(90).video_id, limit=9) == 8
    places.forget(next(video for video in heads.videos if video.of_batch))
    assert of_batch[0] not in ids(places)


@pytest.mark.parametrize("how", ["granted", "decided", "deleted"])
def test_who_leaves_the_line_leaves_no_place(table: Table, how: str) -> None:
    works = WorkTable(table)
    work = line_up(table, waiting(1))
    assert ids(Places(table)) == [work.video_id]
    if how == "granted":
        works.replace(replace(work, hint=None, attempt=Attempt(deployment="d")))
    elif how == "decided":
        works.replace(replace(work, verdict=ENDS))
    else:
        works.delete(work)
    assert ids(Places(table)) == []
    assert (works.get(work.video_id) is None) == (how == "deleted")


def test_who_loses_a_race_changes_neither_row(table: Table) -> None:
    works = WorkTable(table)
    old = line_up(table, waiting(1))
    works.replace(replace(old, hint="again"))
    with pytest.raises(RowChanged):
        works.replace(replace(old, verdict=ENDS))
    with pytest.raises(RowChanged):
        works.delete(old)
    assert ids(Places(table)) == [old.video_id]


def test_a_place_that_somebody_removed_does_not_stop_the_work(table: Table) -> None:
    works, places = WorkTable(table), Places(table)
    work = line_up(table, waiting(1))
    places.forget(places.all("sora-2")[0])
    written = works.replace(replace(work, verdict=ENDS))
    assert works.get(work.video_id) == written


def test_the_first_of_each_caller_are_found_whatever_is_behind_them() -> None:
    memory = MemoryTable()
    for number in range(300):
        line_up(memory, waiting(number, "key:long"))
    for number in range(300, 420):
        line_up(memory, waiting(number, f"key:{number}"))
    memory.operations.clear()
    heads = Places(memory).heads()["sora-2"]
    assert not heads.whole
    callers = [video.caller for video in heads.videos]
    assert callers.count("key:long") == 64
    assert len(set(callers)) == 121
    assert [v.video_id for v in heads.videos if v.caller == "key:long"] == [
        waiting(number).video_id for number in range(64)
    ]
    assert len(heads.videos) == len({video.video_id for video in heads.videos}) == 64 + 120
    few = memory.operations["range", "open"]
    for number in range(1000, 3000):
        line_up(memory, waiting(number, "key:long"))
    memory.operations.clear()
    assert Places(memory).heads()["sora-2"] == heads
    assert memory.operations["range", "open"] == few


def test_a_short_line_is_read_whole() -> None:
    memory = MemoryTable()
    for number in range(100):
        line_up(memory, waiting(number, f"key:{number % 2}"))
    heads = Places(memory).heads()["sora-2"]
    assert heads.whole
    assert sorted(heads.videos, key=lambda v: v.video_id) == sorted(
        Places(memory).all("sora-2"), key=lambda v: v.video_id
    )


def test_one_request_finds_the_first_of_every_model() -> None:
    memory = MemoryTable()
    for number in range(100):
        line_up(memory, waiting(number, model=f"m{number % 10}"))
    memory.operations.clear()
    heads = Places(memory).heads()
    assert memory.operations["range", "open"] == 1
    assert {model: len(found.videos) for model, found in heads.items()} == {
        f"m{number}": 10 for number in range(10)
    }
    assert all(found.whole for found in heads.values())


def test_those_that_came_between_two_videos_of_a_caller_are_counted(table: Table) -> None:
    for number in range(1, 8):
        line_up(table, waiting(number))
    line_up(table, waiting(99, "key:b"))
    between = Places(table).newer(waiting(7), waiting(2).video_id, limit=10)
    assert between == 4
    assert Places(table).newer(waiting(7), waiting(2).video_id, limit=3) == 3


def test_what_release_0_1_left_in_line_gets_a_place(table: Table) -> None:
    works = WorkTable(table)
    work = works.insert(waiting(1))  # as that release wrote it: a row and no place
    assert ids(Places(table)) == []
    (found,) = works.without_place(limit=10)
    works.replace(found)
    assert ids(Places(table)) == [work.video_id]
    assert works.without_place(limit=10) == []
