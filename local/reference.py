"""The README's table of routes, written from the OpenAPI document so that it cannot drift."""

from __future__ import annotations

import re

from local.stack import ROOT

_README = ROOT / "README.md"
_SECTION = re.compile(r"(<!-- api: .*? -->\n).*?(<!-- /api -->)", flags=re.DOTALL)


def table() -> str:
    """Every operation that the document describes, in its order."""
    from triggers.contract import document

    lines = ["| | below `/openai/v1` | |", "|---|---|---|"]
    for operation in document.operations():
        summary = operation.summary.replace("|", "\\|")
        lines.append(f"| {operation.method.upper()} | `{operation.path}` | {summary} |")
    return "\n".join(lines) + "\n"


def written(readme: str) -> str:
    """The README with its section as it should be."""
    return _SECTION.sub(lambda found: found[1] + table() + found[2], readme)


def write() -> None:
    """Write the README's table of routes."""
    _README.write_text(written(_README.read_text()))
