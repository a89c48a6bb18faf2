"""Ctrl-C and SIGTERM end what starts a stack, also where a shell had it ignore Ctrl-C, and nothing
is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from local.ports import free_ports
from local.processes import Child
from local.stack import ROOT, Stack
from tests.support.processes import in_background, marked, until_gone

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the processes"),
    pytest.mark.long,
]

UP, DEMO = (["-m", "local", command] for command in ("up", "demo"))
OTHERS = [
    ("bench api", signal.SIGINT),
    ("tests.faults --kind kills", signal.SIGTERM),
    ("tests.faults.chaos", signal.SIGTERM),
]
"""One of each that starts stacks in its own way: in this process, in workers, one after another."""
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
HOST = "local.host"
# Python ends itself by SIGINT after a KeyboardInterrupt in an exec(), which imports may do
BROKEN_OFF = (130, -signal.SIGINT)


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A command as a shell starts it in the background: it ignores SIGINT, as do its children."""
    functions, simulator, topic, *azurite = free_ports(6)
    environment = {
        **os.environ,
        "FUNCTIONS_PORT": str(functions),
        "SIMULATOR_PORT": str(simulator),
        "TOPIC_PORT": str(topic),
        "AZURITE_PORTS": ",".join(map(str, azurite)),
        "DATA_DIR": str(folder),
        "TIME_SCALE": "1",
        "VENV": sys.prefix,
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=in_background,
    ) as running:
        try:
            yield running
        finally:
            for pid in marked(f"DATA_DIR={folder}"):
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def until_runs(program: str, folder: Path) -> None:
    """Wait until a command has come as far as to start a program."""
    limit = time.monotonic() + 300
    while not any(program in command for command in marked(f"DATA_DIR={folder}").values()):
        assert time.monotonic() < limit, f"{program} was never started"
        time.sleep(0.1)  # each look reads all of /proc


def said(running: subprocess.Popen[str], until: str) -> str:
    assert running.stdout is not None
    printed = ""
    while until not in printed:
        line = running.stdout.readline()
        assert line, printed
        printed += line
    return printed


def rest(running: subprocess.Popen[str], folder: Path) -> str:
    """What it prints from now to its end, which is that of all that it has started."""
    printed, _ = running.communicate(timeout=300)
    until_gone(marked(f"DATA_DIR={folder}"))
    assert "Traceback" not in printed
    return printed


def test_up_stops_in_order(tmp_path: Path) -> None:
    with started([sys.executable, *UP], tmp_path) as up:
        assert "/openai/v1/docs" in said(up, "Ctrl-C")
        assert len(marked(f"DATA_DIR={tmp_path}")) == 5
        up.send_signal(signal.SIGHUP)
        assert rest(up, tmp_path).endswith("stopping\n")
        assert up.returncode == 0


def test_more_of_sigterm_does_not_disturb_the_end(tmp_path: Path) -> None:
    with started([sys.executable, *UP], tmp_path) as up:
        said(up, "Ctrl-C")
        while up.poll() is None:
            up.send_signal(signal.SIGTERM)
            time.sleep(0.01)
        assert rest(up, tmp_path).endswith("stopping\n")
        # the last one may come when Python has already put its handlers away
        assert up.returncode in (0, -signal.SIGTERM)


PROGRAM = """
import time
from pathlib import Path
from local.processes import Child
from local.signals import end_on_signals
end_on_signals()
here = {"DATA_DIR": "%s"}
child = Child("sleeper", ["sleep", "600"], environment=here, log=Path("%s/log"), cwd=Path())
try:
    print("started", flush=True)
    time.sleep(600)
except KeyboardInterrupt:
"""
SWALLOWS = """
    print("swallowed", flush=True)
time.sleep(600)
"""
IN_ORDER = """
    child.stop()
    print("stopped", flush=True)
"""


def test_a_second_ctrl_c_ends_everything_at_once(tmp_path: Path) -> None:
    """Also what swallowed the first."""
    code = PROGRAM % (tmp_path, tmp_path) + SWALLOWS
    with started([sys.executable, "-c", code], tmp_path) as program:
        said(program, "started")
        program.send_signal(signal.SIGTERM)
        said(program, "swallowed")
        program.send_signal(signal.SIGINT)
        assert rest(program, tmp_path) == ""
        assert program.returncode == 130


def test_what_a_program_started_ends_with_it_when_it_is_killed(tmp_path: Path) -> None:
    code = PROGRAM % (tmp_path, tmp_path) + IN_ORDER
    with started([sys.executable, "-c", code], tmp_path) as program:
        said(program, "started")
        assert len(marked(f"DATA_DIR={tmp_path}")) == 2
        program.kill()
        rest(program, tmp_path)


@pytest.mark.parametrize("number", ENDING)
def test_each_signal_ends_a_program_in_order(tmp_path: Path, number: signal.Signals) -> None:
    """`up`, `demo`, the bench and the matrix do not see which signal it was that ended them."""
    code = PROGRAM % (tmp_path, tmp_path) + IN_ORDER
    with started([sys.executable, "-c", code], tmp_path) as program:
        said(program, "started")
        assert len(marked(f"DATA_DIR={tmp_path}")) == 2
        program.send_signal(number)
        assert rest(program, tmp_path).endswith("stopped\n")
        assert program.returncode == 0


@pytest.mark.parametrize(
    ("command", "moment", "number"),
    [
        (UP, "azurite.js", signal.SIGINT),
        (UP, HOST, signal.SIGTERM),
        (DEMO, "azurite.js", signal.SIGTERM),
        (DEMO, HOST, signal.SIGINT),
    ],
    ids=["up early", "up late", "demo early", "demo late"],
)
def test_a_start_is_broken_off(
    tmp_path: Path, command: list[str], moment: str, number: signal.Signals
) -> None:
    with started([sys.executable, *command], tmp_path) as starting:
        until_runs(moment, tmp_path)
        starting.send_signal(number)
        rest(starting, tmp_path)
        assert starting.returncode in (*BROKEN_OFF, *([0] if command is UP else []))


def test_a_demo_is_broken_off(tmp_path: Path) -> None:
    with started([sys.executable, *DEMO], tmp_path) as demo:
        said(demo, "video_")
        demo.send_signal(signal.SIGTERM)
        rest(demo, tmp_path)
        assert demo.returncode in BROKEN_OFF


def test_a_script_stops_what_it_started_in_the_background(tmp_path: Path) -> None:
    with started(["sh", "-c", "make up & echo began:$!; wait $!"], tmp_path) as script:
        make = int(said(script, "began:").rpartition("began:")[2])
        until_runs(HOST, tmp_path)
        os.kill(make, signal.SIGTERM)
        rest(script, tmp_path)


def test_ctrl_c_stops_what_a_script_has_in_the_background(tmp_path: Path) -> None:
    """The terminal sends it to the whole group; make and the shell ignore it."""
    with started(["sh", "-c", "make demo & echo began:$!; wait $!"], tmp_path) as script:
        said(script, "began:")
        until_runs(HOST, tmp_path)
        os.killpg(script.pid, signal.SIGINT)
        rest(script, tmp_path)


@pytest.mark.parametrize(("command", "number"), OTHERS)
def test_what_measures_and_breaks_the_stack_ends_too(
    tmp_path: Path, command: str, number: signal.Signals
) -> None:
    with started([sys.executable, "-m", *command.split()], tmp_path) as running:
        until_runs(HOST, tmp_path)
        time.sleep(1)  # into its work
        running.send_signal(number)
        rest(running, tmp_path)
        assert running.returncode in BROKEN_OFF


class Interrupted(Child):
    def stop(self) -> None:
        raise KeyboardInterrupt


def test_a_stop_that_is_interrupted_ends_the_others_at_once(tmp_path: Path) -> None:
    def sleeper(kind: type[Child]) -> Child:
        log = tmp_path / "log"
        return kind("sleeper", ["sleep", "600"], environment={}, log=log, cwd=tmp_path)

    children = [sleeper(Child), sleeper(Interrupted), sleeper(Child)]
    with pytest.raises(KeyboardInterrupt):
        Stack(tmp_path, children=list(children)).stop()
    assert None not in [child.exit_code() for child in children]
