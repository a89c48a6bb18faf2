"""Follow a job to its end: look, show the progress, and decide what its end means for the video.

The job is followed even after the video has ended for its caller (timed out, cancelled, submission
unknown): its render may still turn up, and its cost is unknown until the job is over.
"""

from contextlib import suppress
from dataclasses import replace

from shared.domain import endings, polling
from shared.domain.job import Fault, JobState, JobStatus
from shared.domain.video import Stage, Status
from shared.domain.work import Intent, Phase, RunningJob, Work, phase
from shared.durable.names import Hint
from shared.lifecycle import expect, money, slots
from shared.lifecycle.services import Services
from shared.lifecycle.steps.reconcile import (
    ABSENCE,
    MOST_POSTS,
    bind_found,
    close_unanswered,
    connection_ended,
    find_candidates,
)
from shared.lifecycle.steps.step import (
    SEEN_TWICE,
    Done,
    before_deadline,
    begin,
    decide,
    done,
    is_first_sign,
    overtaken,
    show,
    told_to_wait,
    update,
)
from shared.telemetry.events import Event, emit
from shared.upstream.protocol import JobGone, UpstreamError

_WATCH_PAUSE = 60.0
_LONGEST_BACKOFF = 30.0


def follow_job(services: Services, video_id: str, epoch: int) -> Done:
    """Look at the upstream job of a video once.

    Outcomes: rendering, rendered, again (one more render), decided, watching, done, superseded.
    """
    work = begin(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    now, known = services.clock(), work.job
    if phase(work) is Phase.FINISHING:
        return done("decided")
    if work.ended and not work.sent:
        return decide(services, work, endings.never_created())
    if work.ended and now > _watch_until(services, work):
        return decide(services, work, endings.watch_over(work))
    if known is None:
        return _search(services, work)
    if not work.ended and now > known.deadline:
        return decide(services, work, endings.timed_out(work))
    if known.collecting:
        return done("rendered", outputs=len(known.parts), stage=Stage.COLLECTING)
    if (rest := _rest(services, work, known)) > 0:
        return done("watching" if work.ended else "rendering", wait=rest)
    client = services.client(work.deployment or "")
    if client is None:
        return _trouble(services, work, "its deployment is not configured any more")
    try:
        job = client.status(known.id, trace=video_id)
    except JobGone:
        return _missing(services, work, known)
    except UpstreamError as error:
        wait = told_to_wait(services, error)
        return _trouble(services, work, str(error), wait=wait, said=error.said)
    if job.state in (JobState.RUNNING, JobState.STRANGE):
        return _rendering(services, work, known, job)
    if job.state is JobState.SUCCEEDED and not job.parts:
        # its outputs may appear some moments later
        return _second_empty(services, work, known) or _over(services, work, known, job)
    return _over(services, work, known, job)


def _rest(services: Services, work: Work, known: RunningJob) -> float:
    """How long a look that a callback asked for must wait: however many come, there is one look in
    each shortest pause. A heartbeat ahead of now is a new worker's, and tells no look."""
    since = services.clock() - work.heartbeat_at
    shortest = services.settings.durations.of(polling.SHORTEST_PAUSE)
    return shortest - since if known.called_back and since >= 0 else 0.0


def _rendering(services: Services, work: Work, known: RunningJob, job: JobStatus) -> Done:
    durations, now = services.settings.durations, services.clock()
    if job.state is JobState.STRANGE:
        emit(
            Event.JOB_STATUS_UNKNOWN,
            video_id=work.video_id,
            deployment=work.deployment,
            job_id=work.job_id,
            status=job.word,
        )
    # wires without progress say 0 to the end, so 0 is estimated as well
    progress = job.progress or None
    ahead = expect.next_of(services, work, now, sketch=expect.of(work), progress=progress)
    if progress is None:
        elapsed = now - known.created_at
        progress = polling.estimated_progress(elapsed, elapsed + ahead.end)

    # on record before the wait: a callback from now on raises it, and one before, which raised
    # the last name, is seen by this write
    callback, missed = expect.callback_name(services, work), False

    def look(current: Work) -> Work:
        nonlocal missed
        missed = not known.called_back and current.job is not None and current.job.called_back
        return replace(current, troubles=0).with_job(
            polls=known.polls + 1,
            callback=callback,
            called_back=missed,
            progress=job.progress,
            progress_at=known.progress_at if job.progress == known.progress else now,
            missing_since=None,
            empty_since=None,
            complaint=None,
            expires_at=job.expires_at or known.expires_at,
        )

    if update(services, work, look) is None:
        return overtaken(services, work)
    shortest = durations.of(polling.SHORTEST_PAUSE)
    if work.ended:
        withdraw(services, work)
        wait = shortest if missed else durations.of(_WATCH_PAUSE)
        return done("watching", wait=wait, hint=callback)
    wait = before_deadline(work, now, shortest if missed else ahead.poll)
    seen = show(services, work, Stage.RENDERING, progress=progress, estimate=now + ahead.end)
    shown = seen.progress if seen else min(progress, 99)
    return done("rendering", wait=wait, hint=callback, stage=Stage.RENDERING, progress=shown)


def withdraw(services: Services, work: Work) -> None:
    """Ask the upstream to drop the job of a cancelled video, where its dialect can. The next look
    at the job shows the result."""
    upstream = services.settings.upstream(work.deployment or "")
    client = services.client(work.deployment or "")
    if (
        upstream is None
        or client is None
        or not upstream.speaks.can_delete_running
        or not work.job_id
    ):
        return
    stored = services.videos.find(work.caller, work.video_id)
    if stored is None or stored.video.status is not Status.CANCELLED:
        return
    with suppress(UpstreamError):
        client.delete(work.job_id, trace=work.video_id)
        emit(
            Event.JOB_WITHDRAWN,
            video_id=work.video_id,
            deployment=work.deployment,
            job_id=work.job_id,
        )


def _over(services: Services, work: Work, known: RunningJob, job: JobStatus) -> Done:
    """The job has ended: free its slot, and decide about the video."""
    hints = slots.hand_over(services, work)
    now = services.clock()
    took = expect.took(work, known, job, now)
    known = replace(
        known,
        cost=known.cost if job.cost is None else job.cost,
        render_seconds=job.render_seconds or took * services.settings.durations.scale,
    )
    work = work.with_job(cost=known.cost, render_seconds=known.render_seconds)
    emit(
        Event.JOB_ENDED,
        video_id=work.video_id,
        deployment=work.deployment,
        model=work.model,
        job_id=known.id,
        status=job.word,
        fault=job.fault,
        outputs=len(job.parts),
        polls=known.polls + 1,
        called_back=known.called_back,
        render_seconds=took,
        lag_seconds=now - known.created_at - took,
    )
    if job.state is JobState.SUCCEEDED and job.parts:
        return _rendered(services, work, known, job, took, hints)
    if job.fault is Fault.INTERNAL and not work.ended and work.posts < MOST_POSTS:
        return _once_more(services, work, known, hints)
    verdict = endings.render_failed(work, job, money.price_of(services, work))
    return decide(services, work, verdict, hints=hints)


def _rendered(
    services: Services,
    work: Work,
    known: RunningJob,
    job: JobStatus,
    took: float,
    hints: tuple[Hint, ...],
) -> Done:
    stored = services.videos.find(work.caller, work.video_id)
    if stored is None:
        return done("done", hints=hints)
    if work.ended and not stored.rescuable:
        price = money.price_of(services, work)
        verdict = endings.rendered_for_nobody(work, stored.video, job, price)
        return decide(services, work, verdict, hints=hints)

    def collect(current: Work) -> Work:
        return replace(current, troubles=0).with_job(
            parts=job.parts,
            collecting=True,
            slot_freed=True,
            cost=known.cost,
            render_seconds=known.render_seconds,
            polls=known.polls + 1,
            missing_since=None,
            empty_since=None,
            complaint=None,
            expires_at=job.expires_at or known.expires_at,
        )

    if update(services, work, collect) is None:
        return overtaken(services, work, hints)
    if not work.ended:
        show(services, work, Stage.COLLECTING, progress=99, estimate=services.clock())
    expect.learn(services, work, took, announced=known.called_back)
    return done(
        "rendered", outputs=len(job.parts), stage=Stage.COLLECTING, progress=99, hints=hints
    )


def _once_more(services: Services, work: Work, known: RunningJob, hints: tuple[Hint, ...]) -> Done:
    """The upstream's own fault: back into the line, once, booked as the price row says."""
    if known.cost is not None:
        # on record first: by it a reservation for a render that is not made is found
        told = update(services, work, lambda current: current.with_job(cost=known.cost))
        if told is None:
            return overtaken(services, work, hints)
    booked = money.book_failed_render(services, work)
    services.jobs.close(work.deployment or "", known.id)
    back = update(
        services, work, lambda current: replace(current, attempt=None, billing=booked, troubles=0)
    )
    if back is None:
        return overtaken(services, work, hints)
    show(services, back, Stage.WAITING_FOR_QUOTA)
    return done("again", wait=0.0, stage=Stage.WAITING_FOR_QUOTA, progress=0, hints=hints)


def _missing(services: Services, work: Work, known: RunningJob) -> Done:
    """404 for a known job: not visible yet, hidden for a moment, or gone."""
    now = services.clock()
    young = now - known.created_at < services.settings.durations.not_found_grace
    since = known.missing_since or now
    if young or is_first_sign(services, since):
        return _look_again(services, work, missing_since=since)
    hints = slots.hand_over(services, work)
    emit(
        Event.JOB_LOST,
        video_id=work.video_id,
        deployment=work.deployment,
        job_id=known.id,
        expired=now >= known.expires_at,
    )
    verdict = endings.watch_over(work) if work.ended else endings.lost(work, now)
    return decide(services, work, verdict, hints=hints)


def _second_empty(services: Services, work: Work, known: RunningJob) -> Done | None:
    """Wait for another look at a job that has succeeded without outputs; None at the second."""
    since = known.empty_since or services.clock()
    if not is_first_sign(services, since):
        return None
    # the job exists, so it is not missing
    return _look_again(services, work, empty_since=since, missing_since=None)


def _look_again(services: Services, work: Work, **signs: float | None) -> Done:
    """Note a first sign of the job's end, which counts only if the next look confirms it."""
    if update(services, work, lambda current: current.with_job(**signs)) is None:
        return overtaken(services, work)
    pause = services.settings.durations.of(SEEN_TWICE / 2)
    wait = before_deadline(work, services.clock(), pause)
    return done("watching" if work.ended else "rendering", wait=wait)


def _search(services: Services, work: Work) -> Done:
    """Search the upstream's list for the job of an ended video whose submission is unknown."""
    if not work.ended:
        return done("again", wait=0.0)
    work, ended = connection_ended(services, work)
    intent, now = work.intent, services.clock()
    assert intent is not None, "an ended video is only watched for what was sent"
    client = services.client(work.deployment or "")
    upstream = services.settings.upstream(work.deployment or "")
    pause = services.settings.durations.of(_WATCH_PAUSE)
    if client is None or upstream is None or not upstream.speaks.can_list:
        # no way to find it, but it may be running: hold its slot for as long as a job can take
        running_until = intent.at + services.settings.durations.job_deadline
        if services.clock() < running_until:
            close_unanswered(services, work)
            return _watching(services, work, pause)
        return decide(services, work, endings.watch_over(work))
    try:
        candidates = find_candidates(services, work, client, ended=ended)
    except UpstreamError as error:
        if now > ended + services.settings.durations.of(ABSENCE):
            close_unanswered(services, work)  # others need not wait for a list
        return _trouble(services, work, str(error))
    if len(candidates.ours) == 1:
        return bind_found(services, work, client, candidates.ours[0].job_id)
    if candidates.ours or candidates.doubt:
        close_unanswered(services, work)
        return _watching(services, work, pause * 5)
    stored = services.videos.find(work.caller, work.video_id)
    if stored is not None and stored.video.status is Status.CANCELLED:
        return _not_found(services, work, intent, ended)
    return _watching(services, work, pause * 5)


def _not_found(services: Services, work: Work, intent: Intent, ended: float) -> Done:
    """No job is listed of a video that was cancelled before its submission was answered. After a
    second look, late enough for a job to appear, there is none."""
    now = services.clock()
    settled_at = ended + services.settings.durations.of(ABSENCE)
    if intent.unlisted_since is None or now < settled_at:
        since = intent.unlisted_since or now
        if update(services, work, lambda its: its.with_intent(unlisted_since=since)) is None:
            return overtaken(services, work)
        return done("watching", wait=max(0.25, settled_at - now))
    hints = slots.hand_over(services, work)
    return decide(services, work, endings.never_created(), hints=hints)


def _watching(services: Services, work: Work, wait: float) -> Done:
    """Nothing new: write a heartbeat and look again later."""
    if update(services, work) is None:
        return overtaken(services, work)
    return done("watching", wait=wait)


def _trouble(
    services: Services, work: Work, why: str, *, wait: float | None = None, said: str = ""
) -> Done:
    """The upstream gave no answer: wait longer each time, never past the deadline. `said` is its
    own sentence, which the video's caller reads if it stays without one."""
    troubles = work.troubles + 1
    emit(
        Event.JOB_NOT_READABLE,
        video_id=work.video_id,
        deployment=work.deployment,
        job_id=work.job_id,
        troubles=troubles,
        message=why,
    )

    def note(current: Work) -> Work:
        return replace(current, troubles=troubles).with_job(complaint=said or why)

    if update(services, work, note) is None:
        return overtaken(services, work)
    if wait is None:
        backoff = polling.backoff(troubles, longest=_LONGEST_BACKOFF)
        wait = services.settings.durations.of(backoff)
    wait = before_deadline(work, services.clock(), wait)
    return done("watching" if work.ended else "rendering", wait=wait)


def _watch_until(services: Services, work: Work) -> float:
    """When the upstream has deleted the job, or what the intent may have created."""
    durations = services.settings.durations
    sent_at = work.intent.at if work.intent else work.created_at
    expires = work.job.expires_at if work.job else sent_at + durations.sora_retention
    return expires + durations.not_found_grace
