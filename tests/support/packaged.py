"""The app as it is deployed: by azd with its hook, and by tools that go by `.funcignore`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from local.stack import ROOT

NEEDED = {"host.json", "requirements.txt", "function_app.py"}
APP = {"activities", "orchestrators", "shared", "triggers"}
BUNDLE = "triggers/web/studio"
WHEELS = ".python_packages/lib/site-packages"


def build(copy: Path, version: str) -> Path:
    """The package for a version of Python, as the hook of azure.yaml builds it in an empty folder
    that gets a copy of what it needs of the repository."""
    (service,) = yaml.safe_load((ROOT / "azure.yaml").read_text())["services"].values()
    for name in NEEDED:
        shutil.copy(ROOT / name, copy)
    for name in [*APP, "infra", "studio"]:
        shutil.copytree(ROOT / name, copy / name)
    shutil.rmtree(copy / BUNDLE, ignore_errors=True)  # the hook makes it
    (copy / "node_modules").symlink_to(ROOT / "node_modules")
    # what people leave lying about stays behind
    (copy / "callers.json").touch()
    (copy / "shared" / "__pycache__").mkdir(exist_ok=True)
    (copy / "shared" / "__pycache__" / "settings.cpython-39.pyc").touch()
    parameters = copy / "infra" / "main.parameters.json"
    document: dict[str, Any] = json.loads(parameters.read_text())
    document["parameters"]["pythonVersion"] = {"value": version}
    parameters.write_text(json.dumps(document))
    done = subprocess.run(
        ["sh", service["hooks"]["prepackage"]["run"]],
        cwd=copy,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"Packaging for Python {version}" in done.stdout
    package: Path = copy / service["project"] / service["dist"]
    return package


def left_by_funcignore(folder: Path, git: Path) -> list[str]:
    """The files of a folder that `.funcignore` does not exclude, by git's own matching. The empty
    repository (made at `git`) makes every file an untracked one."""
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


def packaged(folder: Path) -> Path:
    """Copy the app into a folder `app` of this one."""
    app = folder / "app"
    for name in left_by_funcignore(ROOT, folder / "git"):
        target = app / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return app
