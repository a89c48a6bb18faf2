"""What is deployed: the zip that `.funcignore` leaves runs with `requirements.txt` alone.

The packages are not downloaded once more. Those of `requirements.txt` are linked, file by file as
their own records list them, into an empty folder, and an interpreter without site-packages sees
that folder and the unpacked zip only: a package that is not locked there is not there.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.markers import Marker

from tests.infra.templates import ROOT

NEEDED = {"host.json", "requirements.txt", "function_app.py"}
APP = {"activities", "orchestrators", "shared", "triggers"}
INDEX = """
import json, sys
sys.path[:0] = sys.argv[1:]
import function_app
print(json.dumps({
    function.get_function_name(): function.get_trigger().get_binding_name()
    for function in function_app.app.get_functions()
}))
"""


def left_by_funcignore(folder: Path, git: Path) -> list[str]:
    """The files of a folder that `.funcignore` does not exclude, by git's own matching, as azd and
    Core Tools do it. The empty repository makes every file an untracked one."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(git)], check=True, timeout=30)
    listed = subprocess.run(
        [
            *("git", f"--git-dir={git}", f"--work-tree={folder}", "ls-files", "--others", "-z"),
            f"--exclude-from={folder / '.funcignore'}",
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return [name for name in listed.stdout.split("\0") if name]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployment's zip, unpacked into an empty folder."""
    folder = tmp_path_factory.mktemp("package")
    archive = folder / "app.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name in left_by_funcignore(ROOT, folder / "git"):
            zipped.write(ROOT / name, name)
    with zipfile.ZipFile(archive) as zipped:
        zipped.extractall(folder / "app")
    return folder / "app"


def locked() -> list[str]:
    """The packages of requirements.txt that this platform installs."""
    text = (ROOT / "requirements.txt").read_text()
    lines = re.findall(
        r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==\S+(?: ; (.*?))? \\$", text, re.MULTILINE
    )
    return [name for name, marker in lines if not marker or Marker(marker).evaluate()]


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    for name in locked():
        for file in distribution(name).files or []:
            if ".." not in file.parts and file.suffix != ".pyc":
                link = folder / file
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(Path(str(file.locate())))
    return folder


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", "-S", "-B", *arguments],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sources(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.rglob("*.py"))


def test_it_holds_the_app_and_nothing_else(unpacked: Path) -> None:
    assert {path.name for path in unpacked.iterdir()} == NEEDED | APP
    listed = subprocess.run(
        [
            "git",
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
            "--",
            *NEEDED,
            *APP,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    inside = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert inside == {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


def test_every_function_indexes_with_the_locked_packages_alone(
    unpacked: Path, packages: Path
) -> None:
    done = python("-c", INDEX, str(unpacked), str(packages))
    assert done.returncode == 0, done.stderr
    here = python("-c", INDEX, str(ROOT), *[path for path in sys.path if "packages" in path])
    functions = json.loads(done.stdout)
    assert functions == json.loads(here.stdout)
    assert {"httpTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger"} <= set(
        functions.values()
    )


def test_the_folder_of_packages_has_no_other(packages: Path) -> None:
    for name in ("pytest", "typer", "rich", "local"):
        assert python(
            "-c", f"import sys; sys.path = sys.path + {[str(packages)]}; import {name}"
        ).returncode
    assert python("-c", f"import sys; sys.path += {[str(packages)]}; import httpx").returncode == 0


def test_what_is_imported_later_is_there_too(unpacked: Path, packages: Path) -> None:
    """Imports within functions, which indexing does not reach."""
    wanted = set()
    for path in sources(unpacked):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                assert node.module
                wanted.add(node.module)
    assert "azure.storage.blob" in wanted
    assert not any(re.match(r"(local|tests|infra|bench)\b", name) for name in wanted)
    code = f"import sys; sys.path[:0] = {[str(unpacked), str(packages)]}\n"
    code += "\n".join(f"import {name}" for name in sorted(wanted))
    done = python("-c", code)
    assert done.returncode == 0, done.stderr


def test_what_stays_here_is_excluded_by_git_s_rules(tmp_path: Path) -> None:
    """Files that a developer's folder has, and that are not in the repository."""
    (tmp_path / ".funcignore").write_text((ROOT / ".funcignore").read_text())
    stays = [
        ".env",
        ".venv/bin/python",
        ".azure/test/.env",
        ".data/up/host.db",
        "local.settings.json",
        "bench/run.py",
        "shared/__pycache__/settings.cpython-311.pyc",
        "node_modules/azurite/package.json",
        "tests/conftest.py",
    ]
    for name in [*stays, "function_app.py", "shared/settings.py"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert left_by_funcignore(tmp_path, tmp_path / ".git-empty") == [
        "function_app.py",
        "shared/settings.py",
    ]
