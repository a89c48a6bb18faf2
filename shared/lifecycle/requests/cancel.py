"""Cancel a video: honestly, which means saying what it may still cost.

Before its submission nothing was charged and nothing will be. Afterwards the render may be billed:
the video ends at once, its job is deleted where the dialect can, and is watched to its end, so that
its slot stays held and its money becomes known.
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
    """The video as it is now, and the hints that its worker and those behind it should get."""

    video: Video
    hints: tuple[Hint, ...] = ()


def cancel_video(services: Services, video: Video) -> Cancelled:
    """End a video because its caller says so. Cancelling it again changes nothing.

    Raises Conflict for one that has ended otherwise, or whose end is decided already.
    """
    if video.status is Status.CANCELLED:
        return Cancelled(video)
    work = services.work.get(video.id)
    if video.terminal or work is None:
        raise _too_late(video)
    decided = services.work.change(work, lambda current: _verdict(services, current))
    if decided is None or decided.verdict is None or decided.verdict.status is not Status.CANCELLED:
        raise _too_late(video)
    log_decision(video.id, decided.verdict)
    hints: tuple[Hint, ...] = ()
    if not decided.sent:
        turn = slots.slot_of(line.deployments(services), video.id, services.clock())
        if turn is not None:  # it had come, but the video had not gone yet
            attempt = Attempt(deployment=turn.deployment)
            slots.free(services, replace(decided, attempt=attempt))
        _, hints = line.call_next(services)
    with suppress(RowChanged):  # its worker saw the verdict and carries it out at the same time
        hints += finish_video.finish_video(services, video.id, decided.epoch).hints
    if decided.job is not None:
        withdraw(services, decided)
    if decided.hint:
        hints += ({"instance": instance_id(video.id, decided.epoch), "event": decided.hint},)
    found = services.videos.find(video.caller, video.id)
    return Cancelled(found.video if found else video, hints)


def _verdict(services: Services, current: Work) -> Work | None:
    if current.verdict is not None or current.ended:
        return None
    verdict, now = endings.cancelled(current), services.clock()
    return replace(current, verdict=verdict, heartbeat_at=now)


def _too_late(video: Video) -> Conflict:
    state = f"The video is {video.status}" if video.terminal else "The video is about to end"
    return Conflict(
        f"{state}; only an unfinished video can be cancelled. Cancelling changed no cost.",
        code="not_cancellable",
    )
