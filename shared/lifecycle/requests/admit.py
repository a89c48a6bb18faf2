"""Admit a request: check it, reserve its money, and put the video on record.

The order is: idempotency, work (`admitting`), ledger, inputs, video. The sweep undoes an admission
that stops before the video, and finishes one that stops after it: then the video exists and comes
to an end whatever happens to this process. Every step can be repeated for the same video id, so a
repeated request goes on where the first one stopped.

Its row in `work` stays `admitting` until its worker joins the line. Only where the sweep or another
try of the request may have undone the admission meanwhile, a last write of that row finds out.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from shared.domain import likeness
from shared.domain.errors import InvalidRequest, Unavailable
from shared.domain.ids import created_ms
from shared.domain.ledger import Entry, Kind
from shared.domain.money import Price, usd
from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Stage, Status, Video
from shared.domain.work import Phase, Work, instance_id, phase
from shared.durable.names import GenerateVideo
from shared.lifecycle import expect, money, succession
from shared.lifecycle.background import announce
from shared.lifecycle.requests import approvals, ceilings, claims, inputs
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
SILENT_AFTER = 120.0
"""Seconds after which the sweep looks after an admission that is not finished."""
_CERTAIN_FOR = SILENT_AFTER / 2
"""Seconds for which no sweep can have touched a new row, even where clocks differ."""


@dataclass(frozen=True)
class BatchLine:
    """The batch of a line, and the micro-USD that it has set aside for it."""

    batch_id: str
    planned: int


class Dearer(Exception):
    """A line costs more than its batch has set aside: `amount` micro-USD. Nothing was written."""

    def __init__(self, amount: int) -> None:
        super().__init__(f"it costs {amount} micro-USD")
        self.amount = amount


class _BegunWithAnother(Exception):
    """An earlier try of the request found another model to render it: a successor, or the one that
    it names."""

    def __init__(self, model: str) -> None:
        super().__init__(model)
        self.model = model


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
    line: BatchLine | None = None,
    most: int | None = None,
) -> Admitted:
    """Admit a request of `caller` (`key:NAME` or `entra:OID`). `sources` are its files, in
    the order of the upstream's frames; `line` says of which batch it is a line; `most` is what it
    may cost, in micro-USD.

    Raises InvalidRequest (nothing was spent), Conflict (the key was used for another request),
    LimitReached (a ceiling), RateLimited (a limit of this caller), ApprovalRequired, Dearer, or
    Unavailable.
    """
    asked = _asked(request, repeatable, sources)
    if (made := _made_before(services, caller, repeatable, asked)) is not None:
        return made
    prepared = _prepared(services, caller, request, sources, line, most)
    approved = approvals.check(services, caller, prepared, repeatable)
    claim, replayed = claims.claimed(services, caller, prepared.request, repeatable, asked)
    if replayed and (replay := _replayed(services, caller, claim)) is not None:
        return replay
    if replayed and claims.was_deleted(services, claim):
        raise claims.video_deleted()
    video, work = _new(services, caller, prepared, claim, line, most)
    this = _Try(claim, replayed, keyed=repeatable.key is not None)
    try:
        admitted = _put_on_record(services, video, work, prepared, this)
    except _BegunWithAnother as earlier_try:
        prepared = _prepared(services, caller, request, sources, line, most, by=earlier_try.model)
        video, work = _new(services, caller, prepared, claim, line, most)
        admitted = _put_on_record(services, video, work, prepared, this)
    if approved:
        approvals.used(services, caller, repeatable, claim)
    return admitted


def repeated(
    services: Services,
    caller: str,
    request: VideoRequest,
    repeatable: Repeatable,
    sources: Sequence[Source] = (),
) -> Admitted | None:
    """The video of an earlier, equal request under the same key; None where it left none."""
    return _made_before(services, caller, repeatable, _asked(request, repeatable, sources))


def _asked(request: VideoRequest, repeatable: Repeatable, sources: Sequence[Source]) -> str:
    """What repeats are compared by: only requests with a key are."""
    return inputs.asked(request, sources) if repeatable.key is not None else ""


def _made_before(
    services: Services, caller: str, repeatable: Repeatable, asked: str
) -> Admitted | None:
    earlier = claims.earlier(services, caller, asked, repeatable)
    if earlier is None or (made := _replayed(services, caller, earlier)) is None:
        return None
    approvals.used(services, caller, repeatable, earlier)  # the first try may have died before that
    return made


def _prepared(
    services: Services,
    caller: str,
    request: VideoRequest,
    sources: Sequence[Source],
    line: BatchLine | None,
    most: int | None,
    *,
    by: str | None = None,
) -> Prepared:
    prepared = prepare(services, caller, request, sources, by=by)
    ceilings.check_job(services, prepared.amount)
    if line is not None and prepared.amount > line.planned:
        raise Dearer(prepared.amount)
    if most is not None and prepared.amount > most:
        raise InvalidRequest(
            f"This video would cost ${usd(prepared.amount)}, and max_usd allows ${usd(most)}. "
            "Nothing was charged.",
            code="above_max_usd",
            param="max_usd",
        )
    return prepared


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


def _new(
    services: Services,
    caller: str,
    prepared: Prepared,
    claim: Claim,
    line: BatchLine | None,
    most: int | None,
) -> tuple[Video, Work]:
    """The rows of a new video. They follow from the claim, so a repeat makes the same ones."""
    request, reserved = prepared.request, prepared.amount
    if most is not None:
        request = succession.within(request, most)
    created_at = created_ms(claim.video_id) / 1000
    expected = expect.at_admission(services, prepared.chosen[0].name, request)
    work = Work(
        video_id=claim.video_id,
        caller=caller,
        model=request.renderer,
        asked=request.model if request.rendered_by else None,
        epoch=_FIRST_EPOCH,
        admitted=False,
        created_at=created_at,
        heartbeat_at=services.clock(),
        queue_deadline=created_at + services.settings.durations.queue_deadline,
        deployments=tuple(upstream.name for upstream in prepared.chosen),
        day=money.utc_day(created_at),
        reserved=reserved,
        expected=expected,
        facts=likeness.facts(request),
        kind=expect.kind_of(request),
        batch=None if line is None else line.batch_id,
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


@dataclass(frozen=True)
class _Try:
    """One try of a request, and the claim that it holds: its own, or an earlier try's."""

    claim: Claim
    replayed: bool
    keyed: bool

    def may_be_forgotten(self, services: Services) -> bool:
        """Whether another try may give up the claim before this one has written anything."""
        return self.replayed or self._older(services, _CERTAIN_FOR / 2)

    def forgets(self, services: Services) -> bool:
        """Whether this one, if refused, gives up the claim: not while the try that made it may be
        about to write."""
        return not self.replayed or self._older(services, _CERTAIN_FOR)

    def _older(self, services: Services, seconds: float) -> bool:
        return services.clock() - self.claim.at > services.settings.durations.of(seconds)


def _put_on_record(
    services: Services, video: Video, work: Work, prepared: Prepared, this: _Try
) -> Admitted:
    # first the row of work: by it the sweep finds what a try leaves behind when it dies
    mine = True
    try:
        stored = services.work.insert(work)
    except RowExists:
        existing = services.work.get(video.id)
        if existing is None:
            raise _not_in_time() from None
        mine, stored = False, existing
        if phase(stored) is Phase.ADMITTING and stored.model != work.model:
            raise _BegunWithAnother(stored.model) from None
        # an estimate that was learned may have changed since the first try
        work = replace(work, reserved=stored.reserved)
        video = replace(video, cost=replace(video.cost, estimated=stored.reserved))
    else:
        _hold_claim(services, stored, this)
    if phase(stored) is Phase.ADMITTING:
        _reserve(services, video, work, prepared.price, this, mine=mine)
        inputs.store(services, video.id, prepared.pictures)
        with suppress(RowExists):  # another try of this request was first
            services.videos.insert(video)
        announce.queued(services, video)
        if not (mine and _is_certain(services, stored)):
            try:
                stored = services.work.replace(replace(stored, admitted=True))
            except RowChanged:
                stored = _overtaken(services, video, work)
                return _admitted(services, video, stored.epoch, replayed=this.replayed)
    emit(
        Event.VIDEO_ACCEPTED,
        video_id=video.id,
        caller=video.caller,
        model=video.request.model,
        rendered_by=video.request.renderer,
        size=video.request.size,
        seconds=video.request.seconds,
        variants=video.request.variants,
        reserved_micro_usd=work.reserved,
    )
    return _admitted(services, video, stored.epoch, replayed=this.replayed)


def _hold_claim(services: Services, stored: Work, this: _Try) -> None:
    """Keep the claim of a video that is being admitted from a try that was refused before it and
    is about to give it up: a repeat would make a second video."""
    if not this.may_be_forgotten(services):
        return
    held = services.idempotency.renew(stored.caller, this.claim)
    if not held and this.keyed:  # else the last of several is remembered
        with suppress(RowChanged):
            services.work.delete(stored)
        raise _not_in_time()


def _is_certain(services: Services, stored: Work) -> bool:
    """Whether nobody can have undone an admission whose video is on record now: the sweep looks
    for the video first, and not before the row is older than this. Only whoever wrote the row
    deletes it when it is refused."""
    age = services.clock() - stored.heartbeat_at
    return 0 <= age < services.settings.durations.of(_CERTAIN_FOR)


def _reserve(
    services: Services, video: Video, work: Work, price: Price, this: _Try, *, mine: bool
) -> None:
    """Book the reservation, under every ceiling. Raises LimitReached, and leaves nothing then if
    the row of work is `mine`."""
    entry = money.entry(services, work, Kind.RESERVE, work.reserved, "admitted", price=price)
    try:
        booked = services.ledger.write(
            entry,
            ceilings.of(services, video.caller, work.day),
            ceilings.caller_limits(services, video.caller, of_batch=work.batch is not None),
        )
    except OverLimit as refusal:
        if mine:
            _leave_nothing(services, video, this, entry)
        raise ceilings.refused(refusal, work.day) from None
    if not booked and not services.ledger.is_reserved(entry):
        raise _not_in_time()  # the sweep has undone the first try of this request


def _leave_nothing(services: Services, video: Video, this: _Try, entry: Entry) -> None:
    """Undo what a refused request wrote, unless another try of it was admitted meanwhile."""
    forget = services.idempotency.to_forget(video.caller, this.claim.key, video.id)
    stored = services.work.get(video.id)
    if stored is None or phase(stored) is not Phase.ADMITTING:
        return
    if services.ledger.is_reserved(entry):
        return
    with suppress(RowChanged):
        services.work.delete(stored)
        if this.forgets(services):
            forget()
        if video.request.inputs:
            inputs.drop(services, video.id)


def _overtaken(services: Services, video: Video, work: Work) -> Work:
    """The row after another try of the same request, or the sweep, has changed it. Raises
    Unavailable where the admission was undone: by the sweep, which took this try for dead, or by
    the first try, which was refused."""
    stored = services.work.get(video.id)
    if stored is not None:
        return stored
    shown = services.videos.get(video.caller, video.id)
    if shown is not None and shown.video.terminal:
        return work  # it was not undone: the video has ended meanwhile
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
