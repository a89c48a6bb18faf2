"""`python -m local batch`, as its command: what it prints and leaves, and how one comes back."""

from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from local.host.tests.forks import Forks
from local.stack import API_KEY, ROOT
from tests.conftest import Simulator
from tests.support.stacks import Client
from tests.support.waiting import eventually

Command = Callable[..., subprocess.Popen[str]]
Ended = Callable[..., tuple[int, str]]
KEY = {"DURABLE_VIDEO_KEY": API_KEY}
WIDE = {"COLUMNS": "200"}


@pytest.fixture
def command(api: Client, tmp_path: Path) -> Command:
    """Start the command against the running app, from a folder of the test's own."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "local", *typed(api, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), **WIDE},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks(ROOT, "openai", "local.batch", "local.operate_videos", environ=WIDE) as running:
        yield running


@pytest.fixture
def ended(api: Client, tmp_path: Path, forks: Forks) -> Ended:
    """Run the command to its end: its exit code, and what it said."""

    def run(*arguments: str, url: str = "", **environment: str) -> tuple[int, str]:
        given = typed(api, arguments, url)
        return told(forks.run("local", *given, cwd=tmp_path, environ={**WIDE, **environment}))

    return run


def typed(api: Client, arguments: Sequence[str], url: str = "") -> list[str]:
    there = url or f"http://127.0.0.1:{api.stack.ports.functions}"
    return ["batch", *arguments, "--url", there]


def told(done: subprocess.CompletedProcess[str]) -> tuple[int, str]:
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert API_KEY not in said
    return done.returncode, said


def batch_of(said: str) -> str:
    found = re.search(r"batch_[0-9a-f]{32}", said)
    assert found, said
    return found[0]


def jobs(simulator: Simulator) -> list[Any]:
    return list(simulator.journal()["jobs"])


def test_a_spreadsheet_becomes_videos_and_their_table(
    ended: Ended, simulator: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "films.csv"
    file.write_bytes("prompt;seconds;custom_id\r\nein Füchslein;4;\r\na hare;8;last\r\n".encode())
    options = ("films.csv", "--budget", "5", "--out", "results")
    code, said = ended(*options)
    assert code == 0, said
    assert "2: 2 completed, 0 failed, 0 not started" in said
    assert "$1.20 of $5.00; all lines were estimated at $1.20" in said
    out = tmp_path / "results"
    assert sorted(path.name for path in out.iterdir()) == ["output.jsonl", "results.csv"]
    lines = [json.loads(each) for each in (out / "output.jsonl").read_text().splitlines()]
    assert [each["custom_id"] for each in lines] == ["row-2", "last"]
    with (out / "results.csv").open(newline="", encoding="utf-8-sig") as table:
        found = [(row["line"], row["prompt"], row["cost_usd"]) for row in csv.DictReader(table)]
    assert found == [("2", "ein Füchslein", "0.40"), ("3", "a hare", "0.80")]

    code, again = ended(*options, **KEY)
    assert (code, batch_of(again)) == (0, batch_of(said))
    assert len(jobs(simulator)) == 2
    other = ended("films.csv", "--budget", "6", "--dry-run", "--out", "results")[1]
    assert batch_of(other) != batch_of(said)
    assert "estimated at $1.20" in other
    assert not (out / "output.jsonl").exists()
    assert len(jobs(simulator)) == 2


def of_lines(tmp_path: Path, count: int) -> str:
    text = "".join(f"clip {number} of {tmp_path.name},4\n" for number in range(count))
    (tmp_path / "films.csv").write_text("prompt,seconds\n" + text)
    return "films.csv"


def interrupted(command: Command, simulator: Simulator, *options: str) -> str:
    """What it says when Ctrl-C comes while the batch renders."""
    process = command(*options)
    eventually(lambda: jobs(simulator), seconds=180)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    code, said = told(subprocess.CompletedProcess(process.args, process.returncode, out, err))
    assert code == 130, said
    return said


def test_ctrl_c_leaves_the_batch_running_and_the_same_command_comes_back(
    command: Command, ended: Ended, simulator: Simulator, tmp_path: Path
) -> None:
    options = (of_lines(tmp_path, 6), "--budget", "20", "--max-running", "2")
    said = interrupted(command, simulator, *options, "--key", API_KEY)
    assert f"{batch_of(said)} goes on without this command." in said
    back = re.search(r"come back  python -m local (batch .*)", said)
    assert back is not None
    assert back[1].startswith("batch films.csv --budget 20.00 --window 24h --max-running 2")
    assert f"{back[1]} --cancel" in said

    words = back[1].split()[1:]
    code, again = ended(*words[: words.index("--url")], DATA_DIR=str(tmp_path / "data"))
    assert code == 0, again
    assert f"{batch_of(said)}  films.csv, made before" in again
    assert "6: 6 completed" in again
    assert (tmp_path / "data" / "batches" / batch_of(said) / "results.csv").exists()
    assert len(jobs(simulator)) == 6


def test_a_batch_can_be_cancelled_by_the_same_command(
    command: Command, ended: Ended, simulator: Simulator, tmp_path: Path
) -> None:
    options = (of_lines(tmp_path, 20), "--budget", "20", "--max-running", "1", "--out", "x")
    code, said = ended(*options, "--cancel")
    assert (code, said) == (1, "No batch was made of films.csv with these options.\n")
    made = batch_of(interrupted(command, simulator, *options))
    code, said = ended(*options, "--cancel")
    assert (code, batch_of(said)) == (1, made)
    assert "status  cancelled" in said
    assert 0 < len(jobs(simulator)) < 20
    rendered = (tmp_path / "x" / "output.jsonl").read_text().splitlines()
    assert len(rendered) == len(jobs(simulator))


def test_wrong_rows_are_said_and_cost_nothing(
    ended: Ended, simulator: Simulator, tmp_path: Path
) -> None:
    (tmp_path / "films.csv").write_text("prompt,seconds\na fox,4\n\na hare,5\n")
    code, said = ended("films.csv", "--budget", "20", "--out", ".")
    assert code == 1
    assert "line 4 (body.seconds): " in said
    assert json.loads((tmp_path / "errors.jsonl").read_text())["error"]["line"] == 4
    assert jobs(simulator) == []


@pytest.mark.parametrize(
    ("file", "options", "said"),
    [
        ("scene\n1\n", (), "The CSV has no column 'prompt'"),
        ("prompt\nx\n", ("--window", "soon"), "completion_window"),
        ("prompt\nx\n", ("--budget", "much"), "--budget: 'much' is not an amount"),
        ("prompt\nx\n", ("--key", "wrong"), "answered: "),
    ],
)
def test_what_cannot_work_is_one_clear_line(
    ended: Ended, tmp_path: Path, file: str, options: tuple[str, ...], said: str
) -> None:
    (tmp_path / "films.csv").write_text(file)
    code, told = ended("films.csv", "--budget", "20", *options)
    assert code == 1
    assert said in told
    assert "wrong" not in told.replace(str(tmp_path), "")
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize(
    ("url", "key", "said"),
    [
        ("https://app.example", "", "DURABLE_VIDEO_KEY is not in the environment"),
        ("http://app.example", "secret", "use https"),
        ("http://127.0.0.1:1", "", "cannot be reached"),
    ],
)
def test_a_key_is_sent_where_it_belongs(
    ended: Ended, tmp_path: Path, url: str, key: str, said: str
) -> None:
    (tmp_path / "films.csv").write_text("prompt\na fox\n")
    code, told = ended("films.csv", "--budget", "1", url=url, DURABLE_VIDEO_KEY=key)
    assert code == 1
    assert said in told
    assert "secret" not in told
