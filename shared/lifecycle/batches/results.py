"""The results of a batch: OpenAI's output and error files, and a table (CSV) of all lines."""

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from itertools import islice
from typing import Any

from shared.domain.batch import Batch, Line, Outcome, Stop, Wrong
from shared.domain.errors import InvalidRequest
from shared.domain.files import Purpose
from shared.domain.ids import created_ms, new_file_id
from shared.domain.video import Video
from shared.lifecycle.batches import source
from shared.lifecycle.batches.check import answer_id, answer_of
from shared.lifecycle.batches.lines import not_started
from shared.lifecycle.batches.spool import Spool
from shared.lifecycle.batches.together import together
from shared.lifecycle.requests import files
from shared.lifecycle.requests.views import shown
from shared.lifecycle.services import Services
from shared.storage.outputs import BlobGone

_READ_TOGETHER = 200
_COLUMNS = (
    "line",
    "custom_id",
    "status",
    "video_id",
    "model",
    "rendered_by",
    "size",
    "seconds",
    "cost_usd",
    "cost_state",
    "url",
    "error_code",
    "error_message",
    "prompt",
)
_BOM = "\ufeff"
"""Without it, Excel reads UTF-8 as the encoding of its country."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
CSV = "text/csv"


def write(services: Services, batch: Batch) -> Batch:
    """Write the files; the batch with their ids. Writing them again changes nothing."""
    with ExitStack() as stack:
        output, errors, table = (stack.enter_context(Spool()) for _ in range(3))
        table.write(_BOM + _row(_COLUMNS))
        for line, video in _results(services, batch):
            answer = _answer(batch, line, video)
            finished = video is not None and line.outcome is Outcome.COMPLETED
            target = output if finished else errors
            target.write(json.dumps(answer, ensure_ascii=False) + "\n")
            table.write(_row(_cells(line, video)))
        return replace(
            batch,
            output_file_id=keep(services, batch, "output.jsonl", output),
            error_file_id=keep(services, batch, "errors.jsonl", errors),
            table_file_id=keep(services, batch, "results.csv", table),
        )


def keep(services: Services, batch: Batch, name: str, spool: Spool) -> str | None:
    """The id of a result's file; None where it would be empty."""
    if not spool.lines:
        return None
    file_id = file_of(batch, name)
    files.keep(
        services,
        batch.caller,
        file_id,
        filename=f"{batch.id}_{name}",
        purpose=Purpose.BATCH_OUTPUT,
        pieces=spool.pieces(),
        content_type=CSV if name.endswith(".csv") else files.JSONL,
    )
    return file_id


def file_of(batch: Batch, name: str) -> str:
    """The id of a file that a batch writes: always the same, so none is written twice."""
    digest = hashlib.sha256(f"{batch.id}/{name}".encode()).digest()
    return new_file_id(created_ms(batch.id), digest[:10])


def _results(services: Services, batch: Batch) -> Iterator[tuple[Line, Video | None]]:
    """Every line with its video, as the file has them; those that were not started are last."""

    def video_of(line: Line) -> Video | None:
        stored = services.videos.get(batch.caller, line.video_id) if line.video_id else None
        return None if stored is None else stored.video

    ended = services.batches.ended_lines(batch.id)
    while part := list(islice(ended, _READ_TOGETHER)):
        services.batches.touch(batch.id, services.clock())
        yield from zip(part, together(video_of, part), strict=True)
    if batch.stop is not None:
        with suppress(BlobGone):  # then nobody can say which lines these were
            for line in _left(services, batch, batch.stop):
                yield line, None


def _left(services: Services, batch: Batch, why: Stop) -> Iterator[Line]:
    if not batch.not_started:
        return
    for raw in source.lines_of(services, batch):
        try:
            custom_id = source.read(raw).custom_id
        except InvalidRequest:
            custom_id = ""
        yield not_started(Line(number=raw.number, custom_id=custom_id, planned=0), why)


def _answer(batch: Batch, line: Line, video: Video | None) -> dict[str, Any]:
    problem = _problem(line, video)
    if video is None:
        assert problem is not None, "only a video is a result"
        return answer_of(batch, line.custom_id, problem)
    return {
        "id": answer_id(batch, line.number),
        "custom_id": line.custom_id,
        "response": {
            "status_code": 200,
            "request_id": video.id,
            "body": shown(video).as_dict(),
        },
        "error": problem and {"code": problem.code, "message": problem.message},
    }


def _problem(line: Line, video: Video | None) -> Wrong | None:
    """Why a line has no finished video."""
    if line.problem is not None:
        return line.problem
    if video is None:
        deleted = "The video was deleted before the batch ended."
        return Wrong("video_deleted", deleted, line=line.number)
    if line.outcome is Outcome.COMPLETED:
        return None
    if video.error is not None:
        return Wrong(video.error.code, video.error.message)
    return Wrong(video.status.value, f"The video was {video.status}.")


def _cells(line: Line, video: Video | None) -> tuple[object, ...]:
    problem = _problem(line, video)
    code, message = (problem.code, problem.message) if problem else ("", "")
    if video is None:
        head = (line.number, line.custom_id, line.outcome, line.video_id or "")
        return (*head, "", "", "", "", "", "", "", code, message, "")
    answer = shown(video)
    return (
        line.number,
        line.custom_id,
        video.status,
        video.id,
        answer.model,
        answer.rendered_by,
        answer.size,
        answer.seconds,
        answer.cost.actual or answer.cost.estimated,
        answer.cost.state,
        answer.outputs[0].url if answer.outputs else "",
        code,
        message,
        answer.prompt,
    )


def _row(cells: tuple[object, ...]) -> str:
    """A line of CSV. A text that a spreadsheet would take for a formula is quoted as its text."""
    out = io.StringIO()
    csv.writer(out).writerow(
        f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
        for cell in cells
    )
    return out.getvalue()
