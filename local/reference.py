"""The README's table of routes, generated from the OpenAPI document so that it cannot drift."""

from __future__ import annotations

import re

from local.stack import ROOT

_README = ROOT / "README.md"
_SECTION = re.compile(r"(<!-- api: .*? -->\n).*?(<!-- /api -->)", flags=re.DOTALL)


def table() -> str:
    """Every operation of the document, in its order."""
    from triggers.contract import document

    lines = ["| | below `/openai/v1` | |", "|---|---|---|"]
    for operation in document.operations():
        summary = operation.summary.replace("|", "\\|")
        lines.append(f"| {operation.method.upper()} | `{operation.path}` | {summary} |")
    return "\n".join(lines) + "\n"


def written(readme: str) -> str:
    """The README with an up-to-date section."""
    return _SECTION.sub(lambda match: match[1] + table() + match[2], readme)


def write() -> None:
    _README.write_text(written(_README.read_text()))
