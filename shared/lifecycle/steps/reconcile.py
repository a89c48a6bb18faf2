"""A submission whose answer was lost: find its job in the upstream's list, and bind it.

There is no second POST before the list has shown, twice and late enough, that there is no job.
"""

from dataclasses import dataclass, replace

from shared.domain import endings, latency, polling
from shared.domain.candidates import Fit, fit
from shared.domain.job import JobStatus, JobSummary
from shared.domain.video import Stage
from shared.domain.work import Attempt, RunningJob, Work
from shared.lifecycle import expect, line, neighbours, slots
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import Done, change, decide, done, overtaken, show, update
from shared.storage.jobs import Job
from shared.telemetry.events import Event, emit
from shared.upstream.protocol import Dialect, NoList, UpstreamError

MOST_POSTS = 2
"""The most POSTs for one video, whatever the reason."""
ABSENCE = 120.0
"""Seconds after a connection ended in which its job may still appear in the upstream's list."""
_CLOCK_TOLERANCE = 60.0
"""Seconds by which the upstream's clock may be behind ours without a `Date` that says so."""


def reconcile(services: Services, work: Work) -> Done:
    """Find the job that the POST of an intent created, if it created one.

    Outcomes: submitted, reconcile, again, decided, done, superseded.
    """
    durations, now = services.settings.durations, services.clock()
    work, ended = connection_ended(services, work)
    upstream = services.settings.upstream(work.deployment or "")
    client = services.client(work.deployment or "")
    if upstream is None or client is None:
        if now > ended + durations.job_deadline:
            return _unknown(services, work, "its deployment is not configured any more")
        return _look_again(services, work)
    known = services.jobs.bound_to(upstream.name, work.video_id)
    if known is not None:
        return bind_found(services, work, client, known.job_id)
    if not upstream.speaks.can_list:
        return _unknown(services, work, "the upstream cannot list its jobs")
    if now > ended + durations.job_deadline:
        return _unknown(services, work, "the upstream's list could not be read in time")
    try:
        candidates = find_candidates(services, work, client, ended=ended)
    except UpstreamError as error:
        settled = now > ended + durations.of(ABSENCE)
        # one that was read before has a list, whatever it answers now
        read_before = work.intent is not None and work.intent.unlisted_since is not None
        if settled and isinstance(error, NoList) and not read_before:
            return _unknown(services, work, "the upstream cannot list its jobs")
        emit(
            Event.RECONCILE_FAILED,
            video_id=work.video_id,
            deployment=work.deployment,
            message=str(error),
        )
        if settled:
            close_unanswered(services, work)  # others need not wait for a list
        return _look_again(services, work)
    if len(candidates.ours) > 1:
        return _unknown(services, work, f"{len(candidates.ours)} jobs could be this video's")
    if candidates.ours:
        return bind_found(services, work, client, candidates.ours[0].job_id)
    return _absent(services, work, now=now, ended=ended, doubt=candidates.doubt)


def connection_ended(services: Services, work: Work) -> tuple[Work, float]:
    """The work, and when the connection of its POST ended: now, if its worker died before it noted
    that. What is created later is another's."""
    assert work.intent is not None, "something was sent"
    if work.intent.connection_ended_at is not None:
        return work, work.intent.connection_ended_at
    now = services.clock()
    noted = update(services, work, lambda its: its.with_intent(connection_ended_at=now))
    return noted or work, now


def bind(services: Services, work: Work, job_id: str, job: JobStatus | None = None) -> Done:
    """Bind the job, then put it on record, then let the next one submit."""
    now, durations = services.clock(), services.settings.durations
    created_at = (job.created_at if job else None) or now
    expires_at = (job.expires_at if job else None) or created_at + durations.sora_retention
    attempt = work.attempt
    assert attempt is not None, "what was sent has an attempt"
    mine = Job(
        deployment=attempt.deployment,
        job_id=job_id,
        video_id=work.video_id,
        caller=work.caller,
        created_at=created_at,
        expires_at=expires_at,
    )
    if not services.jobs.bind(mine):
        return done("reconcile", wait=0.0)
    # the upstream's time is in whole seconds of its clock; by ours the job was created between the
    # intent and now
    began = min(now, max(created_at, attempt.intent.at if attempt.intent else created_at))
    sketch, expected = expect.at_submit(services, work)
    running = RunningJob(
        id=job_id,
        created_at=began,
        expires_at=expires_at,
        deadline=now + durations.job_deadline,
        sketch=latency.dumps(sketch),
        callback=expect.callback_name(services, work),
    )

    def write(current: Work) -> Work | None:
        if current.job is not None:  # another execution was faster
            return None
        return replace(
            current,
            attempt=replace(attempt, job=running),
            expected=expected,
            troubles=0,
        )

    known = change(services, work, write)
    if known is None:
        return done("superseded")
    slots.close_submit(services, known, until=expires_at)
    emit(
        Event.JOB_SUBMITTED,
        video_id=work.video_id,
        caller=work.caller,
        deployment=work.deployment,
        job_id=job_id,
        posts=work.posts,
        waited_seconds=now - work.created_at,
    )
    ahead = expect.next_of(services, known, now, sketch=sketch)
    show(services, known, Stage.RENDERING, progress=0, estimate=now + ahead.end)
    _, hints = line.call_next(services)
    return done(
        "submitted",
        wait=ahead.poll,
        hint=running.callback,
        stage=Stage.RENDERING,
        progress=0,
        hints=hints,
    )


@dataclass(frozen=True)
class Candidates:
    """The jobs of a list that the last POST of a video may have created."""

    ours: list[JobSummary]
    """Those that fit best: one is adopted."""
    doubtful: int
    """How many more may be ours, but show something else than was asked for."""
    proves: bool
    """Whether a job that is not among them does not exist."""

    @property
    def doubt(self) -> str:
        """Why no POST may follow; empty where there is certainly no job."""
        if self.doubtful:
            return f"{self.doubtful} jobs could be this video's, though they show something else"
        return "" if self.proves else "the upstream's list does not show all of its jobs"


def find_candidates(services: Services, work: Work, client: Dialect, *, ended: float) -> Candidates:
    """The upstream's jobs that may be a video's: recent enough, or of an unknown time, not bound to
    another video, and not certainly another's by what the list shows. The connection of its POST
    ended at `ended`. Raises UpstreamError."""
    video = services.videos.find(work.caller, work.video_id)
    upstream = services.settings.upstream(work.deployment or "")
    if video is None or upstream is None or work.intent is None:
        return Candidates([], 0, proves=True)
    # never less than two seconds: upstreams cut their times to whole seconds
    tolerance = max(2.0, services.settings.durations.of(_CLOCK_TOLERANCE))
    since = work.intent.at - tolerance
    # while its submit is the only one of its kind, what is new and looks like it is its own; later,
    # what is old enough
    alone, until = _is_open(services, work), ended + tolerance
    listing = client.find(since, trace=work.video_id)
    beside = neighbours.of(services, upstream)
    theirs = neighbours.unanswered(
        services, [upstream, *beside], but=work.video_id, tolerance=tolerance
    )
    claims = [upstream.name, *(each.name for each in beside)]
    names = (upstream.deployment, upstream.model)
    fits: dict[Fit, list[JobSummary]] = {each: [] for each in Fit}

    def in_time(at: float) -> bool:
        return since <= at and (alone or at <= until)

    for job in listing.jobs:
        how = fit(job, video.video.request, names, upstream.speaks)
        if job.created_at is None:
            how = how if alone else min(how, Fit.MAYBE)
        elif not in_time(job.created_at):
            if not in_time(job.created_at - listing.skew):
                continue
            # only by what a `Date` says of the server's clock, and that may be a proxy's
            how = how if how is Fit.SURE else min(how, Fit.MAYBE)
        if how and any(neighbours.may_be(job, each) for each in theirs):
            how = Fit.MAYBE
        if how and all(services.jobs.free_for(work.video_id, at, job.job_id) for at in claims):
            fits[how].append(job)
    candidates = Candidates(
        fits[Fit.SURE] or fits[Fit.YES],
        len(fits[Fit.MAYBE]),
        proves=listing.whole and upstream.speaks.list_is_own,
    )
    emit(
        Event.SUBMIT_RECONCILED,
        video_id=work.video_id,
        deployment=upstream.name,
        listed=len(listing.jobs),
        candidates=len(candidates.ours) + candidates.doubtful,
    )
    return candidates


def _is_open(services: Services, work: Work) -> bool:
    """Whether nobody alike may submit until this submission is decided."""
    stored = line.deployments(services, [work.deployment or ""])
    return any(work.video_id in each.state.submitting for each in stored)


def bind_found(services: Services, work: Work, client: Dialect, job_id: str) -> Done:
    """Bind a job from the upstream's list to the video."""
    try:
        job = client.status(job_id, trace=work.video_id)
    except UpstreamError:
        job = None
    return bind(services, work, job_id, job)


def _absent(services: Services, work: Work, *, now: float, ended: float, doubt: str) -> Done:
    """No job fits. It may still appear for a while; then there is none, unless there is doubt."""
    settled_at = ended + services.settings.durations.of(ABSENCE)
    since = work.intent.unlisted_since if work.intent else None
    if since is None or now < settled_at:
        update(services, work, lambda its: its.with_intent(unlisted_since=since or now))
        return done("reconcile", wait=max(0.25, settled_at - now), stage=Stage.SUBMITTING)
    if doubt:
        return _unknown(services, work, doubt)
    if work.posts >= MOST_POSTS:
        hints = slots.hand_over(services, work)
        return decide(services, work, endings.never_accepted(work), hints=hints)
    still_open = _is_open(services, work)
    fresh = Attempt(deployment=work.deployment or "") if still_open else None
    # others alike submit meanwhile: a new turn, so the slot goes first, or it is taken for one
    hints = () if still_open else slots.hand_over(services, work)
    back = update(services, work, lambda its: replace(its, attempt=fresh, troubles=0))
    if back is None:
        return overtaken(services, work, hints)
    if still_open:
        return done("reconcile", wait=0.0)
    show(services, back, Stage.WAITING_FOR_QUOTA)
    return done("again", wait=0.0, stage=Stage.WAITING_FOR_QUOTA, progress=0, hints=hints)


def _look_again(services: Services, work: Work) -> Done:
    troubles = work.troubles + 1
    if update(services, work, lambda its: replace(its, troubles=troubles)) is None:
        return overtaken(services, work)
    wait = services.settings.durations.of(polling.backoff(troubles))
    return done("reconcile", wait=wait, stage=Stage.SUBMITTING)


def _unknown(services: Services, work: Work, why: str) -> Done:
    """There may be a job, and no way to find out: never POST again."""
    close_unanswered(services, work)
    return decide(services, work, endings.submit_unknown(work, why))


def close_unanswered(services: Services, work: Work) -> None:
    """Let others submit although the outcome of this submission is unknown.

    Its job may be running, so the slot stays held. Where there is a list, those that are alike wait
    until their jobs cannot be confused in it with a job of this intent."""
    if _is_open(services, work):
        upstream = services.settings.upstream(work.deployment or "")
        lists = upstream is not None and upstream.speaks.can_list
        # twice, because our clock may be behind, and the upstream's ahead
        apart = services.settings.durations.of(2 * _CLOCK_TOLERANCE) if lists else 0.0
        slots.close_submit(services, work, apart=apart)
