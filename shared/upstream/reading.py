"""Reads the answers of servers that agree on little: what decides is read in any form, and a field
that is only shown never hides one that decides.

Forms seen (docs/upstreams.md names the servers): times as text, in milliseconds, 0 or null; lengths
as text; a job inside an envelope; names in camel case. What an error says is in `sentences`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from itertools import chain, islice
from math import isfinite
from typing import Any

from shared.domain.job import JobState, identity

DEEPEST = 6
_MOST_BEGINNINGS = 20
"""Places of a text where JSON is looked for."""
_MILLISECONDS = 1e11
"""Seconds do not reach this before the year 5138; milliseconds passed it in 1973."""
_LONGEST_WORD = 64
_EARLIEST = 1e9
"""September 2001: what is before counts from the start of a server, not from 1970."""
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters, which no storage and no answer takes."""

_WORDS: Mapping[JobState, str] = {
    JobState.RUNNING: "queued queueing pending in_progress inprogress processing running executing"
    " preprocessing postprocessing generating rendering submitted submitting starting started"
    " not_start not_started created new received accepted scheduled in_queue inqueue in_line"
    " preparing initializing initialized loading warming_up waiting throttled dreaming active"
    " working ongoing retrying validating finalizing finishing saving uploading downloading"
    " encoding",
    JobState.SUCCEEDED: "completed complete succeeded succeed success successful finished done"
    " ready generated rendered",
    JobState.FAILED: "failed failure fail error errored expired rejected timeout timed_out"
    " moderated request_moderated content_moderated content_filtered nsfw blocked crashed",
    JobState.CANCELLED: "cancelled canceled aborted terminated deleted revoked stopped killed"
    " interrupted",
}
"""The words of all wires for one state, so that no server needs a list of its own."""
_STATES = {word: state for state, words in _WORDS.items() for word in words.split()}
_NO_WORDS: Mapping[str, str] = {}
_PREFIX = re.compile(r"^(task|job|video)_(status|state)_")

_IDS = ("id", "video_id", "task_id", "job_id", "generation_id")
_STATUSES = ("task_status", "video_status", "job_status", "status", "state", "phase")
_ENVELOPES = ("data", "video", "job", "task", "result", "output", "response")
_LISTS = ("data", "videos", "items", "results", "tasks", "jobs", "list", "records", "generations")
_OF_ENVELOPES = frozenset({"success", "error", "fail", "failure", "ok"})
"""Words for the request, where there is no id beside them."""
_FINE = frozenset({"", "0", "200", "ok", "success"})
"""Codes and messages of an envelope that is no error."""


@dataclass(frozen=True)
class Answer:
    """An answer read to its end, within limits of size and time."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @cached_property
    def data(self) -> Any:
        """The JSON of the body; None for anything else."""
        return parsed(self.body)


def parsed(body: bytes | str) -> Any:
    """The JSON of a body, or the first object of several; None for anything else. A byte of another
    encoding and a raw line break hide nothing else."""
    try:
        if isinstance(body, bytes):
            body = body.decode(json.detect_encoding(body), errors="replace")
        body = body.strip("\ufeff \t\r\n")
        found, end = json.JSONDecoder(strict=False).raw_decode(body)
    except (ValueError, RecursionError):
        return None
    return found if end == len(body) or isinstance(found, dict) else None


def text(value: Any) -> str:
    """A text or a number as text; empty for everything else."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("", value).strip()
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an object, also under their names in small letters: `createdAt` as
    `created_at`."""
    return {plain(name): value for name, value in data.items()} | dict(data)


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
    """Unix seconds, from (milli-, micro-, nano-)seconds, an ISO or an HTTP date; None for 0, a date
    without its zone, and everything else."""
    seconds = number(value)
    if seconds is None and isinstance(value, str):
        at = _date(value.strip())
        seconds = at.timestamp() if at is not None and at.tzinfo else None
    for _ in range(3):
        if seconds is not None and seconds > _MILLISECONDS:
            seconds /= 1000
    return seconds if seconds is not None and _EARLIEST < seconds <= _MILLISECONDS else None


def _date(value: str) -> datetime | None:
    with suppress(ValueError, OverflowError):
        return datetime.fromisoformat(value.replace("Z", "+00:00"))
    with suppress(ValueError, OverflowError, TypeError):
        return parsedate_to_datetime(value)
    return None


def first_moment(row: Mapping[str, Any], *names: str) -> float | None:
    """The first of the fields that is a moment."""
    return next((at for name in names if (at := moment(row.get(name)))), None)


def created_at(row: Mapping[str, Any]) -> float | None:
    """When a job was made; None where it does not say."""
    return first_moment(row, "created_at", "created", "create_time", "created_time", "submit_time")


def size(row: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height that a job shows, in one field or two; 0 for what it does not show."""
    for shown in (row.get("size"), row.get("resolution"), row):
        if isinstance(shown, Mapping):
            sides = tuple(int(number(shown.get(name)) or 0) for name in ("width", "height"))
            if all(sides):
                return sides[0], sides[1]
        elif match := re.fullmatch(r"(\d{2,5})\s*[xX*\u00d7]\s*(\d{2,5})", text(shown)):
            return int(match[1]), int(match[2])
    return 0, 0


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


def link(data: Any) -> str:
    """The address of a file in an answer, under a name like `url`, `video_url` or `unsigned_urls`;
    empty without one."""
    return next(filter(None, _links(data, "", 0)), "")


def _links(data: Any, name: str, depth: int) -> Iterator[str]:
    if isinstance(data, str):
        if re.fullmatch(r"((video|download|content|output|file|unsigned)_)?(urls?|uri)", name):
            yield data.strip()
    elif isinstance(data, list):
        for value in data[:10]:
            yield from _links(value, name, depth)
    elif isinstance(data, Mapping) and depth < DEEPEST:
        for inner, value in fields(data).items():
            yield from _links(value, inner, depth + 1)


def jobs_inside(data: Any) -> Iterator[Mapping[str, Any]]:
    """Every object with an id and a status in an answer, also in JSON inside its texts: some
    servers answer for a failed job with an error that contains it."""
    yield from _objects(data, 0)


def _objects(data: Any, depth: int) -> Iterator[Mapping[str, Any]]:
    if depth > DEEPEST:
        return
    if isinstance(data, str):
        data = json_inside(data)
    if isinstance(data, Mapping):
        row = fields(data)
        if job_id(row) and status_word(row):
            yield row
        for value in data.values():
            yield from _objects(value, depth + 1)
    elif isinstance(data, list):
        for value in data[:10]:
            yield from _objects(value, depth + 1)


def json_inside(sentence: str) -> Any:
    """The first JSON object or list in a text; None without one."""
    for begin in islice(re.finditer(r"[{\[]", sentence), _MOST_BEGINNINGS):
        try:
            found, _ = json.JSONDecoder().raw_decode(sentence, begin.start())
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict) or (isinstance(found, list) and found):
            return found
    return None


def entries(data: Any) -> list[Any] | None:
    """What a list contains, unread: `{"data": [...]}`, another name, one inside another, by id, or
    the list itself; null is an empty list (Go writes it so), but neither is beside an error, which
    some servers answer with 200. None for something that is no list."""
    if isinstance(data, list):
        return data
    if not isinstance(data, Mapping):
        return None
    found = _entries(data)
    return None if not found and is_error(data) else found


def _entries(data: Mapping[str, Any]) -> list[Any] | None:
    for name in _LISTS:
        if isinstance(data.get(name), list):
            return list(data[name])
    inner = next((data[name] for name in _LISTS if isinstance(data.get(name), Mapping)), None)
    if inner:
        found = entries(inner)
        if found is None and all(isinstance(each, Mapping) for each in inner.values()):
            return [{"id": name, **each} for name, each in inner.items()]
        return found
    is_null = any(name in data and data[name] is None for name in _LISTS)
    message = text(data.get("message") or data.get("msg") or data.get("detail")).lower()
    return [] if is_null and message in _FINE else None


def is_error(data: Any) -> bool:
    """Whether an answer says that it is none, although its status is 200."""
    if not isinstance(data, Mapping):
        return False
    wrong = data.get("error") or data.get("errors") or data.get("success") is False
    failed = state(text(data.get("status"))) is JobState.FAILED
    return bool(wrong) or failed or text(data.get("code")).lower() not in _FINE


def rows(data: Any) -> list[Mapping[str, Any]] | None:
    """The objects of a list; None for something that is no list."""
    found = entries(data)
    return None if found is None else [row for row in found if isinstance(row, Mapping)]


def job(data: Any, wanted: str = "") -> Mapping[str, Any] | None:
    """The object that describes a job: the answer itself, or what gateways wrap. The status of an
    envelope is about the request, so an object with id and status goes first: the one that is
    `wanted`, if there are several. None without a status."""
    found = [row for row in _wrapped(data, 0) if status_word(row)]
    ours = (row for row in found if wanted and is_job(row, wanted))
    bare = (row for row in found if plain(status_word(row)) not in _OF_ENVELOPES)
    return next(chain(ours, filter(job_id, found), bare), None)


def created(data: Any) -> Mapping[str, Any] | None:
    """The object that describes a new or a listed job: with an id, and a status if one has both."""
    found = [row for row in _wrapped(data, 0) if job_id(row)]
    jobs = (row for row in found if plain(status_word(row)) not in {"", *_OF_ENVELOPES})
    return next(chain(jobs, filter(status_word, found), found), None)


def _wrapped(data: Any, depth: int) -> Iterator[dict[str, Any]]:
    if isinstance(data, list) and len(data) == 1:
        data = data[0]
    if not isinstance(data, Mapping) or depth > DEEPEST:
        return
    row = fields(data)
    yield row
    for name in _ENVELOPES:
        yield from _wrapped(row.get(name), depth + 1)


def job_id(row: Mapping[str, Any]) -> str:
    """The id of a job; empty where it shows none."""
    return next(_ids(row), "")


def is_job(row: Mapping[str, Any], wanted: str) -> bool:
    """Whether one of the ids that it shows is the one that is wanted."""
    return any(identity(shown) == identity(wanted) for shown in _ids(row))


def _ids(row: Mapping[str, Any]) -> Iterator[str]:
    return filter(None, (text(row.get(name)) for name in _IDS))


def status_word(row: Mapping[str, Any]) -> str:
    """The word for a job's state, as it stands there; empty where it shows none. A number is a word
    only of an object with an id, and only where there is no other."""
    shown = [row.get(name) for name in _STATUSES]
    shown += [each.get("state") or each.get("status") for each in shown if isinstance(each, dict)]
    words = [each for each in shown if isinstance(each, str)] + (shown if job_id(row) else [])
    return next(filter(None, map(text, words)), "")[:_LONGEST_WORD]
