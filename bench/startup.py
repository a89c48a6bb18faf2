"""Start-up: what a cold start waits for, in fresh processes without what is not deployed.

Packages that are not in `requirements.txt` are hidden, because some that are look for them (httpx
for rich, to colour its command line) and would be slower here than on Azure.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import packages_distributions
from typing import Any

from bench.report import Table, targets
from local.stack import ROOT, local_settings

RUNS = 9
PARTS = {
    "import": "import of function_app",
    "index": "index of its functions",
    "first use": "settings, tables and blobs on first use",
}
_LIMIT = 0.5
HEAVY = ("PIL", "azure.eventgrid", "azure.monitor", "jwt", "cryptography", "standardwebhooks")
"""Packages that only a few requests need; none may be there before one of those comes."""
_SHOWN = 12

_CHILD = """
import json, sys, time

class Hidden:
    names = frozenset(json.loads(sys.argv[1]))
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
def now():
    return time.perf_counter(), time.process_time()

began = now()
import function_app
imported = now()
functions = function_app.app.get_functions()
indexed = now()
loaded = sorted(sys.modules)
from shared.lifecycle.services import services
app = services()
app.videos, app.account.tables, app.account.blobs
used = now()

def between(start, end):
    return [later - earlier for earlier, later in zip(start, end)]

print(json.dumps({
    "import": between(began, imported), "index": between(imported, indexed),
    "first use": between(indexed, used), "functions": len(functions), "loaded": loaded,
}))
"""

Row = dict[str, Any]


def run() -> dict[str, Any]:
    """Half a minute."""
    runs = [_start()[0] for _ in range(RUNS)]
    times = {
        part: [round(1000 * min(run[part][which] for run in runs)) for which in (0, 1)]
        for part in PARTS
    }
    loaded = runs[0]["loaded"]
    heavy = [name for name in HEAVY if name in loaded]
    # of CPU: on an idle machine the same as by the clock, and on a busy one still ours
    total = (times["import"][1] + times["index"][1]) / 1000
    return {
        "milliseconds": times,
        "functions": runs[0]["functions"],
        "modules": len(loaded),
        "packages": _packages(_start("-X", "importtime")[1]),
        "targets": [
            {"target": "CPU of import and index, s", "limit": _LIMIT, "reached": round(total, 3)}
            | {"met": total < _LIMIT},
            {"target": "heavy packages among what is imported", "limit": "none"}
            | {"reached": ", ".join(heavy) or "none", "met": not heavy},
        ],
    }


def _start(*options: str) -> tuple[dict[str, Any], str]:
    """What one fresh process says, and its standard error."""
    ran = subprocess.run(
        [sys.executable, *options, "-c", _CHILD, json.dumps(_hidden())],
        cwd=ROOT,
        env=local_settings() | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(ran.stdout), ran.stderr


def _hidden() -> list[str]:
    """Top-level modules of installed packages that are not deployed."""
    listed = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    deployed = {_plain(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", listed, re.MULTILINE)}
    return sorted(
        module
        for module, owners in packages_distributions().items()
        if not deployed & {_plain(owner) for owner in owners}
    )


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _packages(importtime: str) -> list[Row]:
    """Milliseconds of import by package, the modules' own times summed up, the largest first."""
    own: Counter[str] = Counter()
    for line in importtime.splitlines():
        found = re.match(r"import time:\s+(\d+) \|\s+\d+ \| +(\S+)", line)
        if found:
            own[_package(found[2])] += int(found[1])
    total = sum(own.values())
    rows = [
        {"package": name, "ms": round(us / 1000, 1), "share": round(us / total, 3)}
        for name, us in own.most_common(_SHOWN)
    ]
    rest = total - sum(us for _, us in own.most_common(_SHOWN))
    return [
        *rows,
        {"package": "all others", "ms": round(rest / 1000, 1)} | {"share": round(rest / total, 3)},
    ]


def _package(module: str) -> str:
    first, _, rest = module.partition(".")
    if first in sys.stdlib_module_names:
        return "the standard library"
    if first in ("shared", "triggers", "activities", "orchestrators", "function_app"):
        return "this app"
    return f"{first}.{rest.partition('.')[0]}" if first == "azure" and rest else first


def tables(results: dict[str, Any]) -> list[Table]:
    times = Table("Start-up", ("what", "ms", "CPU, ms"))
    for part, what in PARTS.items():
        times.add(what, *results["milliseconds"][part])
    packages = Table("Import by package, first use included", ("package", "ms", "share"))
    for row in results["packages"]:
        packages.add(row["package"], f"{row['ms']:.1f}", f"{100 * row['share']:.0f} %")
    return [times, packages, targets("the start-up", results["targets"])]


def figures(results: dict[str, Any]) -> dict[str, str]:  # noqa: ARG001  # a table says it
    return {}
