"""The sweep: find videos that no worker works on any more, and start a new worker.

Every step of a worker writes a heartbeat. If the last one is some seconds old, the sweep asks
Durable about the worker, and replaces it at once if it never started, failed or was terminated. If
the heartbeat is older than its stage allows, the worker is replaced whatever Durable says: the
video's epoch is raised and a new worker started; the old one, if alive, stops at its next step.
Each new worker that writes no heartbeat doubles the patience with the next: under overload all are
silent, and starting more does not help.
Overlapping sweeps are harmless: the epoch is raised only if the row has not changed.
"""

import random
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.domain import polling
from shared.domain.ids import new_video_id
from shared.domain.ledger import Kind, LedgerError
from shared.domain.work import Phase, Work, instance_id, phase, video_of
from shared.durable.names import GenerateVideo
from shared.lifecycle import money, succession
from shared.lifecycle.background import announce, backlog
from shared.lifecycle.requests import inputs
from shared.lifecycle.requests.admit import SILENT_AFTER, payload
from shared.lifecycle.requests.claims import ADMISSION_UNDONE
from shared.lifecycle.services import Services
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit

_MOST_ROWS = 200
_MOST_ASKED = 200
_ROOM_FOR_WAITING = 50
_QUIET = 15.0
"""Seconds without a heartbeat after which Durable is asked about a worker: longer than it takes to
show a new one."""
_MOST_ENDED = 5
"""Workers in a row that ended without a heartbeat: the cause will not be over in a minute."""
_EXPIRY_NEAR = 2 * 3600.0
_DAY = 86400.0
_RETIREMENT_NEAR, _RETIRED_LATELY = 31 * _DAY, 2 * _DAY
"""By the calendar, whatever the time scale."""
_MOST_PATIENCE = 3600.0
"""Beyond what a stage allows: an uncollected job expires after 24 hours."""


@dataclass(frozen=True)
class Restart:
    """An orchestration to start."""

    instance: str
    payload: GenerateVideo


def suspects(services: Services) -> list[str]:
    """The workers to ask Durable about: instance ids, at most 200.

    Videos being worked on come first, but leave room for the front of the line. The rest of the
    line, and videos that have ended and are only watched, fill what is left. Where there are too
    many, a random sample is taken: the next sweep takes another. A long line is not read as a
    whole: only its front, and a piece from anywhere."""
    now, durations = services.clock(), services.settings.durations
    silent = now - durations.of(_QUIET)
    busy = services.work.quiet(silent, waiting=False)
    watched = [video for video in busy if video.stage is Phase.WATCHING]
    working = [video for video in busy if video.stage is not Phase.WATCHING]
    chosen = random.sample(working, min(len(working), _MOST_ASKED - _ROOM_FOR_WAITING))
    room = _MOST_ASKED - len(chosen)
    waiting = services.work.quiet(silent, waiting=True, limit=_MOST_ASKED)
    if len(waiting) == _MOST_ASKED:
        ago = random.uniform(0.0, durations.queue_deadline)  # noqa: S311
        somewhere = new_video_id(int(1000 * (now - ago)), bytes(10))
        start = max(somewhere, video_of(waiting[-1].instance))
        waiting += services.work.quiet(silent, waiting=True, start=start, limit=_MOST_ASKED)
    front, others = waiting[: room // 2], waiting[room // 2 :] + watched
    chosen += front + random.sample(others, min(room - len(front), len(others)))
    return [video.instance for video in chosen]


def sweep(
    services: Services, *, missing: Collection[str] = (), ended: Collection[str] = ()
) -> list[Restart]:
    """Take over the videos whose workers are `missing` or have `ended` (instance ids), and at most
    200 that were silent for too long; the orchestrations to start."""
    now, allowed = services.clock(), _allowed(services)
    before = {stage: now - seconds for stage, seconds in allowed.items()}
    revived = [revive(services, instance, ended=False) for instance in missing]
    revived += [revive(services, instance, ended=True) for instance in ended]
    restarts = [restart for restart in revived if restart is not None]
    for old in services.work.without_place(limit=_MOST_ROWS):
        with suppress(RowChanged):
            services.work.replace(old)
    for silent in services.work.silent(before, limit=_MOST_ROWS):
        with suppress(RowChanged):  # a worker is alive after all, or another sweep was first
            work = _take_over(services, silent, now, allowed[phase(silent)])
            if work is not None:
                restarts.append(_restart(services, work))
    _watch_expiry(services, now)
    _watch_retirement(services, now)
    return restarts


def revive(services: Services, instance: str, *, ended: bool) -> Restart | None:
    """Take over the video of a worker that never started, or has `ended` before its video was done.
    None where the video is done or another worker has it; also after several workers in a row ended
    without a heartbeat: those are replaced when silent for too long."""
    work = services.work.get(video_of(instance))
    if work is None or instance_id(work.video_id, work.epoch) != instance:
        return None
    if phase(work) is Phase.ADMITTING:
        stored = services.videos.find(work.caller, work.video_id)
        if stored is None or stored.video.terminal:
            return None  # no worker was started yet; see `_take_over`
        announce.queued(services, stored.video)
        work = replace(work, admitted=True)
    if ended and work.restarts >= _MOST_ENDED:
        return None
    with suppress(RowChanged):
        return _restart(services, _replaced(services, work, services.clock(), 0.0, reason="gone"))
    return None


def _restart(services: Services, work: Work) -> Restart:
    started = payload(services, work.video_id, work.caller, work.epoch)
    return Restart(instance_id(work.video_id, work.epoch), started)


def _allowed(services: Services) -> dict[Phase, float]:
    """For each stage, the seconds after which a heartbeat is too old."""
    durations = services.settings.durations
    minute = durations.of(60)
    return {
        Phase.ADMITTING: durations.of(SILENT_AFTER),
        Phase.WAITING: durations.longest_wait + 2 * minute,
        Phase.SUBMITTING: 4 * minute,
        Phase.RENDERING: durations.of(polling.LONGEST_PAUSE) + 2 * minute,
        Phase.COLLECTING: 3 * minute,
        Phase.FINISHING: 2 * minute,
        Phase.WATCHING: 8 * minute,
    }


def _take_over(services: Services, work: Work, now: float, allowed: float) -> Work | None:
    """The work with its epoch raised, or None where nothing is to start. Raises RowChanged."""
    longest = services.settings.durations.of(_MOST_PATIENCE)
    patience = min(longest, allowed * (2.0 ** min(work.restarts, 16) - 1))
    if phase(work) is not Phase.ADMITTING:
        return _replaced(services, work, now, patience, reason="silent")
    raised = _raised(work, now + patience)
    stored = services.videos.find(work.caller, work.video_id)
    if stored is not None and stored.video.terminal:
        # from a slow try of a request whose video has ended meanwhile
        inputs.drop(services, work.video_id)
        services.work.delete(work)
        return None
    if stored is not None:
        emit(Event.ADMISSION_FINISHED, video_id=work.video_id)
        announce.queued(services, stored.video)
        return services.work.replace(replace(raised, admitted=True))
    if work.epoch == 1:
        # The admission may still be under way. The raised epoch makes its last step fail, so the
        # next sweep knows for certain.
        services.work.replace(raised)
        return None
    _undo_admission(services, work)
    return None


def _replaced(services: Services, work: Work, now: float, patience: float, *, reason: str) -> Work:
    """The work with its epoch raised, for a new worker. Raises RowChanged."""
    written = services.work.replace(_raised(work, now + patience))
    emit(
        Event.VIDEO_RESUMED,
        video_id=work.video_id,
        stage=phase(work),
        epoch=written.epoch,
        reason=reason,
        silent_seconds=now - work.heartbeat_at,
    )
    return written


def _raised(work: Work, heartbeat_at: float) -> Work:
    return replace(
        work, epoch=work.epoch + 1, restarts=work.restarts + 1, heartbeat_at=heartbeat_at
    )


def _undo_admission(services: Services, work: Work) -> None:
    """No caller has an answer yet: release the money and delete everything."""
    emit(Event.ADMISSION_UNDONE, video_id=work.video_id)
    with suppress(LedgerError):  # it may not have a reservation yet
        services.ledger.write(money.entry(services, work, Kind.RELEASE, 0, ADMISSION_UNDONE))
    if work.claim:
        services.idempotency.to_forget(work.caller, work.claim, work.video_id)()
    inputs.drop(services, work.video_id)
    services.work.delete(work)


def _watch_expiry(services: Services, now: float) -> None:
    """Log the uncollected jobs that are about to expire at their upstream, and the length of the
    line."""
    near = now + services.settings.durations.of(_EXPIRY_NEAR)
    uncollected = backlog.uncollected(services)
    for job in uncollected:
        if job.expires_at <= near:
            emit(
                Event.EXPIRY_NEAR,
                video_id=job.video_id,
                deployment=job.deployment,
                job_id=job.job_id,
                seconds_left=job.expires_at - now,
            )
    unfinished = backlog.unfinished(services)
    emit(
        Event.LINE_STATE,
        waiting=unfinished.waiting,
        working=unfinished.working,
        oldest_wait_seconds=now - (unfinished.oldest_since or now),
        uncollected=len(uncollected),
        soonest_expiry_seconds=min((job.expires_at for job in uncollected), default=now) - now,
    )


def _watch_retirement(services: Services, now: float) -> None:
    """Log the models that retire soon by the settings, or did lately."""
    for model in dict.fromkeys(upstream.model for upstream in services.settings.upstreams):
        at = succession.retirement(services, model)
        if at is None or not now - _RETIRED_LATELY < at < now + _RETIREMENT_NEAR:
            continue
        successor = services.settings.successor(model)
        emit(
            Event.MODEL_RETIRES,
            model=model,
            days_left=(at - now) / _DAY,
            successor=None if successor is None else successor.model,
        )
