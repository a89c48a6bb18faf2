"""Cancel a video.

Before its submission that costs nothing. Afterwards the render may be billed: the video ends at
once, its job is deleted where the dialect can, and a worker follows the job to its end. Until then
the slot stays held and the cost is unknown.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from shared.domain import endings
from shared.domain.errors import Conflict
from shared.domain.video import Status, Video
from shared.domain.work import Attempt, Work, instance_id
from shared.durable.names import Hint
from shared.lifecycle import line, slots
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video
from shared.lifecycle.steps.follow_job import withdraw
from shared.lifecycle.steps.step import log_decision
from shared.storage.rows import RowChanged


@dataclass(frozen=True)
class Cancelled:
    """The video as it is now, and the hints for its worker and the videos behind it."""

    video: Video
    hints: tuple[Hint, ...] = ()


def cancel_video(services: Services, video: Video, *, unsent: bool = False) -> Cancelled:
    """Cancel a video. Cancelling it again changes nothing.

    Raises Conflict where it has ended otherwise, or its end is decided already; with `unsent`, also
    where its submission has begun, so that nothing that may be billed is given up.
    """
    if video.status is Status.CANCELLED:
        return Cancelled(video)
    decided = None if video.terminal else _decided(services, video.id, unsent)
    if decided is None or decided.verdict is None or decided.verdict.status is not Status.CANCELLED:
        raise _too_late(video)
    log_decision(video.id, decided.verdict)
    hints: tuple[Hint, ...] = ()
    if not decided.sent:
        turn = slots.slot_of(services, video.id)
        if turn is not None:  # granted, but not submitted yet
            attempt = Attempt(deployment=turn.deployment)
            slots.free(services, replace(decided, attempt=attempt))
        _, hints = line.call_next(services)
    with suppress(RowChanged):  # its worker carries the verdict out at the same time
        hints += finish_video.finish_video(services, video.id, decided.epoch).hints
    if decided.job is not None:
        withdraw(services, decided)
    if decided.hint:
        hints += ({"instance": instance_id(video.id, decided.epoch), "event": decided.hint},)
    stored = services.videos.find(video.caller, video.id)
    return Cancelled(stored.video if stored else video, hints)


def _decided(services: Services, video_id: str, unsent: bool) -> Work | None:
    """The work with its end, this one or an earlier one; None where it is done. A new worker that
    is started meanwhile keeps nobody from cancelling."""
    while (work := services.work.get(video_id)) is not None:
        decided = services.work.change(work, lambda current: _verdict(services, current, unsent))
        if decided is not None:
            return decided
    return None


def _verdict(services: Services, current: Work, unsent: bool) -> Work | None:
    if current.verdict is not None or current.ended or (unsent and current.sent):
        return None
    verdict, now = endings.cancelled(current), services.clock()
    return replace(current, verdict=verdict, heartbeat_at=now)


def _too_late(video: Video) -> Conflict:
    state = f"The video is {video.status}" if video.terminal else "The video is about to end"
    return Conflict(
        f"{state}; only an unfinished video can be cancelled. Cancelling changed no cost.",
        code="not_cancellable",
    )
