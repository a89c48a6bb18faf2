"""A seeded sample of the matrix: one or two of each kind of scenario, so that what breaks a whole
kind is seen within minutes; `make faults` runs them all, for every change as well."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from local.stack import ROOT
from tests.faults import profiles
from tests.faults.gate import When
from tests.faults.matrix import BOTH, scenarios
from tests.faults.rig import CALM, Rig, Survives
from tests.faults.run import Scenario, kill_points, run
from tests.faults.scenarios import (
    IMAGE,
    CancelScenario,
    FaultScenario,
    HostsScenario,
    KillScenario,
    Outcome,
    fault_scenarios,
)
from tests.faults.verdict import Allowed, Facts, judge
from tests.support.processes import in_background

ACTIONS = Path(__file__).resolve().parents[2] / "local" / "simulator" / "faults" / "actions.py"
_SEED = 20261121
_CHANCE = random.Random(_SEED)

FAULTS = [FaultScenario(*each) for each in _CHANCE.sample(scenarios(), 3)]
PROFILES = [
    FaultScenario(_CHANCE.choice(list(profiles.rows(name))), name)
    for name in _CHANCE.sample(profiles.NAMES, 2)
]
KILLS = [
    KillScenario(shape, survives, _CHANCE.randrange(1, 40), _CHANCE.choice(get_args(When)))
    for shape, survives in zip(BOTH, get_args(Survives), strict=True)
]
IMAGES = [KillScenario(IMAGE, "tables", _CHANCE.randrange(1, 60), _CHANCE.choice(get_args(When)))]
CANCELS = [
    CancelScenario(_CHANCE.choice(BOTH), _CHANCE.randrange(1, 30), _CHANCE.choice(get_args(When)))
]


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), settings=CALM) as running:
        yield running


@pytest.mark.parametrize(
    "scenario", [*FAULTS, *PROFILES, *KILLS, *IMAGES, *CANCELS], ids=lambda scenario: scenario.name
)
def test_sample(rig: Rig, scenario: Scenario) -> None:
    outcome = scenario.run(rig)
    assert outcome.breaches == [], outcome.log


def test_a_few_videos_among_hosts_that_come_and_go(rig: Rig) -> None:
    outcome = HostsScenario(seed=_SEED, hosts=2, videos=8, strikes=2).run(rig)
    assert outcome.breaches == [], outcome.log


def test_every_fault_script_of_the_simulator_is_in_the_matrix() -> None:
    declared = set(re.findall(r'type: Literal\["(\w+)"\]', ACTIONS.read_text()))
    used = {rule["action"]["type"] for each in fault_scenarios() for rule in each.fault.script}
    assert used == declared


def test_the_matrix_has_its_size() -> None:
    """A row that is lost is noticed: change these numbers with the matrix."""
    assert len(fault_scenarios()) == 247 + 9 * 8 + 2 * 5
    names = [scenario.name for scenario in fault_scenarios()]
    assert len(names) == len(set(names))


def test_the_kill_points_are_the_whole_product() -> None:
    points = kill_points({"sora-2": 3, "sora-1": 2, IMAGE: 4}, {"sora-2": 1, "sora-1": 2})
    both_ways = (3 + 2 + 4 + 1 + 2) * len(get_args(When))
    assert len(points) == len(set(points)) == both_ways + (3 + 2)
    in_turn = [each.name for each in points if "host state" in each.name]
    assert [name.split()[2:5] for name in in_turn[:3]] == [
        ["after", "effect", "1,"],
        ["before", "effect", "2,"],
        ["after", "effect", "3,"],
    ]


class _Breaks:
    """A scenario that takes its worker down."""

    name = "breaks"

    def run(self, rig: Rig) -> Outcome:
        raise SystemExit(1)


def test_a_worker_that_dies_is_a_failure_and_not_a_pass() -> None:
    assert run([_Breaks()], 1, verbose=False) == []  # type: ignore[list-item]


VIDEO = "video_" + "0" * 32


def facts(**changes: Any) -> Facts:
    """What one good job leaves behind, with something changed."""
    base: dict[str, Any] = {
        "video": {
            "PartitionKey": "key:a",
            "RowKey": "d_" + "f" * 32,
            "prompt": "p",
            "status": "completed",
            "cost_state": "settled",
            "cost_actual_micro_usd": 400,
            "job_id": "j",
            "outputs": '[{"index": 0, "sha256": "s", "blob": "b"}]',
        },
        "job": {
            "id": "j",
            "foreign": False,
            "status": "completed",
            "request": {"headers": {"x-ms-client-request-id": f"{VIDEO}-1"}},
            "outputs": [{"index": 0, "files": {"video": {"sha256": "s"}}}],
        },
        "claim": {"PartitionKey": "d", "RowKey": "j", "collected": True},
        "deployment": {"PartitionKey": "d", "RowKey": "d", "running": "{}"},
        "seen": {
            "most_running": 1,
            "max_running": 2,
            "most_creates_in_a_minute": 1,
            "max_creates_per_minute": 2,
            "refused": {"running": 0},
        },
        "settle": {"settled_micro_usd": 400, "reserved_micro_usd": -400, "unknown_micro_usd": 0},
        "total": {"settled_micro_usd": 400, "reserved_micro_usd": 0, "unknown_micro_usd": 0},
        "work": [],
        "more_jobs": [],
        "more_videos": [],
        "blobs": {"b": {"sha256": "s"}, f"{VIDEO}/manifest.json": {}},
    }
    for name, change in changes.items():
        base[name] = {**base[name], **change} if isinstance(change, dict) else change
    base["blobs"].pop(base.get("without"), None)
    entry = {
        "PartitionKey": "2026-11",
        "video_id": VIDEO,
        "day": "2026-11-21",
        "caller": "key:a",
        "attempt": 1,
        "amount_micro_usd": 400,
        "basis": "quoted",
        "at": 1,
    }
    reserve = {
        "kind": "reserve",
        "opened": 1,
        "settled_micro_usd": 0,
        "reserved_micro_usd": 400,
        "unknown_micro_usd": 0,
    }
    settle = {"kind": "settle", "opened": -1, **base["settle"]}
    return Facts(
        journal={
            "jobs": [base["job"], *base["more_jobs"]],
            "deployments": {"d": base["seen"]},
            "elsewhere": base.get("elsewhere", []),
        },
        tables={
            "videos": [base["video"], *base["more_videos"]],
            "work": base["work"],
            "jobs": [base["claim"]],
            "deployments": [base["deployment"]],
            "ledger": [
                {**entry, **reserve, "RowKey": f"e_{VIDEO}_1_reserve"},
                {**entry, **settle, "RowKey": f"e_{VIDEO}_1_settle"},
                {"PartitionKey": "2026-11", **base["total"], "RowKey": "t_m"},
                {"PartitionKey": "2026-11", **base["total"], "RowKey": "t_d_2026-11-21"},
                {"PartitionKey": "2026-11", **base["total"], "RowKey": "t_c_key:a"},
            ],
        },
        blobs=base["blobs"],
        day_ceiling=base.get("ceiling", 400),
    )


def test_the_verdict_passes_what_is_right() -> None:
    assert judge(facts()) == []


SECOND_JOB = {**facts().journal["jobs"][0], "id": "k"}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"more_jobs": [SECOND_JOB]}, "2 upstream jobs"),
        ({"more_videos": [{**facts().videos[0], "RowKey": "d_" + "e" * 32}]}, "2 videos for one"),
        ({"video": {"status": "in_progress"}}, "is still in_progress"),
        ({"video": {"status": "failed"}}, "was not collected"),
        ({"video": {"cost_state": "reserved"}}, "its cost reserved"),
        ({"video": {"outputs": "[]"}}, "without an output"),
        ({"video": {"job_id": "x"}}, "unknown job"),
        ({"video": {"job_id": "x"}, "job": {"ids": ["y"]}}, "unknown job"),
        ({"blobs": {"b": {"sha256": "t"}}}, "is not what the row says"),
        ({"without": "b"}, "is not what the row says"),
        ({"without": f"{VIDEO}/manifest.json"}, "no manifest"),
        ({"work": [{"RowKey": VIDEO, "stage": "rendering"}]}, "work is left"),
        ({"claim": {"collected": False}}, "still open"),
        ({"deployment": {"running": '{"v": 1}'}}, "holds slots"),
        ({"deployment": {"submits": '{"v": ["", true]}'}}, "holds slots"),
        ({"work": [{"RowKey": f"place|sora-2|0|key:a|{VIDEO}"}]}, "a place in line is left"),
        ({"total": {"settled_micro_usd": 399}}, "399 != 400"),
        ({"settle": {"reserved_micro_usd": 0}}, "is still reserved"),
        ({"settle": {"unknown_micro_usd": 1}}, "unknown in the ledger"),
        ({"total": {"open": 1}}, "audit: total"),
        ({"settle": {"amount_micro_usd": 399}}, "add up to"),
        ({"settle": {"kind": "release"}}, "add up to"),
        ({"video": {"cost_actual_micro_usd": 399}}, "its row says 399"),
        ({"ceiling": 399}, "400 committed, 399 allowed"),
        ({"seen": {"most_running": 3}}, "most_running 3"),
        ({"seen": {"most_creates_in_a_minute": 3}}, "most_creates_in_a_minute 3"),
        ({"seen": {"refused": {"running": 1}}}, "1 creates were refused"),
        ({"job": {"request": {"headers": {}}}}, "for no video"),
        (
            {"elsewhere": [{"api_key_came_along": True, "authorization_came_along": False}]},
            "took the key",
        ),
    ],
)
def test_the_verdict_catches_every_breach(changes: dict[str, Any], says: str) -> None:
    found = judge(facts(**changes))
    assert any(says in breach for breach in found), found


def test_a_job_is_known_by_each_id_that_its_server_gives_it() -> None:
    wrapped = {"video": {"job_id": "outer"}, "job": {"ids": ["outer", "listed"]}}
    assert judge(facts(**wrapped)) == []


def test_what_a_scenario_allows_is_no_breach() -> None:
    again = facts(more_jobs=[{**SECOND_JOB, "status": "failed"}])
    assert judge(again, Allowed(jobs_per_video=2)) == []
    assert judge(again) != []


def test_an_interrupted_matrix_ends_at_once_and_says_how_far_it_came() -> None:
    """Also while most of what it was to run still lies in a queue that nobody reads any more."""
    command = [sys.executable, "-m", "tests.faults", "--kind", "faults", "--verbose", "--workers=1"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=in_background,
    ) as running:
        assert running.stdout is not None
        assert "faults x columns" in next(running.stdout)
        assert next(running.stdout).startswith("ok")
        os.killpg(running.pid, signal.SIGINT)
        rest = running.stdout.read()
        assert running.wait(30) == 130, rest
    assert "interrupted after" in rest
