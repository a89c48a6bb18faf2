"""What an error says, in whatever form: its sentence and its codes.

Forms seen: an object, a string, a list, a number, `detail`, fields by name, JSON inside a sentence.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from shared.upstream.reading import DEEPEST, fields, json_inside, text

LONGEST = 1000
"""Characters of a job's reason: some servers send a whole log, and a row has room for little."""

_CODES = ("code", "type", "error_code", "status", "failure_code")
_MESSAGES = (
    *("error", "errors", "last_error", "detail", "details", "message", "msg", "text", "info"),
    *("error_message", "error_msg", "error_description", "err_msg", "err", "exception", "cause"),
    *("failure", "failure_message", "failure_reason", "fail_reason", "failed_reason", "fail_msg"),
    *("status_message", "status_msg", "task_status_msg", "status_details", "incomplete_details"),
    *("fault", "faultstring", "reason", "description", "title"),
)
_INNER = ("inner_error", "innererror")
_NO_FIELDS = frozenset({*_CODES, *_MESSAGES, *_INNER, "loc", "param", "prompt", "input"})
_PHRASES = frozenset(status.phrase.lower() for status in HTTPStatus)
"""What many servers write beside the sentence that says more."""


@dataclass(frozen=True)
class Said:
    """What an error says: a sentence, and the codes and types around it, in small letters."""

    message: str = ""
    codes: tuple[str, ...] = ()


def said(data: Any) -> Said:
    """The sentence and the codes of an error in any form."""
    codes: list[str] = []
    message = _sentence(data, codes, 0)
    return Said(message, tuple(code.lower() for code in codes if code))


def _sentence(data: Any, codes: list[str], depth: int) -> str:
    if depth > DEEPEST:
        return ""
    if isinstance(data, str):
        inner = json_inside(data)
        return (_sentence(inner, codes, depth + 1) if inner is not None else "") or text(data)
    if isinstance(data, list):
        each = (_sentence(item, codes, depth + 1) for item in data[:10])
        return "; ".join(sentence for sentence in each if sentence)
    if not isinstance(data, Mapping):
        return text(data)
    data = fields(data)
    codes += [text(data.get(name)) for name in _CODES]
    for name in _INNER:
        _sentence(data.get(name), codes, depth + 1)
    named = [_sentence(data[name], codes, depth + 1) for name in _MESSAGES if name in data]
    found = [sentence for sentence in named if sentence]
    if not found and depth:
        found = ["; ".join(_by_field(data, codes, depth))]
    codes += [sentence for sentence in found if _worth(sentence) == 1]
    best = max(found, key=_worth, default="")
    where = data.get("loc")  # FastAPI says which field is wrong beside what is wrong
    if best and isinstance(where, list):
        path = ".".join(text(part) for part in where if part != "body")
        return f"{path}: {best}" if path else best
    return best


def _by_field(data: Mapping[str, Any], codes: list[str], depth: int) -> Iterator[str]:
    """Sentences under names of their own: `{"seconds": ["Must be 5."]}`."""
    for name, value in list(data.items())[:10]:
        if name not in _NO_FIELDS:
            sentence = _sentence(value, codes, depth + 1)
            if _worth(sentence) == 2:
                yield f"{name}: {sentence}"


def _worth(sentence: str) -> int:
    """How much a text tells: a number or the phrase of a status, one word, a sentence."""
    if sentence.lower() in _PHRASES or re.fullmatch(r"[\d.]*", sentence):
        return 0
    return 2 if " " in sentence else 1
