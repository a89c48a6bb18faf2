"""The app's folder as tools that go by `.funcignore` pack it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from local.stack import ROOT


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
