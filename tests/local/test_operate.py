"""pause, resume and audit: against a stack's own storage, and clearly where there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local.ports import free_ports
from local.stack import Stack
from shared.domain.outage import Outage
from shared.domain.quota import DeploymentState
from shared.storage.accounts import Account
from shared.storage.deployments import Deployments
from shared.storage.ledger import Ledger
from tests.local.test_commands import run
from tests.shared.storage.test_ledger import entry

LIMITS = DeploymentState(deployment="sora-2", max_running=2, max_creates=2, window=60.0)


@pytest.fixture
def environment(stack: Stack, connection: str) -> dict[str, str]:
    return {**stack.settings, "STORAGE_CONNECTION": connection}


def test_pause_and_resume_change_the_row_and_nothing_else(
    environment: dict[str, str], connection: str
) -> None:
    deployments = Deployments(Account(connection=connection).table("deployments"))
    paused = run("pause", "sora-2", **environment, seconds=60)
    assert (paused.returncode, paused.stdout) == (
        0,
        "sora-2 is paused; 0 of its jobs are still running.\n",
    )
    state = deployments.get(LIMITS).state
    assert (state.paused, state.max_running) == (True, 2)
    outage = Outage(status=401, message="no", since=1.0)
    deployments.change(LIMITS, lambda _: replace(state, outage=outage, paused_until=9e9))
    resumed = run("resume", "sora-2", **environment, seconds=60)
    assert resumed.returncode == 0, resumed.stderr
    state = deployments.get(LIMITS).state
    assert (state.paused, state.outage, state.paused_until) == (False, None, 0.0)


def test_an_unknown_deployment_is_one_clear_line(environment: dict[str, str]) -> None:
    answer = run("pause", "sora-9", **environment, seconds=60)
    assert answer.returncode == 1
    assert answer.stderr == "There is no deployment 'sora-9'. UPSTREAMS has: sora-2, sora.\n"


def test_the_audit_says_what_it_found(
    environment: dict[str, str], connection: str, tmp_path: Path
) -> None:
    account = Account(connection=connection)
    Ledger(account.table("ledger")).write(entry("video_" + "0" * 32))
    answer = run("audit", "--csv", str(tmp_path / "ledger.csv"), **environment, seconds=60)
    assert answer.returncode == 1
    assert "are reserved and nobody works on it" in answer.stderr
    assert "1 entries, 3 totals, 0 videos" in answer.stdout
    assert len((tmp_path / "ledger.csv").read_text().splitlines()) == 2
    account.close()


def test_without_storage_there_is_one_clear_line(environment: dict[str, str]) -> None:
    (port,) = free_ports(1)
    nowhere = (
        "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=a2V5;"
        f"TableEndpoint=http://127.0.0.1:{port}/a"
    )
    answer = run("audit", seconds=60, **{**environment, "STORAGE_CONNECTION": nowhere})
    assert answer.returncode == 1
    assert answer.stderr.startswith("The tables of the local stack (is it up? make up)")
    assert len(answer.stderr.splitlines()) == 1


def test_on_azure_the_deployments_must_be_named(environment: dict[str, str]) -> None:
    answer = run(
        "pause", "x", seconds=60, **{**environment, "STORAGE_ACCOUNT_NAME": "a", "UPSTREAMS": ""}
    )
    assert answer.returncode == 1
    assert answer.stderr.startswith("UPSTREAMS of that app must be in the environment")
