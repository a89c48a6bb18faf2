"""The table `videos`: what each caller sees, newest first.

A video is two rows of its caller's partition, written in one transaction: `d_` + inverted id holds
it (ascending keys list the newest first), `a_` + id points to it (oldest first). A stranger's id is
simply not there: no read crosses a partition.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.domain.errors import Failure
from shared.domain.ids import from_inverted, inverted
from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Output, Stage, Status, Video
from shared.storage.rows import Row, Table, Value, Write

_PIECE = 30_000
"""UTF-16 units per column: Table Storage takes 64 KiB, which is 32,768 of them."""


@dataclass(frozen=True)
class StoredVideo:
    """A video and the version of its row that the next write must find."""

    video: Video
    row: Row


class Videos:
    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, caller: str, video_id: str) -> StoredVideo | None:
        """One point read; None for an id that this caller does not have."""
        row = self._table.get(caller, _key(video_id))
        return None if row is None else StoredVideo(_video(row), row)

    def insert(self, video: Video) -> None:
        """Both rows, or RowExists."""
        self._table.transact(
            video.caller,
            [
                Write("insert", _key(video.id), _columns(video)),
                Write("insert", f"a_{video.id}", {}),
            ],
        )

    def replace(self, stored: StoredVideo, video: Video) -> StoredVideo:
        """The changed video, if nobody changed it meanwhile; RowChanged otherwise."""
        if video == stored.video:
            return stored
        return StoredVideo(video, self._table.replace(stored.row, _columns(video)))

    def delete(self, video: Video) -> None:
        """Both rows, whatever they are by now."""
        for key in (_key(video.id), f"a_{video.id}"):
            row = self._table.get(video.caller, key)
            if row is not None:
                self._table.delete(row)

    def page(self, caller: str, *, after: str | None, limit: int) -> list[Video]:
        """Up to `limit` videos older than `after`, newest first: one range query."""
        rows = self._table.range(
            caller,
            after=_key(after) if after else "",
            start="" if after else "d_",
            before="d`",
            limit=limit,
        )
        return [_video(row) for row in rows]

    def page_oldest_first(self, caller: str, *, after: str | None, limit: int) -> list[Video]:
        """Up to `limit` videos newer than `after`, oldest first: the pointers, then one range."""
        pointers = self._table.range(
            caller,
            after=f"a_{after}" if after else "",
            start="" if after else "a_",
            before="a`",
            limit=limit,
            columns=(),
        )
        if not pointers:
            return []
        oldest, newest = (_key(row.key.removeprefix("a_")) for row in (pointers[0], pointers[-1]))
        rows = self._table.range(caller, start=newest, before=oldest + "~")
        return [_video(row) for row in reversed(rows)]


def _key(video_id: str) -> str:
    return f"d_{inverted(video_id)}"


def _columns(video: Video) -> dict[str, Value]:
    request = video.request
    columns: dict[str, Value] = {
        "v": 1,
        "model": request.model,
        "width": request.width,
        "height": request.height,
        "seconds": request.seconds,
        "variants": request.variants,
        "metadata": json.dumps(dict(request.metadata), ensure_ascii=False),
        "webhook": request.webhook,
        "status": video.status.value,
        "stage": video.stage.value if video.stage else None,
        "progress": video.progress,
        "created_at": video.created_at,
        "completed_at": video.completed_at,
        "expires_at": video.expires_at,
        "deployment": video.deployment,
        "job_id": video.job_id,
        "estimated_completion_at": video.estimated_completion_at,
        "outputs": json.dumps([asdict(output) for output in video.outputs]),
        "error": json.dumps(asdict(video.error)) if video.error else None,
        "rescued": video.rescued,
        "cost_estimated_micro_usd": video.cost.estimated,
        "cost_actual_micro_usd": video.cost.actual,
        "cost_state": video.cost.state.value,
        "cost_price_version": video.cost.price_version,
        "cost_basis": video.cost.basis,
    }
    return columns | split_text("prompt", request.prompt)


def _video(row: Row) -> Video:
    error = row.text("error")
    return Video(
        id=from_inverted(row.key.removeprefix("d_")),
        caller=row.partition,
        request=VideoRequest(
            model=row.text("model"),
            prompt=join_text("prompt", row.values),
            width=row.number("width"),
            height=row.number("height"),
            seconds=row.number("seconds"),
            variants=row.number("variants"),
            metadata=json.loads(row.text("metadata", "{}")),
            webhook=row.text("webhook") or None,
        ),
        status=Status(row.text("status")),
        stage=Stage(row.text("stage")) if row.text("stage") else None,
        progress=row.number("progress"),
        created_at=row.number("created_at"),
        completed_at=_optional(row, "completed_at"),
        expires_at=_optional(row, "expires_at"),
        deployment=row.text("deployment") or None,
        job_id=row.text("job_id") or None,
        estimated_completion_at=_optional(row, "estimated_completion_at"),
        outputs=tuple(_output(item) for item in json.loads(row.text("outputs", "[]"))),
        error=Failure(**json.loads(error)) if error else None,
        cost=Cost(
            estimated=row.number("cost_estimated_micro_usd"),
            actual=_optional(row, "cost_actual_micro_usd"),
            state=CostState(row.text("cost_state")),
            price_version=row.text("cost_price_version"),
            basis=row.text("cost_basis") or None,
        ),
        rescued=row.flag("rescued"),
    )


def _output(item: Mapping[str, Any]) -> Output:
    known = Output.__dataclass_fields__
    return Output(**{name: value for name, value in item.items() if name in known})


def _optional(row: Row, name: str) -> int | None:
    return row.number(name) if row.values.get(name) is not None else None


def split_text(name: str, text: str) -> dict[str, Value]:
    """A text of any length as the columns `name`, `name_2`, `name_3`, ..."""
    units = text.encode("utf-16-le", "surrogatepass")
    pieces: list[str] = []
    start = 0
    while start < len(units) or not pieces:
        end = min(start + 2 * _PIECE, len(units))
        if end < len(units) and 0xDC <= units[end + 1] <= 0xDF:
            end -= 2  # never between the halves of a surrogate pair
        pieces.append(units[start:end].decode("utf-16-le", "surrogatepass"))
        start = end
    return {name if i == 0 else f"{name}_{i + 1}": piece for i, piece in enumerate(pieces)}


def join_text(name: str, columns: Mapping[str, Value]) -> str:
    """The text that `split_text` took apart."""
    text = str(columns.get(name) or "")
    piece = 2
    while f"{name}_{piece}" in columns:
        text += str(columns[f"{name}_{piece}"])
        piece += 1
    return text
