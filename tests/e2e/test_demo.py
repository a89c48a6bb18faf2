"""`make demo`, as its command: it ends well with what it promises, and clearly when it cannot."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from local.ports import free_ports
from local.stack import ROOT


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    functions, simulator, *azurite = free_ports(5)
    return {
        **os.environ,
        "FUNCTIONS_PORT": str(functions),
        "SIMULATOR_PORT": str(simulator),
        "AZURITE_PORTS": ",".join(map(str, azurite)),
        "DATA_DIR": str(tmp_path),
        "TIME_SCALE": "60",
        "COLUMNS": "200",
    }


def test_the_demo_ends_with_checked_files_and_a_cost(environment: dict[str, str]) -> None:
    """With every choice that it offers; with none, `make demo` of `.ci/run` checks the same."""
    order = {
        "DEMO_MODEL": "sora",
        "DEMO_SIZE": "480x480",
        "DEMO_DURATION": "5",
        "DEMO_VARIANTS": "2",
        "DEMO_PROMPT": 'a "quoted" fox & its $HOME',
    }
    answer = subprocess.run(
        [sys.executable, "-m", "local", "demo"],
        cwd=ROOT,
        env={**environment, **order},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    files = re.findall(r"file\s+(\S+\.mp4)", answer.stdout)
    hashes = re.findall(r"sha256 ([0-9a-f]{64})", answer.stdout)
    assert len(files) == len(hashes) == 2
    for file, digest in zip(files, hashes, strict=True):
        assert hashlib.sha256(Path(file).read_bytes()).hexdigest() == digest
    assert "480x480, 5.00 s, silent" in answer.stdout
    assert "$0.125 settled" in answer.stdout
    assert "the simulator's journal" in answer.stdout


def test_a_simulator_that_dies_in_the_middle_ends_in_a_clear_failure(
    environment: dict[str, str], tmp_path: Path
) -> None:
    deadlines = {"JOB_DEADLINE_MINUTES": "4", "QUEUE_DEADLINE_HOURS": "0.1"}
    demo = subprocess.Popen(
        [sys.executable, "-m", "local", "demo"],
        cwd=ROOT,
        env={**environment, **deadlines, "TIME_SCALE": "30"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "demo" / "logs" / "functions-host.log"
    until = time.monotonic() + 300
    while not (log.exists() and "job_submitted" in log.read_text()):
        assert time.monotonic() < until
        time.sleep(0.05)
    for pid in simulators_of(demo.pid):
        os.kill(pid, signal.SIGKILL)
    out, err = demo.communicate(timeout=300)
    assert demo.returncode == 1
    assert "The simulator has ended" in out
    assert "The video failed (timed_out)" in err
    assert "Cost: unknown" in err
    assert "Traceback" not in out + err + log.read_text()


def simulators_of(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if "local.simulator" in Path(f"/proc/{child}/cmdline").read_text()
    ]
