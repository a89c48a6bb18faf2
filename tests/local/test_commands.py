"""The commands of the README, as a newcomer meets them: what they print and what they leave."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local.callers import check_callers
from local.processes import StackError
from local.stack import ROOT
from shared.settings.callers import Caller

LOCAL = [sys.executable, "-m", "local"]


def run(
    *arguments: str, seconds: float = 60, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*LOCAL, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def test_a_busy_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        answer = run("demo", FUNCTIONS_PORT=str(port), DATA_DIR=str(tmp_path))
    assert answer.returncode == 1
    assert answer.stderr.strip() == (
        f"Port {port} (Functions host) is in use. Stop what uses it, or set FUNCTIONS_PORT."
    )


def test_a_missing_node_is_one_clear_line(tmp_path: Path) -> None:
    answer = run("demo", PATH="/nonexistent", DATA_DIR=str(tmp_path))
    assert answer.returncode == 1
    assert "Node.js 20 or newer" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_the_settings_for_core_tools_are_written_with_this_stacks_ports(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    answer = run("settings", str(file), FUNCTIONS_PORT="7999", AZURITE_PORTS="1,2,3")
    assert (answer.returncode, answer.stdout) == (0, "written to local.settings.json\n")
    document = json.loads(file.read_text())
    assert document["Host"] == {"LocalHttpPort": 7999}
    values = document["Values"]
    assert values["FUNCTIONS_WORKER_RUNTIME"] == "python"
    assert values["PUBLIC_BASE_URL"] == "http://127.0.0.1:7999"
    assert "http://127.0.0.1:1/" in values["AzureWebJobsStorage"]
    assert all(isinstance(value, str) for value in values.values())


@pytest.mark.parametrize(
    ("endpoint", "given", "scale"),
    [
        ("http://127.0.0.1:9", {}, "20"),
        ("https://openrouter.ai", {}, "1"),
        ("http://10.0.0.5:8091", {}, "1"),
        ("https://openrouter.ai", {"TIME_SCALE": "5"}, "5"),
    ],
)
def test_a_server_that_is_not_on_this_machine_is_given_its_time(
    tmp_path: Path, endpoint: str, given: dict[str, str], scale: str
) -> None:
    """Paid once: at another scale a create whose answer was lost is sent again too early."""
    file = tmp_path / "local.settings.json"
    entries = json.dumps([{"endpoint": endpoint}])
    run("settings", str(file), seconds=60, UPSTREAMS=entries, **given)
    assert json.loads(file.read_text())["Values"]["TIME_SCALE"] == scale


@pytest.mark.parametrize("option", ["--nonsense", "--duration=four"])
def test_a_wrong_option_is_explained(option: str) -> None:
    answer = run("demo", option)
    assert answer.returncode == 2
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize("name", ["Team A", "_a", 'a"b', "a" * 64])
def test_no_key_is_made_for_a_name_that_the_app_refuses(name: str) -> None:
    """One such entry makes all of CALLERS invalid."""
    answer = run("new-key", name)
    assert (answer.returncode, answer.stdout) == (1, "")
    assert "cannot be the name of a caller" in answer.stderr


def test_a_new_key_is_shown_once_with_its_entry() -> None:
    printed = run("new-key", "alice").stdout
    key = printed.splitlines()[0].split(": ")[1]
    assert len(key) >= 43  # 32 bytes
    entry = json.loads("{" + printed.splitlines()[1].split("entry: ")[1] + "}")
    import hashlib

    assert Caller(**entry["alice"]).key_sha256 == [hashlib.sha256(key.encode()).hexdigest()]


ALICE = {"alice": {"key_sha256": ["a" * 64]}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (json.dumps(ALICE).encode("utf-8-sig"), "without a byte order mark"),
        (json.dumps(ALICE).encode("utf-16"), "is not JSON in UTF-8"),
        (b'{"alice": {"key_sha256": []},}', "is not JSON in UTF-8"),
        (b"[" * 100_000, "is not JSON in UTF-8"),
        (b"[]", "CALLERS: Input should be a valid dictionary"),
        (b'{"alice": {"key_sha256": ["KEY"]}}', "CALLERS.alice.key_sha256[0]: String should match"),
        (b'{"alice": {"budget": 1}}', "CALLERS.alice.budget: Extra inputs are not permitted"),
        (b'{"al ice": {}}', "CALLERS.al ice.[key]: String should match"),
        (b'{"alice": {"approves": ["bob"]}}', "alice approves 'bob', which is not a caller"),
    ],
)
def test_wrong_callers_are_found_before_they_are_stored(
    tmp_path: Path, text: bytes, said: str
) -> None:
    file = tmp_path / "callers.json"
    file.write_bytes(text)
    with pytest.raises(StackError) as raised:
        check_callers(file)
    assert said in str(raised.value)
    assert "KEY" not in str(raised.value)


def test_callers_are_checked_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "callers.json"
    missing = run("check-callers", str(file))
    assert (missing.returncode, missing.stdout) == (1, "")
    assert f"{file}: No such file or directory" in missing.stderr
    file.write_text(json.dumps(ALICE))
    found = run("check-callers", str(file))
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == f"{file} can be stored. Callers: alice.\n"


def test_the_list_of_commands_waits_for_nothing_that_only_some_of_them_need() -> None:
    code = (
        "import runpy, sys; sys.argv = ['local', '--help']\n"
        "try: runpy.run_module('local', run_name='__main__')\n"
        "except SystemExit: print([m for m in ('azure', 'pydantic', 'PIL') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"
