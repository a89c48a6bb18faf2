"""Admit a request: check it, reserve its money, and put the video on record.

The order is: idempotency, inputs, work (`admitting`), ledger, video, work (`waiting`). The sweep
undoes or finishes an admission that stops before the last step; after it the video exists and comes
to an end whatever happens to this process. Every step can be repeated for the same video id, so a
repeated request goes on where the first one stopped.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.domain.errors import Conflict, Unavailable
from shared.domain.ids import created_ms
from shared.domain.ledger import Entry, Kind
from shared.domain.money import Price
from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Stage, Status, Video
from shared.domain.work import Phase, Work, instance_id, phase
from shared.durable.names import GenerateVideo
from shared.lifecycle import expect, money
from shared.lifecycle.background import announce
from shared.lifecycle.requests import ceilings, claims, inputs
from shared.lifecycle.requests.claims import ADMISSION_UNDONE, Repeatable
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.requests.prepare import Prepared, prepare
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import PAYLOAD_VERSION
from shared.storage.booking import OverLimit
from shared.storage.idempotency import Claim
from shared.storage.rows import RowChanged, RowExists
from shared.telemetry.events import Event, emit

_FIRST_EPOCH = 1


@dataclass(frozen=True)
class Admitted:
    """A video on record, and the orchestration to start for it. `replayed` when an earlier request
    made it."""

    video: Video
    instance: str
    payload: GenerateVideo
    replayed: bool = False


def admit(
    services: Services,
    caller: str,
    request: VideoRequest,
    repeatable: Repeatable = Repeatable(),  # noqa: B008  # immutable
    sources: Sequence[Source] = (),
) -> Admitted:
    """Admit a request of `caller` (`key:NAME` or `entra:OID`). `sources` are its files, in
    the order of the upstream's frames.

    Raises InvalidRequest (nothing was spent), Conflict (the key was used for another request),
    LimitReached (a ceiling), RateLimited (a limit of this caller), or Unavailable.
    """
    # only requests with a key are compared
    asked = inputs.asked(request, sources) if repeatable.key is not None else ""
    earlier = claims.earlier(services, caller, asked, repeatable)
    if earlier is not None and (replay := _replayed(services, caller, earlier)) is not None:
        return replay
    prepared = prepare(services, caller, request, sources)
    ceilings.check_job(services, prepared.amount)
    claim, replayed = claims.claimed(services, caller, prepared.request, repeatable, asked)
    if replayed and (replay := _replayed(services, caller, claim)) is not None:
        return replay
    if replayed and claims.was_deleted(services, claim):
        raise Conflict(
            "The video of this request was deleted; use a new Idempotency-Key to make another.",
            code="video_deleted",
        )
    video, work = _new(services, caller, prepared, claim)
    return _put_on_record(services, video, work, prepared, replayed=replayed)


def _replayed(services: Services, caller: str, claim: Claim) -> Admitted | None:
    """The video of an earlier request; None where it left none."""
    stored = services.videos.get(caller, claim.video_id)
    if stored is None:
        return None
    work = services.work.get(claim.video_id)
    if work is not None and phase(work) is Phase.ADMITTING:
        announce.queued(services, stored.video)  # the first try may have died before that
    epoch = work.epoch if work else _FIRST_EPOCH
    return _admitted(services, stored.video, epoch, replayed=True)


def _new(services: Services, caller: str, prepared: Prepared, claim: Claim) -> tuple[Video, Work]:
    """The rows of a new video. They follow from the claim, so a repeat makes the same ones."""
    request, reserved = prepared.request, prepared.amount
    created_at = created_ms(claim.video_id) / 1000
    expected = expect.at_admission(services, prepared.chosen[0].name, request)
    work = Work(
        video_id=claim.video_id,
        caller=caller,
        model=request.model,
        epoch=_FIRST_EPOCH,
        admitted=False,
        created_at=created_at,
        heartbeat_at=services.clock(),
        queue_deadline=created_at + services.settings.durations.queue_deadline,
        deployments=tuple(upstream.name for upstream in prepared.chosen),
        day=money.utc_day(created_at),
        reserved=reserved,
        expected=expected,
        kind=expect.kind_of(request),
        claim=claim.key,
    )
    video = Video(
        id=claim.video_id,
        caller=caller,
        request=request,
        status=Status.QUEUED,
        stage=Stage.ACCEPTED,
        progress=0,
        created_at=int(created_at),
        estimated_completion_at=round(created_at + expected),
        cost=Cost(
            estimated=reserved,
            actual=None,
            state=CostState.RESERVED,
            price_version=prepared.price.version,
        ),
    )
    return video, work


def _put_on_record(
    services: Services, video: Video, work: Work, prepared: Prepared, *, replayed: bool
) -> Admitted:
    # first the row of work: by it the sweep finds what a try leaves behind when it dies
    try:
        stored = services.work.insert(work)
    except RowExists:
        existing = services.work.get(video.id)
        if existing is None:
            raise _not_in_time() from None
        stored = existing
        # an estimate that was learned may have changed since the first try
        work = replace(work, reserved=stored.reserved)
        video = replace(video, cost=replace(video.cost, estimated=stored.reserved))
    if phase(stored) is Phase.ADMITTING:
        _reserve(services, video, work, prepared.price)
        inputs.store(services, video.id, prepared.pictures)
        with suppress(RowExists):  # another try of this request was first
            services.videos.insert(video)
        announce.queued(services, video)
        try:
            stored = services.work.replace(replace(stored, admitted=True))
        except RowChanged:
            return _admitted(
                services, video, _overtaken(services, video, work).epoch, replayed=replayed
            )
    emit(
        Event.VIDEO_ACCEPTED,
        video_id=video.id,
        caller=video.caller,
        model=video.request.model,
        size=video.request.size,
        seconds=video.request.seconds,
        variants=video.request.variants,
        reserved_micro_usd=work.reserved,
    )
    return _admitted(services, video, stored.epoch, replayed=replayed)


def _reserve(services: Services, video: Video, work: Work, price: Price) -> None:
    """Book the reservation, under every ceiling. Raises LimitReached and leaves nothing then."""
    entry = money.entry(services, work, Kind.RESERVE, work.reserved, "admitted", price=price)
    try:
        booked = services.ledger.write(
            entry,
            ceilings.of(services, video.caller, work.day),
            ceilings.caller_limits(services, video.caller),
        )
    except OverLimit as refusal:
        _leave_nothing(services, video, work, entry)
        raise ceilings.refused(refusal, work.day) from None
    if not booked and not services.ledger.is_reserved(entry):
        raise _not_in_time()  # the sweep has undone the first try of this request


def _leave_nothing(services: Services, video: Video, work: Work, entry: Entry) -> None:
    """Undo what a refused request wrote, unless another try of it was admitted meanwhile."""
    stored = services.work.get(video.id)
    if stored is None or phase(stored) is not Phase.ADMITTING:
        return
    if services.ledger.is_reserved(entry):
        return
    with suppress(RowChanged):
        services.work.delete(stored)
        if work.claim:
            services.idempotency.forget(video.caller, work.claim, video.id)
        if video.request.inputs:
            inputs.drop(services, video.id)


def _overtaken(services: Services, video: Video, work: Work) -> Work:
    """The row after another try of the same request, or the sweep, has changed it. Raises
    Unavailable where the sweep took this try for dead and has undone it."""
    stored = services.work.get(video.id)
    if stored is not None:
        return stored
    services.videos.delete(video.caller, video.id)
    if video.request.inputs:
        inputs.drop(services, video.id)
    services.outbox.forget(video.id, pending=True)
    # the sweep may have looked before this reservation was booked
    services.ledger.write(money.entry(services, work, Kind.RELEASE, 0, ADMISSION_UNDONE))
    raise _not_in_time()


def _not_in_time() -> Unavailable:
    return Unavailable("The request was not admitted in time; nothing was charged.")


def _admitted(services: Services, video: Video, epoch: int, *, replayed: bool) -> Admitted:
    started = payload(services, video.id, video.caller, epoch)
    return Admitted(video, instance_id(video.id, epoch), started, replayed)


def payload(services: Services, video_id: str, caller: str, epoch: int) -> GenerateVideo:
    """The input of the orchestration that works on a video."""
    return {
        "v": PAYLOAD_VERSION,
        "video_id": video_id,
        "caller": caller,
        "epoch": epoch,
        "scale": services.settings.durations.scale,
    }
