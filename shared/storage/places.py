"""The line in the table `work`: a row for each waiting video, beside the row of its work.

Key: `place`, model, a digest of the deployments, caller, video id (for a batch's line, `~batch`
before it): so the first of each caller are found without reading those behind them. Such a row is
written and deleted in one transaction with the work, which is the truth; it holds what decides
about the turn, and never changes.
"""

import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from shared.domain.quota import QueuedVideo
from shared.domain.work import Work
from shared.storage.rows import Row, Table, Value, Write, as_key

PARTITION = "open"
"""That of the work: a transaction does not leave its partition."""
WORK_FROM = "video_"
"""Keys of works begin here; those of places sort before."""
_PREFIX = "place"
_BATCH = "~batch|"
"""Behind the caller in the keys of its batches' lines: they sort after its other videos, and are a
queue of their own, so that neither hides the first of the other."""
_EACH = 64
"""How many of one caller are read: more than one decision lets through."""
_PAGE = 128
_LONG_PAGE = 1000
_COLUMNS = ("caller", "model", "deployments", "expected", "facts")


@dataclass(frozen=True)
class Heads:
    """The first of a line."""

    videos: list[QueuedVideo]
    whole: bool
    """Whether they are the whole line."""


class Places:
    def __init__(self, table: Table) -> None:
        self._table = table

    def heads(self) -> dict[str, Heads]:
        """The first videos of each caller (and set of deployments) in line, by model. One request,
        and one more for each of them that has many, however many they are."""
        found: dict[str, list[QueuedVideo]] = {}
        parts: set[str] = set()
        start, end = f"{_PREFIX}|", _behind(f"{_PREFIX}|")
        while True:
            rows = self._table.range(
                PARTITION, start=start, before=end, limit=_PAGE, columns=_COLUMNS
            )
            by_queue: dict[str, list[Row]] = {}
            for row in rows:
                by_queue.setdefault(_queue_of(row.key), []).append(row)
            full = len(rows) == _PAGE
            last = next(reversed(by_queue), "")
            for queue, members in by_queue.items():
                if full and queue == last and len(members) < _EACH:
                    continue  # the page ends within it: the next one begins with it
                videos = [_queued(row) for row in members[:_EACH]]
                found.setdefault(videos[0].model, []).extend(videos)
                if len(members) > _EACH or (full and queue == last):
                    parts.add(videos[0].model)
            if not full:
                return {
                    model: Heads(videos, whole=model not in parts)
                    for model, videos in found.items()
                }
            start = last if len(by_queue[last]) < _EACH else last + "~"  # behind every id

    def all(self, model: str) -> list[QueuedVideo]:
        """Everybody who waits for a model: a page for each thousand. For forecasts."""
        found: list[QueuedVideo] = []
        after, end = _of_model(model), _behind(_of_model(model))
        while True:  # no more than a page of rows at a time: they are larger than what is kept
            rows = self._table.range(
                PARTITION, after=after, before=end, limit=_LONG_PAGE, columns=_COLUMNS
            )
            found += map(_queued, rows)
            if len(rows) < _LONG_PAGE:
                return found
            after = rows[-1].key

    def newer(self, work: Work, than: str, *, limit: int) -> int:
        """How many of the same caller stand before a video that came after the video id `than`, as
        far as `limit`."""
        queue = _queue(work)
        rows = self._table.range(
            PARTITION,
            after=f"{queue}{than}",
            before=f"{queue}{work.video_id}",
            limit=limit,
            columns=(),
        )
        return len(rows)

    def forget(self, video: QueuedVideo) -> None:
        """Remove a place whose video does not wait any more."""
        queue = _key(video.model, video.deployments, video.caller, of_batch=video.of_batch)
        key = queue + video.video_id
        row = self._table.get(PARTITION, key)
        if row is not None:
            self._table.delete(row)


def taken(work: Work) -> Write:
    """The row of a video that lines up."""
    columns: dict[str, Value] = {
        "v": 1,
        "caller": work.caller,
        "model": work.model,
        "deployments": json.dumps(work.deployments),
        "expected": work.expected,
        "facts": work.facts,
    }
    return Write("upsert", _queue(work) + work.video_id, columns)


def left(work: Work) -> Write:
    """Deletes it."""
    return Write("remove", _queue(work) + work.video_id, {})


def _queue(work: Work) -> str:
    return _key(work.model, work.deployments, work.caller, of_batch=work.batch is not None)


def _key(model: str, deployments: Sequence[str], caller: str, *, of_batch: bool) -> str:
    kind = hashlib.sha256(json.dumps(list(deployments)).encode()).hexdigest()[:8]
    return f"{_of_model(model)}{kind}|{as_key(caller)}|{_BATCH if of_batch else ''}"


def _of_model(model: str) -> str:
    return f"{_PREFIX}|{as_key(model)}|"


def _queue_of(key: str) -> str:
    return key[: key.rindex("|") + 1]


def _behind(prefix: str) -> str:
    """A key after all that begin with a prefix that ends in `|`."""
    return prefix[:-1] + chr(ord("|") + 1)


def _queued(row: Row) -> QueuedVideo:
    return QueuedVideo(
        video_id=row.key.rpartition("|")[2],
        caller=sys.intern(row.text("caller")),
        deployments=_names(row.text("deployments", "[]")),
        expected=row.decimal("expected"),
        facts=row.text("facts"),
        model=sys.intern(row.text("model")),
        of_batch=f"|{_BATCH}" in row.key,
    )


@lru_cache(maxsize=1024)
def _names(text: str) -> tuple[str, ...]:
    """One object for all of a line of a hundred thousand."""
    return tuple(json.loads(text))
