"""Answers without what differs from run to run: times, made-up ids, hosts, keys, stack frames."""

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import quote

LONGEST = 20_000
"""Longer text is its beginning and its length."""

_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?"
    r"|\d\d/\d\d/\d{4} \d\d:\d\d:\d\d( [+-]\d\d:\d\d)?"
)
_ID = re.compile(r"\b[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\b")

# Frames stand in text, in JSON, or in JSON within JSON: a line's end may be escaped repeatedly.
_END = r"(?:[\n\r]|\\+[nr])"
_REST = r"(?:(?!\\+[nr]|[\n\r]).)*"
_PYTHON_FRAME = (
    rf'[ \t]*File \\*"[^"\\]*\\*", line \d+, in {_REST}'
    rf"(?:{_END}(?![ \t]*File )[ \t]{{2,}}{_REST})*"
)
_PYTHON_FRAMES = re.compile(rf"{_PYTHON_FRAME}(?:{_END}+{_PYTHON_FRAME})*{_END}?")
_NET_FRAMES = re.compile(
    rf'(?:(?: {{2,}}at (?:(?!\\+[nr]|[\n\r]|\\*").)*|--- End of [a-z ]+ ---){_END}*)+'
)
_FRAMES = " ...frames..."


class Plain:
    """Replaces what differs; `hosts` are netlocs, `secrets` keys, both also in escaped form."""

    def __init__(self, hosts: Collection[str], secrets: Collection[str]) -> None:
        self._names = [(host, "HOST") for host in hosts] + [(key, "KEY") for key in secrets if key]

    def __call__(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                self(name): "..." if name == "StackTrace" and part else self(part)
                for name, part in value.items()
            }
        if isinstance(value, list):
            return [self(part) for part in value]
        return self._text(value) if isinstance(value, str) else value

    def _text(self, text: str) -> str:
        for secret, name in self._names:
            text = text.replace(secret, name).replace(quote(secret, safe=""), name)
        text = _NET_FRAMES.sub(_FRAMES, _PYTHON_FRAMES.sub(_FRAMES, text))
        text = _ID.sub("ID", _TIME.sub("TIME", text))
        return f"{text[:60]}... {len(text)} characters" if len(text) > LONGEST else text
