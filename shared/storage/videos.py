"""The table `videos`: what each caller sees, newest first.

A video is two rows in its caller's partition: the video, and a pointer for lists that begin with
the oldest (see `pages`). No read crosses a partition, so another caller's id does not exist here.

If its caller deletes a video while its upstream job runs, it lives on as one row `x_` + inverted
id, which only workers see, until its cost is known.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from shared.domain.errors import Failure
from shared.domain.ids import from_inverted, inverted
from shared.domain.request import Allowance, Asked, Crop, Input, Remix, VideoRequest
from shared.domain.video import Cost, CostState, Extra, Output, Stage, Status, Video, rescuable
from shared.storage import pages
from shared.storage.rows import Row, RowChanged, Table, Value, Write

_BURIED = "x_"
_PIECE = 30_000
"""UTF-16 units per column: Table Storage takes 64 KiB, which is 32,768 of them."""


@dataclass(frozen=True)
class StoredVideo:
    """A video and the version of its row that the next write must match."""

    video: Video
    row: Row

    @property
    def rescuable(self) -> bool:
        """Whether a render that turns up now would complete it."""
        return rescuable(self.video) and not self.row.key.startswith(_BURIED)


class Videos:
    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, caller: str, video_id: str) -> StoredVideo | None:
        """One point read; None if this caller does not have the id (any more)."""
        return self._stored(caller, row_key(video_id))

    def find(self, caller: str, video_id: str) -> StoredVideo | None:
        """`get` for workers: also returns a video that its caller has deleted."""
        return self.get(caller, video_id) or self._stored(caller, _buried(video_id))

    def _stored(self, caller: str, key: str) -> StoredVideo | None:
        row = self._table.get(caller, key)
        return None if row is None else StoredVideo(_video(row), row)

    def insert(self, video: Video) -> None:
        """Both rows, or RowExists."""
        pages.insert(self._table, video.caller, video.id, _columns(video))

    def replace(self, stored: StoredVideo, video: Video) -> StoredVideo:
        """Write the changed video. Raises RowChanged if somebody else changed it first."""
        if video == stored.video:
            return stored
        return StoredVideo(video, self._table.replace(stored.row, _columns(video)))

    def bury(self, stored: StoredVideo) -> None:
        """Hide a video from its caller but keep it for its workers. Raises RowChanged."""
        video = stored.video
        writes = [
            Write("delete", row_key(video.id), {}, stored.row),
            Write("insert", _buried(video.id), _columns(video)),
        ]
        pointer = self._table.get(video.caller, pages.pointer_key(video.id))
        if pointer is not None:
            writes.append(Write("delete", pointer.key, {}, pointer))
        self._table.transact(video.caller, writes)

    def delete(self, caller: str, video_id: str) -> None:
        """Delete all rows of a video, in whatever version. The pointer goes first, so that a list
        never has a pointer without its video."""
        for key in (pages.pointer_key(video_id), row_key(video_id), _buried(video_id)):
            while (row := self._table.get(caller, key)) is not None:
                try:
                    self._table.delete(row)
                except RowChanged:
                    continue

    def page(
        self,
        caller: str,
        *,
        after: str | None,
        limit: int,
        oldest_first: bool = False,
        status: Status | None = None,
        model: str | None = None,
    ) -> list[Video]:
        """Up to `limit` videos older than `after`, newest first, in one range query; or newer than
        `after`, oldest first."""
        rows = pages.page(
            self._table,
            caller,
            after=after,
            limit=limit,
            oldest_first=oldest_first,
            equal=_equal(status, model),
        )
        return [_video(row) for row in rows]


def _equal(status: Status | None, model: str | None) -> dict[str, str]:
    wanted = {"status": status.value if status else None, "model": model}
    return {column: value for column, value in wanted.items() if value is not None}


def row_key(video_id: str) -> str:
    """The key of the row that the caller sees."""
    return pages.row_key(video_id)


def is_shown(key: str) -> bool:
    """Whether a key is that of a video that its caller sees."""
    return key.startswith(pages.SHOWN)


def _buried(video_id: str) -> str:
    return _BURIED + inverted(video_id)


def _columns(video: Video) -> dict[str, Value]:
    request = video.request
    columns: dict[str, Value] = {
        "v": 1,
        "model": request.model,
        "width": request.width,
        "height": request.height,
        "seconds": request.seconds,
        "variants": request.variants,
        "webhook": request.webhook,
        "inputs": json.dumps([asdict(each) for each in request.inputs]) if request.inputs else None,
        "fit": request.fit if request.inputs else None,
        "remix": json.dumps(asdict(request.remix)) if request.remix else None,
        "allow_successor": _json_of(request.allow_successor),
        "rendered_by": request.rendered_by,
        "asked": _json_of(request.asked),
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
    if request.parameters:
        parameters = json.dumps(dict(request.parameters), ensure_ascii=False)
        columns |= split_text("parameters", parameters)
    metadata = json.dumps(dict(request.metadata), ensure_ascii=False)
    return columns | split_text("prompt", request.prompt) | split_text("metadata", metadata)


def _video(row: Row) -> Video:
    error, remix = row.text("error"), row.text("remix")
    allow, asked = row.text("allow_successor"), row.text("asked")
    return Video(
        id=from_inverted(row.key[len(pages.SHOWN) :]),
        caller=row.partition,
        request=VideoRequest(
            model=row.text("model"),
            prompt=join_text("prompt", row.values),
            width=row.number("width"),
            height=row.number("height"),
            seconds=row.number("seconds"),
            variants=row.number("variants"),
            parameters=json.loads(join_text("parameters", row.values) or "{}"),
            metadata=json.loads(join_text("metadata", row.values) or "{}"),
            webhook=row.text("webhook") or None,
            inputs=tuple(_input(each) for each in json.loads(row.text("inputs", "[]"))),
            fit="contain" if row.text("fit") == "contain" else "cover",
            remix=Remix(**json.loads(remix)) if remix else None,
            allow_successor=Allowance(**json.loads(allow)) if allow else None,
            rendered_by=row.text("rendered_by") or None,
            asked=Asked(**json.loads(asked)) if asked else None,
        ),
        status=Status(row.text("status")),
        stage=Stage(row.text("stage")) if row.text("stage") else None,
        progress=row.number("progress"),
        created_at=row.number("created_at"),
        completed_at=row.optional("completed_at"),
        expires_at=row.optional("expires_at"),
        deployment=row.text("deployment") or None,
        job_id=row.text("job_id") or None,
        estimated_completion_at=row.optional("estimated_completion_at"),
        outputs=tuple(_output(item) for item in json.loads(row.text("outputs", "[]"))),
        error=Failure(**json.loads(error)) if error else None,
        cost=Cost(
            estimated=row.number("cost_estimated_micro_usd"),
            actual=row.optional("cost_actual_micro_usd"),
            state=CostState(row.text("cost_state")),
            price_version=row.text("cost_price_version"),
            basis=row.text("cost_basis") or None,
        ),
        rescued=row.flag("rescued"),
    )


def _json_of(part: Allowance | Asked | None) -> str | None:
    return None if part is None else json.dumps(asdict(part))


def _input(item: Mapping[str, Any]) -> Input:
    crop = item.get("crop")
    return Input(**{**item, "crop": Crop(**crop) if crop else None})


def _output(item: Mapping[str, Any]) -> Output:
    known = Output.__dataclass_fields__
    values = {name: value for name, value in item.items() if name in known}
    values["extras"] = tuple(Extra(**extra) for extra in values.get("extras", ()))
    return Output(**values)


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
