"""The files table: round trips, pages in both orders, and walls between callers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain.files import File, Purpose
from shared.domain.ids import new_file_id
from shared.storage.accounts import Account
from shared.storage.files import Files
from shared.storage.names import FILES
from shared.storage.rows import Table

MINE, THEIRS = "key:a", "key:b"


@pytest.fixture
def table(connection: str) -> Table:
    return Account(connection=connection).table(FILES)


@pytest.fixture
def files(table: Table) -> Files:
    return Files(table)


def file(number: int, caller: str = MINE, purpose: Purpose = Purpose.BATCH) -> File:
    return File(
        id=new_file_id(1_700_000_000_000 + number, b"0123456789"),
        caller=caller,
        filename="Füchse 🦊.jsonl",
        purpose=purpose,
        size=3_000_000_000,
        sha256="0" * 64,
        content_type="application/jsonl",
        created_at=1_700_000_000,
    )


def ids(
    files: Files,
    caller: str = MINE,
    *,
    after: str | None = None,
    limit: int = 20,
    oldest_first: bool = False,
    purpose: Purpose | None = None,
) -> list[str]:
    page = files.list(caller, after=after, limit=limit, oldest_first=oldest_first, purpose=purpose)
    return [each.id for each in page]


def test_a_file_comes_back_whole(files: Files) -> None:
    assert files.insert(file(1))
    assert files.get(MINE, file(1).id) == file(1)
    (listed,) = files.list(MINE, after=None, limit=2, oldest_first=False, purpose=None)
    assert listed == file(1)


def test_an_id_is_put_on_record_once(files: Files) -> None:
    assert files.insert(file(1))
    assert not files.insert(replace(file(1), filename="other"))
    assert files.get(MINE, file(1).id) == file(1)


def test_pages_go_both_ways_and_may_be_of_one_purpose(files: Files) -> None:
    made = [file(n, purpose=Purpose.VISION if n % 3 == 0 else Purpose.BATCH) for n in range(7)]
    for each in made:
        files.insert(each)
    oldest = [each.id for each in made]
    newest = oldest[::-1]
    assert ids(files) == newest
    assert ids(files, limit=2) == newest[:2]
    assert ids(files, after=newest[1], limit=3) == newest[2:5]
    assert ids(files, after=newest[-1]) == []
    assert ids(files, oldest_first=True, limit=4) == oldest[:4]
    assert ids(files, oldest_first=True, after=oldest[3]) == oldest[4:]
    pictures = [oldest[0], oldest[3], oldest[6]]
    assert ids(files, purpose=Purpose.VISION) == pictures[::-1]
    assert ids(files, purpose=Purpose.VISION, limit=2, oldest_first=True) == pictures[:2]
    assert ids(files, purpose=Purpose.BATCH_OUTPUT) == []


def test_another_callers_file_is_not_there(files: Files) -> None:
    files.insert(file(1))
    assert files.get(THEIRS, file(1).id) is None
    assert ids(files, THEIRS) == ids(files, THEIRS, oldest_first=True) == []
    assert not files.delete(file(1, THEIRS))
    assert files.get(MINE, file(1).id) == file(1)


def test_a_deleted_file_leaves_nothing(files: Files, table: Table) -> None:
    files.insert(file(1))
    files.insert(file(2))
    assert files.delete(file(1))
    assert not files.delete(file(1))
    assert files.get(MINE, file(1).id) is None
    assert ids(files) == ids(files, oldest_first=True) == [file(2).id]
    assert len(table.range(MINE)) == 2


def test_a_caller_may_have_any_name(files: Files) -> None:
    caller = "key:with/slashes#and?marks"
    files.insert(file(1, caller))
    assert files.get(caller, file(1).id) == file(1, caller)
    assert files.delete(file(1, caller))
