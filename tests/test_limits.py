"""docs/limits.md and docs/events.md say the numbers that the code goes by."""

from __future__ import annotations

import re

import pytest

from local.stack import ROOT
from shared.domain import limits, retry_after
from shared.settings.app import Settings
from shared.settings.callers import Caller
from shared.settings.upstreams import Upstream

LIMITS = (ROOT / "docs" / "limits.md").read_text()
EVENTS = (ROOT / "docs" / "events.md").read_text()

KIB, MIB = 1024, 1024**2
HOUR, DAY = 3600, 86400

SAID = {
    "LARGEST_BODY": ("body of a request, as it came and decompressed", MIB, "{} MiB"),
    "LARGEST_UPLOAD": ("body of `POST /files`, the same way", MIB, "{} MiB"),
    "LONGEST_FILENAME": ("the name of a file", 1, "{} characters"),
    "LARGEST_CALLBACK": ("an upstream's callback", KIB, "{} KiB"),
    "LARGEST_FILE": ("an image or a video of a request, uploaded or not", MIB, "{} MiB"),
    "LARGEST_PIXELS": ("pixels of an image", 1, "{} for a JPEG, half as many"),
    "SMALLEST_SIDE": ("pixels of an image", 1, "{} a side"),
    "MOST_INPAINT_ITEMS": ("`inpaint_items`", 1, "fixed: {}"),
    "LONGEST_URL": ("address of an image", 1, "{} characters"),
    "LONGEST_FETCH": ("address of an image", 1, "{} seconds"),
    "MOST_FORM_PARTS": ("parts of a form", 1, "fixed: {}"),
    "LONGEST_PROMPT": ("`prompt`", 1, "({})"),
    "LARGEST_SIDE": ("sides of a size by rule", 1, "to {} pixels"),
    "LONGEST_RANGE": ("a range of `seconds`", 1, "up to {}"),
    "MOST_PARAMETERS": ("parameters of a deployment", 1, "fixed: {}"),
    "LONGEST_PARAMETER": ("parameters of a deployment", 1, "{} characters unless"),
    "LONGEST_PARAMETERS": ("parameters of a deployment", 1, "all texts {} together"),
    "MOST_METADATA": ("`metadata`", 1, "{} pairs"),
    "LONGEST_METADATA_KEY": ("`metadata`", 1, "keys of {}"),
    "LONGEST_METADATA_VALUE": ("`metadata`", 1, "values of {}"),
    "LONGEST_WEBHOOK_NAME": ("`webhook`", 1, "{} characters"),
    "LONGEST_KEY": ("`Idempotency-Key`", 1, "{} printable"),
    "APPROVALS_KEPT": ("an approval", HOUR, "{} hours from the request"),
    "MOST_MESSAGES": ("messages of one request to `/mcp`", 1, "fixed: {}"),
    "KEYS_KEPT": ("an `Idempotency-Key` is remembered", HOUR, "{} hours"),
    "REPEATS_KNOWN": ("a client's own repeat without a key is recognised", 60, "{} minutes"),
    "LINK_MINUTES": ("a content link", 1, "{} minutes"),
    "LARGEST_STREAM": ("content that the app itself sends", MIB, "{} MiB"),
    "LARGEST_OUTPUT": ("an output of the upstream", MIB, "{} MiB"),
    "LONGEST_PAGE": ("a page of `GET /videos`, `/files` or `/batches`", 1, "fixed: {}"),
    "DEFAULT_PAGE": ("a page of `GET /videos`, `/files` or `/batches`", 1, "({} where none"),
    "MOST_LINES": ("requests of a batch", 1, "fixed: {}"),
    "LONGEST_CUSTOM_ID": ("`custom_id` of a line", 1, "to {} characters"),
    "LONGEST_WINDOW": ("`completion_window` of a batch", 1, "up to {} days"),
    "BATCHES_SHARE": ("lines of batches, of each of the two", 0.01, "{} % of it"),
    "LONGEST_WAIT": ("`Prefer: wait=N`, and `wait_for_video` of `/mcp`", 1, "{} seconds"),
    "MOST_WAITING": ("`Prefer: wait=N`, and `wait_for_video` of `/mcp`", 1, "{} requests"),
    "QUOTES_A_MINUTE": ("`POST /quotes`, and requests that ask for an approval", 1, "{} a minute"),
    "LONGEST_USAGE": ("one answer of `GET /usage`", 1, "{} days"),
    "MOST_USAGE_ENTRIES": ("one answer of `GET /usage`", 1, "{} ledger entries"),
    "MOST_RUNNING": ("renders at a time, of a deployment", 1, "at most {}"),
    "MOST_SUBMITS": ("submissions at once, of a deployment", 1, "fixed: {}, those"),
    "MOST_CREATES": ("creates a minute, of a deployment", 1, "at most {}"),
}
"""By constant: its row in docs/limits.md, the unit there, and the words around the number."""

IN_EVENTS = {
    "LARGEST_PROMPT_FILE": ("a prompt file", KIB, "{} KiB"),
    "LARGEST_BODY": ("a request file", MIB, "{} MiB"),
    "LARGEST_FILE": ("an image", MIB, "{} MiB"),
    "LARGEST_DROPPED_BATCH": ("a batch file", MIB, "{} MiB"),
    "INBOX_MINUTES": ("a file whose content came without an event", 1, "for {} minutes"),
    "EVENTS_KEPT": ("an event is known by its id", DAY, "for {} days"),
}

IN_PROSE = {"SHORT_LINE": "Up to {:,} in line it is"}

UNNUMBERED = {
    "kind of an image",
    "kind of a video",
    "files in the inbox",
}
"""Rows with a fixed rule that is no number."""


def rows(document: str) -> dict[str, str]:
    """The second cell of every row of a document's tables, by the first."""
    cells = re.findall(r"^\| (.+?) \| (.+?) \|", document, flags=re.MULTILINE)
    return dict(cells)


def number(name: str, unit: float) -> str:
    """What the document has to say; a small number of four digits goes with its separator."""
    value = getattr(limits, name) / unit
    assert value == int(value), f"{name} is no whole number of its unit"
    return f"{int(value):,}" if unit == 1 else str(int(value))


@pytest.mark.parametrize("name", SAID)
def test_limits_says_it(name: str) -> None:
    row, unit, words = SAID[name]
    assert words.format(number(name, unit)) in rows(LIMITS)[row]


@pytest.mark.parametrize("name", IN_EVENTS)
def test_events_says_it(name: str) -> None:
    row, unit, words = IN_EVENTS[name]
    assert words.format(number(name, unit)) in rows(EVENTS)[row]


@pytest.mark.parametrize("name", IN_PROSE)
def test_the_prose_says_it(name: str) -> None:
    assert IN_PROSE[name].format(getattr(limits, name)) in " ".join(LIMITS.split())


def test_it_says_when_a_caller_with_too_much_going_on_may_come_back() -> None:
    assert f"`Retry-After: {retry_after.UNFINISHED:.0f}`" in LIMITS


def test_every_limit_is_said() -> None:
    constants = {name for name in vars(limits) if name.isupper()} - {"MIB"}
    assert constants == {*SAID, *IN_EVENTS, *IN_PROSE}


def test_every_fixed_row_is_a_limit_of_the_code() -> None:
    fixed = {name for name, where in rows(LIMITS).items() if where.startswith("fixed")}
    assert fixed == {row for row, _, _ in SAID.values() if row in fixed} | UNNUMBERED


def test_it_says_the_defaults_of_the_settings() -> None:
    said = {
        name.lower(): int(default.replace(",", ""))
        for name, default in re.findall(r"\| `(\w+)`[^|(]* \(([\d,]+)[);, ]", LIMITS)
    }
    fields = {**Settings.model_fields, **Upstream.model_fields, **Caller.model_fields}
    assert {"max_job_usd", "queue_deadline_hours", "max_running"} <= said.keys()
    for name in said.keys() & fields.keys():
        assert fields[name].default == said[name], name


def test_the_documented_prompt_is_that_of_the_models() -> None:
    from shared.domain.models import MODELS

    assert {each.prompt_characters for each in MODELS.values()} == {limits.LONGEST_PROMPT}
