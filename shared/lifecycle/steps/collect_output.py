"""Copy an output from the upstream into Blob Storage: streamed, checked, visible only when whole.

The next block is read while two are being written, so the slower side sets the pace, and memory
stays at about four blocks whatever the size. A repeat finds the finished blob and does nothing.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from shared.domain import endings, polling
from shared.domain.limits import LARGEST_OUTPUT
from shared.domain.media import kinds
from shared.domain.media.mp4 import Mp4Error, Mp4Inspector
from shared.domain.media.pictures import content_type
from shared.domain.video import Stage
from shared.domain.work import Phase, RunningJob, Work, phase
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import (
    Done,
    before_deadline,
    begin,
    change,
    decide,
    done,
    is_first_sign,
    told_to_wait,
    update,
)
from shared.storage.names import extra_blob, output_blob
from shared.storage.outputs import BLOCK, BlobWriter
from shared.telemetry.events import Event, emit
from shared.upstream.protocol import Content, Dialect, JobGone, UpstreamError

_MOST_SPOILED = 5
_LONGEST_BACKOFF = 60.0
_LARGEST_EXTRA = 16 * 1024**2
_EXTRAS_PATIENCE = 20.0
"""Seconds for all pictures of an output together, in real time."""
_HEARTBEAT = 30.0


class Spoiled(Exception):
    """What arrived is not a whole MP4 of the announced length."""


class _Superseded(Exception):
    """Another worker took over while this one was copying."""


def collect_output(services: Services, video_id: str, epoch: int, index: int) -> Done:
    """Copy one output. Outcomes: stored, retry, decided, done, superseded."""
    work = begin(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    now, job = services.clock(), work.job
    if phase(work) is Phase.FINISHING or job is None or index >= len(job.parts):
        return done("decided")
    name = output_blob(video_id, index)
    if services.outputs.find(name) is not None:
        return done("stored")
    if work.ended and now > job.expires_at:
        return decide(services, work, endings.watch_over(work))
    if not work.ended and now > job.deadline:
        return decide(services, work, endings.timed_out(work))
    client = services.client(work.deployment or "")
    if client is None:
        return _retry(services, work, index, "its deployment is not configured any more")
    try:
        with client.open(job.parts[index], trace=video_id) as content:
            size, sha256 = _copy(services, work, index, content, client)
    except _Superseded:
        return done("superseded")
    except JobGone as error:
        return _gone(services, work, job, index, str(error))
    except UpstreamError as error:
        wait = told_to_wait(services, error)
        return _retry(services, work, index, str(error), wait=wait, said=error.said)
    except Spoiled as error:
        if job.spoiled + 1 >= _MOST_SPOILED and not work.ended:
            return decide(services, work, endings.bad_output(work, str(error)))
        return _retry(services, work, index, str(error), spoiled=True)
    emit(
        Event.OUTPUT_STORED,
        video_id=video_id,
        deployment=work.deployment,
        output=index,
        size_bytes=size,
        sha256=sha256,
        copy_seconds=services.clock() - now,
    )
    return done("stored")


def _copy(
    services: Services, work: Work, index: int, content: Content, client: Dialect
) -> tuple[int, str]:
    """Stream the content into a blob; its size and sha256. Raises Spoiled before anything becomes
    visible."""
    writer = services.outputs.writer(output_blob(work.video_id, index))
    next_beat = services.clock() + services.settings.durations.of(_HEARTBEAT)

    def stay_alive() -> None:
        nonlocal next_beat
        if services.clock() > next_beat:
            next_beat = _beat(services, work)

    received = receive(writer, content, stay_alive)
    facts = {**received.facts, **_extras(services, work, index, client)}
    writer.commit(sha256=received.sha256, content_type="video/mp4", facts=facts)
    return received.size, received.sha256


@dataclass(frozen=True)
class Received:
    """A whole MP4 in uncommitted blocks; `facts` become metadata of its blob."""

    size: int
    sha256: str
    facts: dict[str, str]


def receive(writer: BlobWriter, content: Content, between: Callable[[], None]) -> Received:
    """Write a download as the blocks of a blob; calls `between` after each and at the end. Raises
    Spoiled for anything but a whole MP4 of the announced length."""
    inspector, digest, size, begins = Mp4Inspector(), hashlib.sha256(), 0, b""
    try:
        with writer.behind() as write:
            for block in _blocks(content):
                write(block)
                begins = begins or block
                size += len(block)
                inspector.feed(block)
                digest.update(block)
                between()
        between()
        if content.length is not None and size != content.length:
            raise Spoiled(f"{size:,} bytes arrived where {content.length:,} were announced")
        info = inspector.finish()
    except Mp4Error as error:
        kind = kinds.media_type(begins)
        if kind in (None, kinds.VIDEO):
            raise Spoiled(str(error)) from None
        raise Spoiled(f"the file is {kinds.named(kind)}, not an MP4 video") from None
    facts = {"width": str(info.width), "height": str(info.height)}
    if info.seconds is not None:
        facts["seconds"] = f"{info.seconds:.6f}"
    return Received(size, digest.hexdigest(), facts)


def _extras(services: Services, work: Work, index: int, client: Dialect) -> dict[str, str]:
    """Store the pictures of an output, each tried once: a video is whole without them. Returns
    facts for the video's blob: variant -> `type size sha256`."""
    stored = {}
    until = services.clock() + _EXTRAS_PATIENCE
    for variant in client.extras:
        try:
            with client.open(work.parts[index], trace=work.video_id, variant=variant) as content:
                data, kind = _picture(content, until, services.clock)
        except (UpstreamError, Spoiled) as error:
            emit(
                Event.EXTRA_NOT_COPIED,
                video_id=work.video_id,
                deployment=work.deployment,
                output=index,
                variant=variant,
                message=str(error),
            )
            continue
        services.outputs.put(extra_blob(work.video_id, index, variant), data, content_type=kind)
        stored[variant] = f"{kind} {len(data)} {hashlib.sha256(data).hexdigest()}"
    return stored


def _picture(content: Content, until: float, clock: Callable[[], float]) -> tuple[bytes, str]:
    """A whole small picture, and its media type by its first bytes. Raises Spoiled, at once where
    it is something else: some servers ignore `variant` and send the MP4."""
    if content.content_type.startswith("video/"):
        raise Spoiled(f"{content.content_type} where a picture was asked for")
    data = bytearray()
    for piece in content.pieces:
        was_known = len(data) >= kinds.RECOGNISED
        data += piece
        known = len(data) >= kinds.RECOGNISED
        if known and not was_known and content_type(data) not in kinds.IMAGES:
            raise Spoiled("a file that is no picture")
        if len(data) > _LARGEST_EXTRA or clock() > until:
            raise Spoiled(f"more than {_LARGEST_EXTRA:,} bytes or {_EXTRAS_PATIENCE:.0f} s")
    kind = content_type(data)
    if content.length not in (None, len(data)) or kind is None or not kind.startswith("image/"):
        raise Spoiled(f"{len(data):,} bytes that are not a whole picture")
    return bytes(data), kind


def _beat(services: Services, work: Work) -> float:
    """Write a heartbeat; the time of the next one. Raises _Superseded."""
    current = begin(services, work.video_id, work.epoch)
    if isinstance(current, Done) or update(services, current) is None:
        raise _Superseded
    return services.clock() + services.settings.durations.of(_HEARTBEAT)


def _blocks(content: Content) -> Iterator[bytes]:
    """The content in blocks of about one size, however it arrives."""
    if content.length is not None and content.length > LARGEST_OUTPUT:
        raise Spoiled(f"{content.length:,} bytes are announced")
    kept: list[bytes] = []
    length = total = 0
    for piece in content.pieces:
        total += len(piece)
        if total > LARGEST_OUTPUT:
            raise Spoiled(f"more than {LARGEST_OUTPUT:,} bytes arrived")
        kept.append(piece)
        length += len(piece)
        if length >= BLOCK:
            block = b"".join(kept)
            kept, length = [], 0
            yield block
    if kept:
        yield b"".join(kept)


def _gone(services: Services, work: Work, job: RunningJob, index: int, why: str) -> Done:
    """404 for an existing output: expired, or hidden for a moment."""
    now = services.clock()
    since = job.missing_since or now
    expired = now >= job.expires_at
    if not expired and is_first_sign(services, since):
        update(services, work, lambda current: current.with_job(missing_since=since))
        return _retry(services, work, index, why)
    emit(
        Event.JOB_LOST,
        video_id=work.video_id,
        deployment=work.deployment,
        job_id=work.job_id,
        expired=expired,
    )
    verdict = endings.watch_over(work) if work.ended else endings.lost(work, now)
    return decide(services, work, verdict)


def _retry(
    services: Services,
    work: Work,
    index: int,
    why: str,
    *,
    wait: float | None = None,
    said: str = "",
    spoiled: bool = False,
) -> Done:
    emit(
        Event.OUTPUT_NOT_COPIED,
        video_id=work.video_id,
        deployment=work.deployment,
        output=index,
        message=why,
    )

    def write(current: Work) -> Work:
        worse = replace(current, troubles=current.troubles + 1)
        if current.job is None:
            return worse
        return worse.with_job(complaint=said or why, spoiled=current.job.spoiled + spoiled)

    if change(services, work, write) is None:
        return done("superseded")
    if wait is None:
        backoff = polling.backoff(work.troubles + 1, longest=_LONGEST_BACKOFF)
        wait = services.settings.durations.of(backoff)
    wait = before_deadline(work, services.clock(), wait)
    return done("retry", wait=wait, stage=Stage.COLLECTING, progress=99)
