"""The folder is a package of its own: it imports what it asks for and nothing of the repository,
and runs where there is nothing else of the repository."""

import ast
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

FOLDER = Path(__file__).parents[1]
NAME = "local_functions_host"
PROJECT = tomllib.loads((FOLDER / "pyproject.toml").read_text(encoding="utf-8"))
# where a package's name is not that of its module
MODULES = {
    "azure-functions": "azure.functions",
    "azure-functions-durable": "azure.durable_functions",
    "python-dateutil": "dateutil",
}

GREETINGS = ["Hello Seattle", "Hello Tokyo", "Hello London"]
ORCHESTRATION = "/api/wait/hello_orchestrator"
# What a test of somebody else's does: a host in a process of its own, and HTTP.
USE = f"""
import sys, httpx
from pathlib import Path
from {NAME}.testing import HostProcess
with HostProcess(Path(sys.argv[1])) as host:
    print(httpx.get(host.url + "{ORCHESTRATION}", timeout=30).text)
"""


def required(texts: list[str]) -> list[Requirement]:
    """What is asked for on this Python."""
    given = [Requirement(text) for text in texts]
    return [each for each in given if each.marker is None or each.marker.evaluate()]


RUNTIME = required(PROJECT["project"]["dependencies"])
DEV = required(PROJECT["dependency-groups"]["dev"])


def modules(requirements: list[Requirement]) -> set[str]:
    return {MODULES.get(each.name, each.name) for each in requirements}


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports, those of its own package left out."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            assert node.level <= len(path.relative_to(FOLDER).parts), "leaves the package"
        elif isinstance(node, ast.ImportFrom):
            assert node.module
            yield node.module


def others(paths: list[Path]) -> set[str]:
    """The modules imported there that Python does not bring."""
    names = {name for path in paths for name in imported(path)}
    return {name for name in names if name.partition(".")[0] not in sys.stdlib_module_names}


def is_of(name: str, modules: set[str]) -> bool:
    return any(f"{name}.".startswith(f"{each}.") for each in modules)


def test_it_imports_what_it_asks_for() -> None:
    found = others([*FOLDER.glob("*.py"), *(FOLDER / "durable").glob("*.py")])
    asked = modules(RUNTIME)
    assert {name for name in found if not is_of(name, asked)} == set()
    assert {each for each in asked if not any(is_of(name, {each}) for name in found)} == set()


def test_its_tests_import_nothing_else_but_the_tools() -> None:
    found = others(list((FOLDER / "tests").rglob("*.py")))
    asked = modules([*RUNTIME, *DEV])
    assert {name for name in found if not is_of(name, asked)} == set()


@pytest.mark.parametrize("requirement", [*RUNTIME, *DEV], ids=str)
def test_it_is_tested_with_what_it_asks_for(requirement: Requirement) -> None:
    """The repository installs from a lock of its own."""
    assert requirement.specifier.contains(version(requirement.name))


def test_it_runs_under_its_own_name_outside_of_the_repository(tmp_path: Path) -> None:
    """The folder copied to where its wheel puts it."""
    shutil.copytree(FOLDER, tmp_path / NAME, ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run(
        [sys.executable, "-c", USE, str(tmp_path / NAME / "tests" / "apps" / "quickstart")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == GREETINGS


@pytest.mark.package
@pytest.mark.timeout(400)
def test_it_installs_and_runs(tmp_path: Path) -> None:
    """A copy of the folder, installed by pip with all that it asks for: build backend and packages
    come from the package index (or pip's cache)."""
    source, venv = tmp_path / "source", tmp_path / "venv"
    shutil.copytree(FOLDER, source)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", str(source)],
        cwd=tmp_path,
        check=True,
        timeout=300,
    )
    (package,) = venv.glob(f"lib/*/site-packages/{NAME}")
    assert {path.name for path in package.iterdir() if path.is_dir()} <= {"durable", "__pycache__"}
    command = [python, "-I", "-m", NAME, "--app", str(source / "tests" / "apps" / "quickstart")]
    with subprocess.Popen(
        [*command, "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as host:
        try:
            assert host.stdout is not None
            url = host.stdout.readline().removeprefix("Listening on ").strip()
            assert httpx.get(url + ORCHESTRATION, timeout=30).json() == GREETINGS
        finally:
            host.terminate()
    assert host.returncode == 0
