"""`python -m bench [NAME ...]`: measure, print the tables, store the results, draw the figures."""

import argparse
import json
from pathlib import Path
from typing import Any, Protocol, cast

from rich.console import Console
from rich.table import Table

from bench import polls

_ROOT = Path(__file__).parents[1]
_RESULTS = _ROOT / "bench" / "results.json"
_FIGURES = _ROOT / "docs" / "figures"


class Measurement(Protocol):
    """What a module of this package offers."""

    def run(self) -> dict[str, Any]: ...
    def tables(self, results: dict[str, Any]) -> list[Table]: ...
    def figures(self, results: dict[str, Any]) -> dict[str, str]: ...


MEASUREMENTS: dict[str, Measurement] = {"polls": cast("Measurement", polls)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(MEASUREMENTS))
    names = parser.parse_args().names or list(MEASUREMENTS)
    unknown = sorted(set(names) - set(MEASUREMENTS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(MEASUREMENTS)}")
    console = Console()
    console.width = max(100, console.width)
    for name in names:
        measurement = MEASUREMENTS[name]
        results = measurement.run()
        store(_RESULTS, name, results)
        for table in measurement.tables(results):
            console.print(table)
        _FIGURES.mkdir(parents=True, exist_ok=True)
        for file, picture in measurement.figures(results).items():
            (_FIGURES / file).write_text(picture, encoding="utf-8")
    console.print(f"stored in {_RESULTS.relative_to(_ROOT)}")


def store(path: Path, name: str, results: dict[str, Any]) -> None:
    """Replace one measurement's results and keep the others'."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept[name] = results
    path.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
