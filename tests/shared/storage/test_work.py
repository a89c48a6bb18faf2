"""The rows of `work`: what earlier releases wrote is read, and what is written is read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from shared.domain.job import Part
from shared.domain.work import Attempt, Intent, Move, Phase, RunningJob, phase
from shared.storage.work import WorkTable
from tests.support.memory import MemoryTable
from tests.support.states import WAITING, flaws

ROWS = json.loads((Path(__file__).parent / "rows" / "work-0.1.json").read_text())
"""One row for each state of a video, as the first release wrote them: flat, forty columns."""
INTENT = Intent(at=1011.0, by="me", connection_ended_at=1012.0, unlisted_since=1013.0)
JOB = RunningJob(
    id="job_1",
    created_at=1011.5,
    expires_at=87411.0,
    deadline=4611.0,
    sketch="{}",
    polls=3,
    progress=40,
    progress_at=1030.0,
)
SENT = replace(INTENT, unlisted_since=None)
RENDERED = replace(JOB, parts=(Part("job_1", 4),), slot_freed=True)
EXPECTED: dict[str, tuple[Phase, Attempt | None]] = {
    "admitting": (Phase.ADMITTING, None),
    "waiting": (Phase.WAITING, None),
    "taken back": (Phase.WAITING, None),
    "granted": (Phase.SUBMITTING, Attempt(deployment="a")),
    "to be sent again": (Phase.SUBMITTING, Attempt(deployment="a")),
    "intent": (Phase.SUBMITTING, Attempt(deployment="a", intent=INTENT)),
    "known": (Phase.RENDERING, Attempt(deployment="a", intent=SENT, job=JOB)),
    "collecting": (
        Phase.COLLECTING,
        Attempt(deployment="a", intent=SENT, job=replace(RENDERED, collecting=True, spoiled=1)),
    ),
    "finishing": (Phase.FINISHING, Attempt(deployment="a", intent=SENT, job=JOB)),
    "watching": (
        Phase.WATCHING,
        Attempt(deployment="a", intent=SENT, job=replace(JOB, missing_since=1040.0)),
    ),
    "rescuing": (
        Phase.COLLECTING,
        Attempt(deployment="a", intent=SENT, job=replace(RENDERED, collecting=True)),
    ),
    "deleted": (Phase.WATCHING, Attempt(deployment="a", intent=INTENT)),
}


@pytest.fixture
def memory() -> MemoryTable:
    return MemoryTable()


def test_there_is_a_row_for_every_phase() -> None:
    assert ROWS.keys() == EXPECTED.keys()
    assert {where for where, _ in EXPECTED.values()} == set(Phase)


@pytest.mark.parametrize("name", EXPECTED)
def test_rows_of_the_first_release_are_read(memory: MemoryTable, name: str) -> None:
    memory.insert("open", "video_1", ROWS[name])
    work = WorkTable(memory).get("video_1")
    assert work is not None
    assert (phase(work), work.attempt) == EXPECTED[name]
    assert flaws(work) == []
    assert (work.epoch, work.reserved, work.claim) == (ROWS[name]["epoch"], 400_000, "c")
    assert (work.verdict is not None, work.deleted) == (name == "finishing", name == "deleted")


@pytest.mark.parametrize("name", EXPECTED)
def test_what_is_written_is_what_the_first_release_would_have_written(
    memory: MemoryTable, name: str
) -> None:
    """So that both can serve side by side while one takes over from the other."""
    memory.insert("open", "video_1", ROWS[name])
    works = WorkTable(memory)
    work = works.get("video_1")
    assert work is not None
    again = works.replace(work)
    assert works.get("video_1") == again == work
    written = memory.get("open", "video_1")
    assert written is not None
    meaningless = {"intent_at", "intent_by", "connection_ended_at", "missing_since"}
    expected = dict(ROWS[name])
    if work.intent is None:  # what was left of an earlier intent
        expected = {key: value for key, value in expected.items() if key not in meaningless}
    if work.hint is not None:
        expected["v"] = 2  # and a place in line, which that release does not look at
    defaults = {"polls": 0, "spoiled": 0, "slot_freed": False, "called_back": False}
    assert defaults | dict(written.values) == defaults | expected


def test_a_new_video_is_read_back(memory: MemoryTable) -> None:
    work = replace(WAITING, admitted=False)
    works = WorkTable(memory)
    works.insert(work)
    assert works.get("video_1") == work


def test_what_a_job_cost_and_took_is_read_back(memory: MemoryTable) -> None:
    memory.insert("open", "video_1", ROWS["collecting"])
    works = WorkTable(memory)
    work = works.get("video_1")
    assert work is not None
    told = work.with_job(cost=0, render_seconds=61.5)
    works.replace(told)
    found = works.get("video_1")
    assert found is not None
    assert found.job == told.job


def test_a_move_is_read_back(memory: MemoryTable) -> None:
    move = Move(
        model="ltx-2",
        deployments=("a", "b"),
        width=704,
        height=1280,
        seconds=5,
        reserved=250_000,
        price_version="ltx@1",
        expected=60.0,
    )
    works = WorkTable(memory)
    works.insert(replace(WAITING, move=move, asked="sora-2"))
    found = works.get("video_1")
    assert found is not None
    assert (found.move, found.asked_model) == (move, "sora-2")
    works.replace(replace(found, move=None))
    row = memory.get("open", "video_1")
    assert row is not None
    assert "move" not in row.values
