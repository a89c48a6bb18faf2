"""`python -m bench [NAME ...]`: measure, print the tables, store the results, draw the figures.

`--docs` measures nothing and only writes tables and figures anew from the stored results.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from rich.console import Console

from bench import (
    admission,
    api,
    callbacks,
    copying,
    flight,
    forty,
    history,
    hosts,
    polls,
    queue,
    restarts,
    startup,
    studio,
)
from bench.report import Table, fill
from local.signals import end_on_signals

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.json"
DOCUMENT = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "figures"


class Measurement(Protocol):
    """What a module of this package offers."""

    def run(self) -> dict[str, Any]: ...
    def tables(self, results: dict[str, Any]) -> list[Table]: ...
    def figures(self, results: dict[str, Any]) -> dict[str, str]: ...


MEASUREMENTS: dict[str, Measurement] = {
    name: cast("Measurement", module)
    for name, module in (
        ("polls", polls),
        ("callbacks", callbacks),
        ("copy", copying),
        ("queue", queue),
        ("flight", flight),
        ("forty", forty),
        ("restarts", restarts),
        ("hosts", hosts),
        ("history", history),
        ("api", api),
        ("admission", admission),
        ("startup", startup),
        ("studio", studio),
    )
}


def main() -> None:
    end_on_signals()
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    parser.add_argument("--docs", action="store_true", help="only write document and figures")
    chosen = parser.parse_args()
    unknown = sorted(set(chosen.names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    console = Console()
    console.width = max(110, console.width)
    for name in () if chosen.docs else chosen.names or MEASUREMENTS:
        began = time.monotonic()
        results = MEASUREMENTS[name].run()
        store(RESULTS, name, results)
        for table in MEASUREMENTS[name].tables(results):
            console.print(table.shown())
        console.print(f"{name}: {time.monotonic() - began:.0f} s")
    write(json.loads(RESULTS.read_text(encoding="utf-8")))
    console.print(f"stored in {RESULTS.relative_to(ROOT)}, shown in {DOCUMENT.relative_to(ROOT)}")


def store(path: Path, name: str, results: dict[str, Any]) -> None:
    """Replace one measurement's results and keep the others'."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[name] = results
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def write(stored: Mapping[str, dict[str, Any]]) -> None:
    """Tables of the document and figures, from what is stored."""
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(fill(text, all_tables(stored)), encoding="utf-8")
    FIGURES.mkdir(parents=True, exist_ok=True)
    for file, picture in all_figures(stored).items():
        (FIGURES / file).write_text(picture, encoding="utf-8")


def all_tables(stored: Mapping[str, dict[str, Any]]) -> Iterable[Table]:
    for name, results in stored.items():
        yield from MEASUREMENTS[name].tables(results)


def all_figures(stored: Mapping[str, dict[str, Any]]) -> dict[str, str]:
    return {
        file: picture
        for name, results in stored.items()
        for file, picture in MEASUREMENTS[name].figures(results).items()
    }


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
