"""Admit a request: check it, reserve its money, and put the video on record.

The order is: idempotency, inputs, work (`admitting`), ledger, video, work (`waiting`). Until the
last step nobody was promised anything, and the sweep undoes or finishes what stops in between;
after it the video exists and will come to an end whatever happens to this process. Every step can
be repeated for the same video id, so a repeated request goes on where the first one stopped.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from shared.domain import capabilities, retry_after
from shared.domain.errors import (
    Conflict,
    InvalidRequest,
    LimitReached,
    Problem,
    RateLimited,
    Unavailable,
)
from shared.domain.ids import created_ms, new_video_id
from shared.domain.ledger import Amounts, Entry, Kind
from shared.domain.limits import KEYS_KEPT, REPEATS_KNOWN
from shared.domain.media.pictures import Picture
from shared.domain.money import Price, micro_usd, usd
from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Stage, Status, Video
from shared.domain.work import Work, WorkStage, instance_id
from shared.durable.names import GenerateVideo
from shared.lifecycle import expect, money
from shared.lifecycle.background import announce
from shared.lifecycle.requests import inputs
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import PAYLOAD_VERSION
from shared.settings.upstreams import Upstream
from shared.storage.idempotency import Claim, by_key, by_request
from shared.storage.ledger import (
    CallerLimits,
    Ceiling,
    CeilingReached,
    Refusal,
    TooFast,
    TooManyUnfinished,
    caller_total,
    day_total,
)
from shared.storage.rows import RowChanged, RowExists
from shared.telemetry.events import Event, emit

ADMISSION_UNDONE = "admission_undone"
"""The ledger's basis where the sweep gave back what an unfinished admission had reserved."""
_FIRST_EPOCH = 1


@dataclass(frozen=True)
class Repeatable:
    """How a request can be told to be the same as an earlier one.

    `key` is the caller's `Idempotency-Key`; without one, `repeated` says that the client's library
    declares this to be a repeat (`x-stainless-retry-count` of 1 or more). `kept` (seconds at scale
    1) is for keys that stand for their content, like an event's id: they are known for that long,
    and what comes under one of them is not compared.
    """

    route: str = "videos"
    key: str | None = None
    repeated: bool = False
    kept: float | None = None


@dataclass(frozen=True)
class Admitted:
    """A video on record, and the orchestration that is to be started for it. `replayed` when an
    earlier request made it."""

    video: Video
    instance: str
    payload: GenerateVideo
    replayed: bool = False


@dataclass(frozen=True)
class Prepared:
    """A request that can work: its files made to fit, where it can go, and what is reserved for it
    (micro-USD, by the highest price: who will render it is not known yet)."""

    request: VideoRequest
    pictures: tuple[Picture, ...]
    chosen: list[Upstream]
    price: Price
    amount: int


def admit(
    services: Services,
    caller: str,
    request: VideoRequest,
    repeatable: Repeatable = Repeatable(),  # immutable
    sources: Sequence[Source] = (),
) -> Admitted:
    """Take on a request of `caller` (`key:NAME` or `entra:OID`). `sources` are the files that it
    brings, in the order of the upstream's frames.

    Raises InvalidRequest (nothing was spent), Conflict (the key was used for another request),
    LimitReached (a ceiling), RateLimited (a limit of this caller), or Unavailable.
    """
    # only requests with a key are compared by it
    asked = inputs.asked(request, sources) if repeatable.key is not None else ""
    known = _known(services, caller, asked, repeatable)
    if known is not None and (replay := _replayed(services, caller, known)) is not None:
        return replay
    prepared = prepare(services, caller, request, sources)
    request, price = prepared.request, prepared.price
    _check_job_ceiling(services, prepared.amount)
    claim, replayed = _claim(services, caller, request, repeatable, asked)
    if replayed and (replay := _replayed(services, caller, claim)) is not None:
        return replay
    if replayed and _was_deleted(services, claim):
        raise Conflict(
            "The video of this request was deleted; use a new Idempotency-Key to make another.",
            code="video_deleted",
        )
    video, work = _new(services, caller, request, prepared.chosen, price, claim)
    return _put_on_record(services, video, work, prepared, replayed=replayed)


def prepare(
    services: Services, caller: str, request: VideoRequest, sources: Sequence[Source]
) -> Prepared:
    """What is known of a request before anything is spent or written. Raises InvalidRequest where
    it can never work."""
    _check_webhook(services, caller, request)
    request, files = inputs.gather(services, request, sources)
    chosen = _deployments(services, request)
    ready = inputs.fit(request, files, max(each.can.input_video_seconds for each in chosen))
    price = max((upstream.price for upstream in chosen), key=lambda price: _amount(price, request))
    return Prepared(request, ready, chosen, price, _amount(price, request))


def refusal(services: Services, caller: str, prepared: Prepared) -> Problem | None:
    """Why a request would be refused now although it may be taken another time, if it would;
    nothing is written."""
    try:
        _check_job_ceiling(services, prepared.amount)
    except LimitReached as too_dear:
        return too_dear
    now = services.clock()
    entry = Entry(
        video_id="",
        caller=caller,
        model=prepared.request.model,
        deployment=None,
        day=money.utc_day(now),
        attempt=1,
        kind=Kind.RESERVE,
        amount=prepared.amount,
        change=Amounts(),
        price_version=prepared.price.version,
        basis="quoted",
        at=int(now),
    )
    refused = services.ledger.refusal(
        entry, ceilings(services, caller, entry.day), _caller_limits(services, caller)
    )
    return None if refused is None else _refused(refused, entry.day)


def _was_deleted(services: Services, claim: Claim) -> bool:
    """Whether a video was on record and is no more: its ledger outlives it."""
    left = services.work.get(claim.video_id)
    if left is not None:
        return left.deleted
    month = money.utc_day(created_ms(claim.video_id) / 1000)[:7]
    bases = {entry.basis for entry in services.ledger.entries(month, claim.video_id)}
    return bool(bases) and ADMISSION_UNDONE not in bases


def _known(services: Services, caller: str, asked: str, repeatable: Repeatable) -> Claim | None:
    """The claim of an earlier request under the same key that asked for the same: known before its
    files are fetched and decoded, and whatever has become of models, prices and ceilings since."""
    if repeatable.key is None:
        return None
    found = services.idempotency.get(caller, by_key(repeatable.route, repeatable.key))
    if found is None or found.asked != asked:
        return None
    return found if services.clock() - found.at <= _kept(services, repeatable) else None


def _kept(services: Services, repeatable: Repeatable) -> float:
    """For how long a key is remembered, in seconds."""
    return services.settings.durations.of(repeatable.kept or KEYS_KEPT)


def _replayed(services: Services, caller: str, claim: Claim) -> Admitted | None:
    """What an earlier request has become; None where it left no video."""
    found = services.videos.get(caller, claim.video_id)
    if found is None:
        return None
    left = services.work.get(claim.video_id)
    if left is not None and left.stage is WorkStage.ADMITTING:
        announce.queued(services, found.video)  # the first try may have died before that
    epoch = left.epoch if left else _FIRST_EPOCH
    return _admitted(services, found.video, epoch, replayed=True)


def _claim(
    services: Services, caller: str, request: VideoRequest, repeatable: Repeatable, asked: str
) -> tuple[Claim, bool]:
    """The video id of a request, and whether an earlier request claimed it."""
    now, durations = services.clock(), services.settings.durations
    digest = request.digest()
    video_id = new_video_id(int(now * 1000), os.urandom(10))
    if repeatable.key is None:
        claim = Claim(by_request(repeatable.route, digest), video_id, digest, now)
        known = services.idempotency.get(caller, claim.key) if repeatable.repeated else None
        if known is not None and now - known.at < durations.of(REPEATS_KNOWN):
            return known, True
        # of several at once the last one is remembered, and each makes its own video
        services.idempotency.replace(caller, claim)
        return claim, False
    claim = Claim(by_key(repeatable.route, repeatable.key), video_id, digest, now, asked)
    standing = services.idempotency.claim(caller, claim)
    if standing.video_id == claim.video_id:
        return claim, False
    if now - standing.at > _kept(services, repeatable) and not services.work.get(standing.video_id):
        return services.idempotency.replace(caller, claim), False
    if standing.digest != digest and repeatable.kept is None:
        raise Conflict(
            "This Idempotency-Key was used for a different request; use a new key for a new one.",
            code="idempotency_key_reused",
        )
    return standing, True


def _new(
    services: Services,
    caller: str,
    request: VideoRequest,
    chosen: list[Upstream],
    price: Price,
    claim: Claim,
) -> tuple[Video, Work]:
    """The rows of a new video. They follow from the claim, so a repeat makes the same ones."""
    durations = services.settings.durations
    created_at = created_ms(claim.video_id) / 1000
    reserved = _amount(price, request)
    expected = expect.at_admission(services, chosen[0].name, request)
    work = Work(
        video_id=claim.video_id,
        caller=caller,
        model=request.model,
        epoch=_FIRST_EPOCH,
        stage=WorkStage.ADMITTING,
        created_at=created_at,
        heartbeat_at=services.clock(),
        queue_deadline=created_at + durations.queue_deadline,
        deployments=tuple(upstream.name for upstream in chosen),
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
            price_version=price.version,
        ),
    )
    return video, work


def _put_on_record(
    services: Services, video: Video, work: Work, prepared: Prepared, *, replayed: bool
) -> Admitted:
    # first the row of work, by which the sweep finds whatever a try that dies leaves behind
    try:
        stored = services.work.insert(work)
    except RowExists:
        found = services.work.get(video.id)
        if found is None:
            raise _not_in_time() from None
        stored = found
    if stored.stage is WorkStage.ADMITTING:
        _reserve(services, video, work, prepared.price)
        inputs.store(services, video.id, prepared.pictures)
        with suppress(RowExists):  # the other one of two simultaneous requests was first
            services.videos.insert(video)
        announce.queued(services, video)
        try:
            stored = services.work.replace(replace(stored, stage=WorkStage.WAITING))
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
    """Book the reservation, under every ceiling. Raises LimitReached; then nothing is left."""
    entry = money.entry(services, work, Kind.RESERVE, work.reserved, "admitted", price=price)
    try:
        booked = services.ledger.write(
            entry,
            ceilings(services, video.caller, work.day),
            _caller_limits(services, video.caller),
        )
    except Refusal as refusal:
        _leave_nothing(services, video, work, entry)
        raise _refused(refusal, work.day) from None
    if not booked and not services.ledger.is_reserved(entry):
        raise _not_in_time()  # the sweep has undone the first try of this request


def _leave_nothing(services: Services, video: Video, work: Work, entry: Entry) -> None:
    """Undo what a refused request wrote, unless another try of it was admitted meanwhile."""
    found = services.work.get(video.id)
    if found is None or found.stage is not WorkStage.ADMITTING:
        return
    if services.ledger.is_reserved(entry):
        return
    with suppress(RowChanged):
        services.work.delete(found)
        if work.claim:
            services.idempotency.forget(video.caller, work.claim, video.id)
        if video.request.inputs:
            inputs.drop(services, video.id)


def _overtaken(services: Services, video: Video, work: Work) -> Work:
    """Somebody else changed the row: another try of the same request, or the sweep, which takes
    this one for dead and finishes it or has undone it."""
    left = services.work.get(video.id)
    if left is not None:
        return left
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


def _deployments(services: Services, request: VideoRequest) -> list[Upstream]:
    """The deployments that can render a request; InvalidRequest with the reason if none can."""
    offering = services.settings.offering(request.model)
    if request.remix is not None:
        offering = [each for each in offering if each.name == request.remix.deployment]
    if not offering:
        models = sorted({upstream.model for upstream in services.settings.upstreams})
        raise InvalidRequest(
            f"model {request.model!r} is not offered here. Offered: {', '.join(models)}.",
            param="model",
            code="model_not_found",
        )
    chosen: list[Upstream] = []
    problem: Problem | None = None
    for upstream in offering:
        try:
            capabilities.check(request, upstream.can)
            chosen.append(upstream)
        except InvalidRequest as found:
            problem = problem or found
    if not chosen:
        assert problem is not None, "every deployment said why not"
        raise problem
    return chosen


def _check_webhook(services: Services, caller: str, request: VideoRequest) -> None:
    offered = [webhook.name for webhook in services.settings.webhooks_of(caller)]
    if request.webhook is not None and request.webhook not in offered:
        known = f"Yours: {', '.join(offered)}." if offered else "There is none for you."
        raise InvalidRequest(
            f"webhook {request.webhook!r} is not an endpoint that you may name. {known}",
            param="webhook",
        )


def _amount(price: Price, request: VideoRequest) -> int:
    return price.amount(request.width, request.height, request.seconds, request.variants)


def _check_job_ceiling(services: Services, reserved: int) -> None:
    ceiling = services.settings.max_job_usd
    if ceiling >= 0 and reserved > micro_usd(ceiling):
        raise LimitReached(
            f"This video would cost ${usd(reserved)}; one video may cost at most "
            f"${usd(micro_usd(ceiling))} here (MAX_JOB_USD). That does not reset: ask for less. "
            "Nothing was charged.",
            code="insufficient_quota",
        )


def ceilings(services: Services, caller: str, day: str) -> list[Ceiling]:
    """What a reservation of a caller on a day is counted against."""
    found = []
    per_day = services.settings.budget_usd_per_day
    if per_day >= 0:
        found.append(Ceiling("budget of the day", day_total(day), micro_usd(per_day)))
    known = services.settings.caller(caller)
    if known is not None and known.budget_usd_per_month >= 0:
        limit = micro_usd(known.budget_usd_per_month)
        found.append(Ceiling("your budget of the month", caller_total(caller), limit))
    return found


def _caller_limits(services: Services, caller: str) -> CallerLimits | None:
    known = services.settings.caller(caller)
    if known is None or (known.max_unfinished < 0 and known.creates_per_minute < 0):
        return None
    return CallerLimits(
        max_unfinished=known.max_unfinished,
        creates=known.creates_per_minute,
        window=services.settings.durations.minute,
        now=services.clock(),
    )


def _refused(refusal: Refusal, day: str) -> Problem:
    if isinstance(refusal, CeilingReached):
        return _limit_reached(refusal, day)
    if isinstance(refusal, TooManyUnfinished):
        return RateLimited(
            f"You have {refusal.unfinished} unfinished videos; {refusal.limit} are allowed at a "
            "time (max_unfinished). Try again when one has ended. Nothing was charged.",
            code="too_many_unfinished",
            retry_after=retry_after.UNFINISHED,
        )
    assert isinstance(refusal, TooFast), "there are three limits"
    return RateLimited(
        f"You may create {refusal.limit} videos a minute (creates_per_minute). "
        "Nothing was charged.",
        code="rate_limit_exceeded",
        retry_after=refusal.retry_after,
    )


def _limit_reached(reached: CeilingReached, day: str) -> LimitReached:
    ceiling = reached.ceiling
    left = max(0, ceiling.limit - reached.committed)
    name = ceiling.name if ceiling.name.startswith("your") else f"the {ceiling.name}"
    return LimitReached(
        f"This video would cost ${usd(reached.wanted)}, and ${usd(left)} is left of "
        f"{name}, ${usd(ceiling.limit)}. It resets at {_resets_at(ceiling, day)}. "
        "Nothing was charged.",
        code="insufficient_quota",
    )


def _resets_at(ceiling: Ceiling, day: str) -> str:
    """When a total begins anew: the next midnight, or the next first of the month (UTC)."""
    date = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    after = date + timedelta(days=1)
    if ceiling.total != day_total(day):
        after = (date.replace(day=1) + timedelta(days=32)).replace(day=1)
    return f"{after:%Y-%m-%dT00:00:00Z}"
