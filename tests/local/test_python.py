"""Which Python `make setup` takes: one that runs, whatever names are on the PATH."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from local.stack import ROOT

TOOLS = ("sh", "dirname", "cat", "cksum", "node", "rm")


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """The only folder on the PATH: what the scripts use, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        assert found is not None, name
        (folder / name).symlink_to(found)
    return folder


def put(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(("#!/bin/sh", *lines)))
    path.chmod(0o755)


def python(path: Path, version: str) -> None:
    """An interpreter that knows how to say its version."""
    put(path, f"echo {version}")


def shim(path: Path) -> None:
    """What pyenv puts on the PATH for a version that is not switched on."""
    put(path, "exit 127")


def chosen(programs: Path, question: str = "any_python") -> str:
    command = ["sh", "-c", f". local/python.sh; {question}"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": str(programs)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout.strip()


def test_what_azure_runs_by_default_comes_first(programs: Path) -> None:
    for version in ("3.11", "3.12", "3.13", "3.14"):
        python(programs / f"python{version}", version)
    assert chosen(programs) == "python3.13"


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_a_machine_with_one_version_only(programs: Path, version: str) -> None:
    python(programs / "python3", version)
    assert chosen(programs) == "python3"


def test_a_name_that_does_not_run_is_no_python(programs: Path) -> None:
    shim(programs / "python3.13")
    python(programs / "python3.11", "3.11")
    assert chosen(programs) == "python3.11"


def test_pyenv_knows_where_the_program_behind_a_shim_is(programs: Path, tmp_path: Path) -> None:
    shim(programs / "python3.13")
    python(tmp_path / "versions/3.13.0/bin/python", "3.13")
    put(programs / "pyenv", f"[ $2 = 3.13 ] && echo {tmp_path}/versions/3.13.0")
    assert chosen(programs) == f"{tmp_path}/versions/3.13.0/bin/python"
    assert chosen(programs, "named_python python3.13") == chosen(programs)


def test_other_versions_are_none(programs: Path) -> None:
    python(programs / "python3", "3.10")
    python(programs / "python", "2.7")
    assert chosen(programs) == ""


@pytest.mark.parametrize(
    ("named", "says"),
    [("python3.9", "PYTHON=python3.9 is 3.9."), ("nothing", "PYTHON=nothing does not run.")],
)
def test_a_python_that_cannot_be_used_is_named(
    programs: Path, tmp_path: Path, named: str, says: str
) -> None:
    python(programs / "python3.9", "3.9")
    done = subprocess.run(
        [ROOT / "local/setup.sh"],
        env={"PATH": str(programs), "PYTHON": named, "VENV": str(tmp_path / "venv")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == f"setup: Python 3.11, 3.12, 3.13 or 3.14 is needed; {says}\n"
