"""Reads the answers of servers that agree on little: what decides is read in any form, and a field
that is only shown never hides one that decides.

Forms seen (docs/upstreams.md names the servers): an error as object, string, list, number, `detail`
or JSON inside a sentence; times as text, in milliseconds, 0 or null; lengths as text.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from math import isfinite
from typing import Any

from shared.domain.job import JobState

_DEEPEST = 6
_MOST_BEGINNINGS = 20
"""Places of a text where JSON is looked for."""
_MILLISECONDS = 1e11
"""Seconds do not reach this before the year 5138; milliseconds passed it in 1973."""

_WORDS: Mapping[JobState, str] = {
    JobState.RUNNING: "queued pending in_progress inprogress processing running preprocessing"
    " postprocessing generating rendering submitted starting started not_start not_started created"
    " accepted scheduled in_queue inqueue preparing initializing waiting throttled dreaming active"
    " uploading downloading encoding",
    JobState.SUCCEEDED: "completed complete succeeded succeed success successful finished done"
    " ready",
    JobState.FAILED: "failed failure fail error errored expired rejected timeout timed_out"
    " moderated request_moderated content_moderated blocked",
    JobState.CANCELLED: "cancelled canceled aborted terminated deleted revoked",
}
"""The words of all wires for one state, so that no server needs a list of its own."""
_STATES = {word: state for state, words in _WORDS.items() for word in words.split()}
_NO_WORDS: Mapping[str, str] = {}
_PREFIX = re.compile(r"^(task|job|video)_(status|state)_")

_CODES = ("code", "type", "error_code", "status", "errorCode")
_MESSAGES = (
    *("error", "errors", "detail", "details", "message", "msg", "error_message", "errorMessage"),
    *("failure_reason", "fail_reason", "failed_reason", "reason", "description", "title"),
)
_IDS = ("id", "video_id", "task_id", "job_id")
_INNER = ("inner_error", "innererror")


@dataclass(frozen=True)
class Answer:
    """An answer read to its end, within limits of size and time."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300


def parsed(body: bytes | str) -> Any:
    """The JSON of a body; None for anything else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def text(value: Any) -> str:
    """A text or a number as text; empty for everything else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def number(value: Any) -> float | None:
    """A finite number, also as text (`"4"`, `"4s"`); None for everything else."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(-?\d{1,15}(?:\.\d{1,9})?)\s*(?:s|sec|seconds)?\s*", value)
        value = float(match[1]) if match else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if isfinite(value) else None
    except OverflowError:
        return None


def moment(value: Any) -> float | None:
    """Unix seconds, from seconds, milliseconds or an ISO date; None for 0 and everything else."""
    seconds = number(value)
    if seconds is None and isinstance(value, str):
        try:
            at = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
            seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    if seconds is None or seconds <= 0:
        return None
    return seconds / 1000 if seconds > _MILLISECONDS else seconds


def state(word: str, more: Mapping[str, str] = _NO_WORDS) -> JobState:
    """What a status word means; `more` are words of one upstream."""
    if meant := more.get(word) or more.get(plain(word)):
        return JobState(meant)
    return _STATES.get(plain(word), JobState.STRANGE)


def plain(word: str) -> str:
    """A status word as all wires would write it: `TASK_STATUS_SUCCEED` and `InProgress` become
    `succeed` and `in_progress`."""
    parted = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).lower()
    return _PREFIX.sub("", re.sub(r"[^a-z0-9]+", "_", parted).strip("_"))


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
    if depth > _DEEPEST:
        return ""
    if isinstance(data, str):
        inner = _json_inside(data)
        return (_sentence(inner, codes, depth + 1) if inner is not None else "") or data.strip()
    if isinstance(data, list):
        each = (_sentence(item, codes, depth + 1) for item in data[:10])
        return "; ".join(sentence for sentence in each if sentence)
    if not isinstance(data, Mapping):
        return text(data)
    codes += [text(data.get(name)) for name in _CODES]
    for name in _INNER:
        _sentence(data.get(name), codes, depth + 1)
    found = ""
    for name in _MESSAGES:
        if not found and data.get(name) not in (None, "", [], {}):
            found = _sentence(data[name], codes, depth + 1)
    where = data.get("loc")  # FastAPI says which field is wrong beside what is wrong
    if found and isinstance(where, list):
        named = ".".join(text(part) for part in where if part != "body")
        return f"{named}: {found}" if named else found
    return found


def jobs_inside(data: Any) -> Iterator[Mapping[str, Any]]:
    """Every object with an id and a status in an answer, also in JSON inside its texts: some
    servers answer for a failed job with an error that contains it."""
    yield from _objects(data, 0)


def _objects(data: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > _DEEPEST:
        return
    if isinstance(data, str):
        data = _json_inside(data)
    if isinstance(data, Mapping):
        if job_id(data) and status_word(data):
            yield data
        for value in data.values():
            yield from _objects(value, depth + 1)
    elif isinstance(data, list):
        for value in data[:10]:
            yield from _objects(value, depth + 1)


def _json_inside(sentence: str) -> Any:
    """The first JSON object or list in a text; None without one."""
    for begin in islice(re.finditer(r"[{\[]", sentence), _MOST_BEGINNINGS):
        try:
            found, _ = json.JSONDecoder().raw_decode(sentence, begin.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) or (isinstance(found, list) and found):
            return found
    return None


def rows(data: Any) -> list[Mapping[str, Any]] | None:
    """The objects of a list (`items`)."""
    listed = items(data)
    return None if listed is None else [row for row in listed if isinstance(row, Mapping)]


def items(data: Any) -> list[Any] | None:
    """The rows of a list, whatever they are: of `{"data": [...]}`, of another name, or the list;
    null is an empty list (Go writes it so), but not beside an error, which some servers answer with
    200. None for something that is no list."""
    if isinstance(data, Mapping):
        name = next((name for name in ("data", "videos", "items", "results") if name in data), None)
        if name is not None and not data[name] and _is_refusal(data, data[name]):
            return None
        data = None if name is None else data[name] or []
    return data if isinstance(data, list) else None


def _is_refusal(data: Mapping[str, Any], listed: Any) -> bool:
    """Whether an answer without rows is an error."""
    if data.get("success") is False or data.get("error"):
        return True
    return listed is None and plain(said(data).message) not in ("", "ok", "success")


def job(data: Any) -> Mapping[str, Any] | None:
    """The object that describes a job: the answer itself, or what gateways wrap, whose own id and
    status are of the answer. None without an id or a status."""
    if not isinstance(data, Mapping):
        return None
    wrapped = (data.get(name) for name in ("data", "video", "job", "task", "result"))
    objects = [each for each in (data, *wrapped) if isinstance(each, Mapping)]

    def says(each: Mapping[str, Any]) -> int:
        return 2 * bool(job_id(each)) + bool(status_word(each))

    best = max(objects, key=says)
    return best if says(best) else None


def job_id(row: Mapping[str, Any]) -> str:
    """The id of a job; empty where it shows none."""
    return next((found for name in _IDS if (found := text(row.get(name)))), "")


def status_word(row: Mapping[str, Any]) -> str:
    """The word for a job's state, as it stands there; empty where it shows none."""
    words = (row.get("status"), row.get("state"))
    return next((word.strip() for word in words if isinstance(word, str)), "")
