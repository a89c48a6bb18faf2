"""A batch that tries the lines of an earlier one again: those without a finished video."""

from collections.abc import Iterator
from itertools import islice

from shared.domain.batch import Batch, Line, Outcome
from shared.domain.video import Status
from shared.lifecycle.batches import source
from shared.lifecycle.batches.together import together
from shared.lifecycle.services import Services

_LOOKED_AT_TOGETHER = 200


def lines_left(services: Services, again: Batch, earlier: Batch) -> Iterator[bytes]:
    """The lines of `earlier` that have no finished video now, for `again`. Raises BlobGone where
    its file is gone."""
    done = _finished(services, again, earlier)
    next_done = next(done, None)
    for raw in source.lines_of(services, earlier, again=True):
        if raw.number == next_done:
            next_done = next(done, None)
        elif raw.data is not None:
            yield raw.data.rstrip(b"\r") + b"\n"


def _finished(services: Services, again: Batch, earlier: Batch) -> Iterator[int]:
    """The numbers of the lines with a finished video, in their order. One that was given up may
    have completed after its batch had ended: it is paid for."""

    def has_completed(line: Line) -> bool:
        if line.outcome is Outcome.COMPLETED or line.video_id is None:
            return line.outcome is Outcome.COMPLETED
        stored = services.videos.get(earlier.caller, line.video_id)
        return stored is not None and stored.video.status is Status.COMPLETED

    ended = services.batches.ended_lines(earlier.id)
    while part := list(islice(ended, _LOOKED_AT_TOGETHER)):
        services.batches.touch(again.id, services.clock())
        for line, completed in zip(part, together(has_completed, part), strict=True):
            if completed:
                yield line.number
