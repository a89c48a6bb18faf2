"""How long a render will take: learned from every successful one.

A video gets its first estimate at admission. Its job's row keeps the sketch of the moment of
submission, so polls read nothing more: a job costs at most one read and one write of the table.
"""

import uuid
from dataclasses import dataclass, replace

from shared.domain import latency, polling
from shared.domain.job import JobStatus
from shared.domain.latency import UNLEARNED, Sketch
from shared.domain.request import VideoRequest
from shared.domain.work import RunningJob, Work
from shared.lifecycle.services import Services
from shared.storage.rows import RowChanged

_FRESH = 60.0
"""Seconds for which a process reuses a sketch that it has read."""
_TRIES = 3


@dataclass(frozen=True)
class Next:
    """The next poll of a render, and its end: seconds of this app (at its time scale) from now."""

    poll: float
    end: float
    """Never before the next poll."""


def kind_of(request: VideoRequest) -> str:
    """What a render's duration may depend on, apart from the deployment."""
    several = f" x {request.variants}" if request.variants > 1 else ""
    return f"{request.renderer} {request.size} {request.seconds} s {request.mode}{several}"


def at_admission(services: Services, deployment: str, request: VideoRequest) -> float:
    """How long a render is expected to take, in seconds of this app: learned, or guessed."""
    guess = polling.expected_render_seconds(request.width, request.height, request.seconds)
    learned = _known(services, deployment, kind_of(request)).median
    return services.settings.durations.of(guess if learned is None else learned)


def at_submit(services: Services, work: Work) -> tuple[Sketch, float]:
    """The sketch of such renders at the deployment that got the job, and how long this one is
    expected to take, in seconds of this app."""
    sketch = _known(services, work.deployment, work.kind)
    learned = sketch.median
    return sketch, work.expected if learned is None else services.settings.durations.of(learned)


def next_of(
    services: Services, work: Work, now: float, *, sketch: Sketch, progress: int | None = None
) -> Next:
    """When to poll a running render next, and when to expect its end. Where it runs although the
    upstream has called back, as if callbacks did not arrive: its status may be behind its call."""
    durations, job = services.settings.durations, work.job
    elapsed = max(0.0, now - job.created_at) if job else 0.0
    unmoved = 0.0
    if job is not None and job.progress_at and job.progress == progress:
        unmoved = now - job.progress_at
    told = job is not None and job.called_back
    if sketch.announced and (told or not calls_back(services, work)):
        sketch = replace(sketch, announced=False)
    step = polling.plan(
        sketch,
        expected=work.expected * durations.scale,
        elapsed=elapsed * durations.scale,
        progress=progress,
        unmoved=max(0.0, unmoved) * durations.scale,
    )
    return Next(durations.of(step.pause), durations.of(step.remaining))


def calls_back(services: Services, work: Work) -> bool:
    """Whether the upstream of a job is configured to call back when it has ended."""
    upstream = services.settings.upstream(work.deployment or "")
    return upstream is not None and upstream.callback is not None


def callback_name(services: Services, work: Work) -> str | None:
    """A new name for the event of a callback; None where none will come."""
    return f"callback-{uuid.uuid4().hex}" if calls_back(services, work) else None


def of(work: Work) -> Sketch:
    """The sketch in a job's row; nothing is known without one, or with an earlier release's."""
    if work.job is None or work.job.sketch is None:
        return UNLEARNED
    try:
        return latency.loads(work.job.sketch)
    except ValueError:
        return UNLEARNED


def took(work: Work, known: RunningJob, job: JobStatus, now: float) -> float:
    """How long a render took, in seconds of this app, when `now` is the first look at its end.

    The upstream's own times are the best source, but they are whole seconds, each up to one too
    early, of another clock. By ours the render ended between the last look and this one.
    """
    shortest, longest = work.heartbeat_at - known.created_at, now - known.created_at
    if job.created_at is None or job.finished_at is None:
        seconds = _ended_between(work, known, shortest, longest)
    else:
        seconds = job.finished_at - job.created_at
        seconds = max(seconds, min(shortest, seconds + 1))
    return max(0.0, min(seconds, longest))


def _ended_between(work: Work, known: RunningJob, shortest: float, longest: float) -> float:
    """Just now, if the upstream has called back; as expected, if a callback was waited for in vain;
    else half way, because looks are close together."""
    if known.called_back:
        return longest
    if of(work).announced:
        return max(shortest, min(work.expected, longest))
    return (shortest + longest) / 2


def learn(services: Services, work: Work, seconds: float, *, announced: bool = False) -> None:
    """Record how long a successful render took, and whether its end was announced. Gives up where
    others keep writing: they learn as well."""
    if work.deployment is None or work.kind is None:
        return
    durations = services.settings.durations
    fresh = durations.of(_FRESH)
    for _ in range(_TRIES):
        now = services.clock()
        stored = services.latencies.get(work.deployment, work.kind, now=now, fresh=fresh)
        try:
            before, took = stored.sketch or UNLEARNED, seconds * durations.scale
            after = latency.observe(before, took, announced=announced)
            services.latencies.replace(stored, after, now=now)
            return
        except RowChanged:
            continue


def _known(services: Services, deployment: str | None, kind: str | None) -> Sketch:
    if deployment is None or kind is None:  # admitted by an older release
        return UNLEARNED
    fresh = services.settings.durations.of(_FRESH)
    stored = services.latencies.get(deployment, kind, now=services.clock(), fresh=fresh)
    return stored.sketch or UNLEARNED
