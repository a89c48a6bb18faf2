"""Builds what is deployed, into .package: `package.py PYTHON_VERSION`.

The app as it is, and in .python_packages the wheels of requirements.txt for that version of
Python on Flex Consumption. Which Python and which system this runs on does not matter; see
docs/decisions/0015-the-package-carries-its-wheels.md.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement  # there wherever pip is

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / ".package"
WHEELS = PACKAGE / ".python_packages"
APP = (
    "function_app.py",
    "host.json",
    "requirements.txt",
    "activities",
    "orchestrators",
    "shared",
    "triggers",
)
# Flex Consumption runs on x86-64; the oldest of Microsoft's images is Debian 11 with glibc 2.31.
MACHINE = "x86_64"
PLATFORMS = [f"manylinux_2_{minor}_{MACHINE}" for minor in range(31, 4, -1)]


def main(version: str) -> None:
    shutil.rmtree(PACKAGE, ignore_errors=True)
    WHEELS.mkdir(parents=True)
    locked = WHEELS / "locked.txt"
    locked.write_text("\n".join(needed((ROOT / "requirements.txt").read_text(), version)))
    install(locked, version)
    locked.unlink()
    stays = shutil.ignore_patterns("__pycache__", "*.md")
    for name in APP:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, PACKAGE / name, ignore=stays)
        else:
            shutil.copy(ROOT / name, PACKAGE / name)


def needed(lock: str, version: str) -> list[str]:
    """The lines of a lock that this version of Python installs, without their conditions.

    pip would judge a condition by the Python that it runs on, whatever `--python-version` says.
    """
    environment = {
        "extra": "",
        "implementation_name": "cpython",
        "implementation_version": f"{version}.0",
        "os_name": "posix",
        "platform_machine": MACHINE,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{version}.0",
        "python_version": version,
        "sys_platform": "linux",
    }
    lines = []
    for line in re.sub(r"#.*", "", lock).replace("\\\n", " ").splitlines():
        requirement, *hashes = line.split("--hash=")
        if not requirement.strip():
            continue
        marker = Requirement(requirement.strip()).marker
        if marker is None or marker.evaluate(environment):
            lines.append("--hash=".join([f"{requirement.partition(';')[0]} ", *hashes]))
    return lines


def install(locked: Path, version: str) -> None:
    """Every wheel, checked against its hash; nothing is resolved anew and nothing is compiled.

    What a package requires of Python was settled by the lock; pip would ask the Python it runs on.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    command += ["--no-input", "--no-deps", "--no-compile", "--ignore-requires-python"]
    command += ["--require-hashes", "--only-binary=:all:"]
    command += ["--implementation=cp", f"--python-version={version}"]
    command += [f"--platform={platform}" for platform in PLATFORMS]
    command += [f"--target={WHEELS / 'lib' / 'site-packages'}", f"--requirement={locked}"]
    # what people set for environments of their own contradicts a target
    environment = {**os.environ, "PIP_USER": "0", "PIP_REQUIRE_VIRTUALENV": "0"}
    done = subprocess.run(command, env=environment, check=False)  # noqa: S603
    if done.returncode:
        sys.exit(f"pip could not install requirements.txt for Python {version}: see above.")


main(sys.argv[1])
