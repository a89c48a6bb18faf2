"""Cancel a video: honestly, which means saying what it may still cost.

Before its submission nothing was charged and nothing will be. Afterwards the render may be billed:
the video ends at once, its job is deleted where the dialect can, and is watched to its end, so that
its slot stays held and its money becomes known.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from shared.domain.errors import Conflict
from shared.domain.ledger import Kind
from shared.domain.video import Status, Video
from shared.domain.work import Submit, Verdict, Work, WorkStage, instance_id
from shared.durable.names import Hint
from shared.lifecycle import line
from shared.lifecycle.services import Services
from shared.lifecycle.steps import finish_video, verdicts
from shared.lifecycle.steps.follow_job import withdraw
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
    verdicts.say(video.id, decided.verdict)
    hints: tuple[Hint, ...] = ()
    if decided.submit is Submit.NOTHING:
        held = line.slot_of(line.deployments(services), video.id, services.clock())
        if held is not None:  # its turn had come, but it had not gone yet
            line.free(services, replace(decided, deployment=held.deployment))
        _, hints = line.call_next(services)
    with suppress(RowChanged):  # its worker saw the verdict and carries it out at the same time
        hints += finish_video.finish_video(services, video.id, decided.epoch).hints
    if decided.submit is Submit.KNOWN:
        withdraw(services, decided)
    if decided.hint:
        hints += ({"instance": instance_id(video.id, decided.epoch), "event": decided.hint},)
    found = services.videos.find(video.caller, video.id)
    return Cancelled(found.video if found else video, hints)


def _verdict(services: Services, current: Work) -> Work | None:
    if current.verdict is not None or current.ended:
        return None
    before = current.submit is Submit.NOTHING
    verdict = Verdict(
        status=Status.CANCELLED,
        money=Kind.RELEASE if before else Kind.UNKNOWN,
        amount=0 if before else current.reserved,
        basis="cancelled_before_submit" if before else "cancelled_while_rendering",
    )
    now = services.clock()
    return replace(current, verdict=verdict, stage=WorkStage.FINISHING, heartbeat_at=now)


def _too_late(video: Video) -> Conflict:
    state = f"The video is {video.status}" if video.terminal else "The video is about to end"
    return Conflict(
        f"{state}; only an unfinished video can be cancelled. Cancelling changed no cost.",
        code="not_cancellable",
    )
