"""What every step does first: find the video's state, check the epoch, leave a sign of life."""

from dataclasses import dataclass, replace

from shared.domain.video import IllegalTransition, Stage, Video, advance
from shared.domain.work import Work
from shared.lifecycle.services import Services
from shared.names import Hint, Outcome, Result
from shared.storage.rows import RowChanged
from shared.storage.work import StoredWork

PAYLOAD_VERSION = 1


@dataclass(frozen=True)
class Done:
    """What a use case answers: the activity's result, and the hints that it should raise."""

    result: Result
    hints: tuple[Hint, ...] = ()


def done(
    outcome: Outcome,
    *,
    wait: float | None = None,
    outputs: int | None = None,
    stage: Stage | None = None,
    progress: int | None = None,
    hints: tuple[Hint, ...] = (),
) -> Done:
    """A result with only the fields that say something."""
    result: Result = {"v": PAYLOAD_VERSION, "outcome": outcome}
    if wait is not None:
        result["wait"] = round(max(0.0, wait), 3)
    if outputs is not None:
        result["outputs"] = outputs
    if stage is not None:
        result["stage"] = stage.value
    if progress is not None:
        result["progress"] = progress
    return Done(result, hints)


def begin(services: Services, video_id: str, epoch: int) -> StoredWork | Done:
    """The state to go on from, with a fresh heartbeat; or why there is nothing to do."""
    now = services.clock()
    stored = services.work.change(
        video_id, epoch, lambda work: replace(work, heartbeat_at=now) if now else None
    )
    if stored is not None:
        return stored
    return done("done" if services.work.get(video_id) is None else "superseded")


def show(
    services: Services,
    work: Work,
    stage: Stage,
    *,
    progress: int | None = None,
    estimate: float | None = None,
) -> Video | None:
    """Let the caller see where the video is. Losing this write costs nothing: the next step
    writes it again, so a conflict is not repeated and a finished video is left alone."""
    stored = services.videos.get(work.caller, work.video_id)
    if stored is None:
        return None
    try:
        changed = replace(
            advance(stored.video, stage, progress=progress),
            deployment=work.deployment,
            job_id=work.job_id,
            estimated_completion_at=None if estimate is None else round(estimate),
        )
        return services.videos.replace(stored, changed).video
    except (IllegalTransition, RowChanged):
        return stored.video
