"""What is deployed: the folder that the hook builds runs, on each version of Python on offer.

Each package is built by azd's own hook, in a copy of what it needs of the repository, and every
wheel comes from the package index (or pip's cache). An interpreter without site-packages sees the
folder only: a package that is not locked is not there.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import packaging
import pytest

from tests.infra.bicep.syntax import parse
from tests.infra.templates import INFRA, ROOT
from tests.support.packaged import APP, BUNDLE, NEEDED, WHEELS, build, left_by_funcignore

# Asks the Python that it runs on which lines of a lock it installs on Linux.
LOCKED = """
import json, re, sys
sys.path.insert(0, sys.argv[1])
from packaging.markers import Marker
linux = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
line = re.compile(r"^([A-Za-z0-9._-]+)(?:\\[[^]]*\\])?==(\\S+)(?: ; (.*?))? \\\\$", re.MULTILINE)
print(json.dumps([
    f"{name}-{version}"
    for name, version, marker in line.findall(open(sys.argv[2]).read())
    if not marker or Marker(marker).evaluate(linux)
]))
"""
INDEX = """
import json, sys
sys.path[:0] = sys.argv[1:]
import function_app
print(json.dumps({
    function.get_function_name(): function.get_trigger().get_binding_name()
    for function in function_app.app.get_functions()
}))
"""


def offered() -> list[str]:
    """The versions that main.bicep allows."""
    (version,) = [each for each in parse(INFRA / "main.bicep") if each.name == "pythonVersion"]
    (allowed,) = [each for each in version.decorators if each.name == "allowed"]
    return [text for _, text in allowed.arguments[0][1]]


@cache
def interpreter(version: str) -> str | None:
    """A Python of this version: the one of these tests, one on the PATH, or pyenv's."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [sys.executable, shutil.which(f"python{version}")]
    found += [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for program in filter(None, found):
        code = "import sys; print('%d.%d' % sys.version_info[:2])"
        done = subprocess.run(
            [program, "-I", "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        if done.stdout.strip() == version:
            return program
    return None


def python(version: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a version of Python that has its standard library only; skips where there is none."""
    program = interpreter(version)
    if program is None:
        pytest.skip(f"there is no Python {version} on this machine")
    return subprocess.run(
        [program, "-I", "-S", "-B", *arguments],
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def on_path(package: Path) -> list[str]:
    return [str(package), str(package / WHEELS)]


@pytest.fixture(scope="module")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The package for a version of Python."""
    return cache(lambda version: build(tmp_path_factory.mktemp(f"python{version}"), version))


pytestmark = pytest.mark.timeout(400)
every_version = pytest.mark.parametrize("version", offered())


@every_version
@pytest.mark.package
def test_it_loads_and_every_function_indexes(packaged: Callable[[str], Path], version: str) -> None:
    done = python(version, "-c", INDEX, *on_path(packaged(version)))
    assert done.returncode == 0, done.stderr
    here = subprocess.run(
        [sys.executable, "-c", INDEX, str(ROOT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    functions = json.loads(done.stdout)
    assert functions == json.loads(here.stdout)
    assert {"httpTrigger", "timerTrigger", "orchestrationTrigger", "activityTrigger"} <= set(
        functions.values()
    )


@every_version
@pytest.mark.package
def test_what_is_imported_later_is_there_too(packaged: Callable[[str], Path], version: str) -> None:
    """Imports within functions, which indexing does not reach."""
    package = packaged(version)
    wanted = set()
    for path in sources(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                wanted |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                assert node.module
                wanted.add(node.module)
    assert "azure.storage.blob" in wanted
    assert not any(re.match(r"(local|tests|infra|bench)\b", name) for name in wanted)
    code = f"import sys; sys.path[:0] = {on_path(package)}\n"
    code += "\n".join(f"import {name}" for name in sorted(wanted))
    done = python(version, "-c", code)
    assert done.returncode == 0, done.stderr


def sources(package: Path) -> Iterator[Path]:
    for name in [*APP, "function_app.py"]:
        path = package / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else [path]


@every_version
@pytest.mark.package
def test_it_carries_what_that_python_installs_and_no_more(
    packaged: Callable[[str], Path], version: str
) -> None:
    library = str(Path(packaging.__file__).parents[1])
    done = python(version, "-c", LOCKED, library, str(ROOT / "requirements.txt"))
    assert done.returncode == 0, done.stderr
    locked = {name.replace("-", "_").lower() for name in json.loads(done.stdout)}
    assert len(locked) > 20
    carried = (packaged(version) / WHEELS).glob("*.dist-info")
    assert {path.stem.replace("-", "_").lower() for path in carried} == locked


@every_version
@pytest.mark.package
def test_wheels_are_for_that_python_and_that_platform(
    packaged: Callable[[str], Path], version: str
) -> None:
    digits = version.replace(".", "")
    compiled = [path.name for path in (packaged(version) / WHEELS).rglob("*.so*")]
    assert f"_pydantic_core.cpython-{digits}-x86_64-linux-gnu.so" in compiled
    tags = {tag for name in compiled for tag in re.findall(r"cpython-(\d+)-(\S+)\.so", name)}
    assert tags == {(digits, "x86_64-linux-gnu")}


@every_version
@pytest.mark.package
def test_it_holds_the_app_and_nothing_else(packaged: Callable[[str], Path], version: str) -> None:
    package = packaged(version)
    assert {path.name for path in package.iterdir()} == NEEDED | APP | {".python_packages"}
    assert [path.name for path in (package / ".python_packages").iterdir()] == ["lib"]
    wheels = package / WHEELS
    inside = {
        str(path.relative_to(package))
        for path in package.rglob("*")
        if path.is_file() and wheels not in path.parents
    }
    assert inside == set(of_the_app())
    assert {"pytest", "typer", "rich"}.isdisjoint(path.name for path in wheels.iterdir())


def test_the_lock_keeps_the_durable_sdk_below_2_on_every_python() -> None:
    """The SDK reads the lock for this itself, and skips lines that have a condition."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    (line,) = [line for line in lines if line.startswith("azure-functions-durable==")]
    assert re.fullmatch(r"azure-functions-durable==1\.[0-9.]+ \\", line)


def of_the_app() -> Iterator[str]:
    """The files of the repository that are the app, and the studio's bundle: documents stay
    here."""
    yield from (f"{BUNDLE}/{path.name}" for path in (ROOT / BUNDLE).iterdir())
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--"]
    listed = subprocess.run(
        [*command, *NEEDED, *APP], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    names = (name for name in listed.stdout.split("\0") if name and not name.endswith(".md"))
    yield from (name for name in names if (ROOT / name).exists())


def test_tools_that_go_by_funcignore_see_the_same_app(tmp_path: Path) -> None:
    assert set(left_by_funcignore(ROOT, tmp_path / "git")) == set(of_the_app())


def test_what_stays_here_is_excluded_by_git_s_rules(tmp_path: Path) -> None:
    """Files that a developer's folder has, and that are not in the repository."""
    (tmp_path / ".funcignore").write_text((ROOT / ".funcignore").read_text())
    stays = [
        ".env",
        ".venv/bin/python",
        ".azure/test/.env",
        ".data/up/host.db",
        ".package/host.json",
        "local.settings.json",
        "bench/run.py",
        "shared/settings/__pycache__/app.cpython-311.pyc",
        "node_modules/azurite/package.json",
        "tests/conftest.py",
    ]
    for name in [*stays, "function_app.py", "shared/settings/app.py"]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert left_by_funcignore(tmp_path, tmp_path / ".git-empty") == [
        "function_app.py",
        "shared/settings/app.py",
    ]
