"""`GET /models`: whether the model is there, and what is said of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.upstream_check.entry import Takes
from local.upstream_check.findings import Finding, lacking, ok, wrong
from local.upstream_check.server import Server
from shared.domain.profiles import ProfileName
from shared.upstream import reading

_MUST_BE_LISTED: frozenset[ProfileName] = frozenset({"vllm-omni", "litellm"})
"""They refuse a create for any other name."""
_MOST_NAMED = 8


@dataclass(frozen=True)
class Model:
    """The model to ask for (empty: not known), and what it is known to take."""

    name: str
    takes: Takes
    finding: Finding


def find_model(server: Server, profile: ProfileName, prefix: str, wanted: str) -> Model:
    """The model that is wanted, or the only one. Raises NotReached."""
    rows = _rows(server, prefix, "/videos/models") if profile == "openrouter" else {}
    rows = rows or _rows(server, prefix, "/models")
    return Model(
        name=(name := wanted or (next(iter(rows)) if len(rows) == 1 else "")),
        takes=_takes(rows.get(name, {})),
        finding=_finding(profile, rows, name),
    )


def _finding(profile: ProfileName, rows: Mapping[str, Any], name: str) -> Finding:
    some = ", ".join(list(rows)[:_MOST_NAMED]) + (", ..." if len(rows) > _MOST_NAMED else "")
    if not rows:
        return lacking("models", "no list of models" + ("" if name else ": name one with --model"))
    if not name:
        return lacking("models", f"name one with --model: {some}")
    if name in rows:
        return ok("models", f"{name} is one of {len(rows)}")
    if profile in _MUST_BE_LISTED:
        return wrong("models", f"{name} is not served, so creates are refused: {some}")
    return lacking("models", f"{name} is not among its {len(rows)}; not every server lists all")


def _rows(server: Server, prefix: str, path: str) -> dict[str, Mapping[str, Any]]:
    """Name of a model -> what is said of it."""
    answer = server.get(prefix + path)
    rows = reading.rows(answer.data) if answer.ok else None
    return {name: row for row in rows or [] if (name := reading.text(row.get("id")))}


def _takes(row: Mapping[str, Any]) -> Takes:
    """OpenRouter's `supported_sizes` and `supported_durations`."""
    sizes, seconds = row.get("supported_sizes"), row.get("supported_durations")
    return Takes(
        [size for size in sizes if isinstance(size, str)] if isinstance(sizes, list) else (),
        [each for each in seconds if isinstance(each, int)] if isinstance(seconds, list) else (),
    )
