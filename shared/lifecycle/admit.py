"""Admit a request: check it, reserve its money, and put the video on record.

The order is: work (`admitting`), ledger, video, work (`waiting`). Until the last step nobody was
promised anything, and the sweep undoes or finishes what stops in between; after it the video exists
and will come to an end whatever happens to this process.
"""

import os
from dataclasses import dataclass, replace

from shared.domain import capabilities
from shared.domain.errors import InvalidRequest, LimitReached, Problem, Unavailable
from shared.domain.ids import new_video_id
from shared.domain.ledger import Kind
from shared.domain.money import Price, micro_usd, usd
from shared.domain.polling import expected_render_seconds
from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Stage, Status, Video
from shared.domain.work import Work, WorkStage, instance_id
from shared.lifecycle import money
from shared.lifecycle.services import Services
from shared.lifecycle.steps import PAYLOAD_VERSION
from shared.names import GenerateVideo
from shared.settings import Upstream
from shared.storage.ledger import Ceiling, CeilingReached, caller_total, day_total
from shared.storage.rows import RowChanged
from shared.telemetry import Event, emit

_FIRST_EPOCH = 1


@dataclass(frozen=True)
class Admitted:
    """A video on record, and the orchestration that is to be started for it."""

    video: Video
    instance: str
    payload: GenerateVideo


def admit(services: Services, caller: str, request: VideoRequest) -> Admitted:
    """Take on a request of `caller` (`key:NAME` or `entra:OID`).

    Raises InvalidRequest (nothing was spent), LimitReached (a ceiling), or Unavailable.
    """
    chosen = _deployments(services, request)
    now = services.clock()
    price = max((upstream.price for upstream in chosen), key=lambda price: _amount(price, request))
    reserved = _amount(price, request)
    _check_job_ceiling(services, reserved)
    video_id = new_video_id(int(now * 1000), os.urandom(10))
    durations = services.settings.durations
    expected = durations.of(expected_render_seconds(request.width, request.height, request.seconds))
    work = Work(
        video_id=video_id,
        caller=caller,
        model=request.model,
        epoch=_FIRST_EPOCH,
        stage=WorkStage.ADMITTING,
        created_at=now,
        heartbeat_at=now,
        queue_deadline=now + durations.queue_deadline,
        deployments=tuple(upstream.name for upstream in chosen),
        day=money.utc_day(now),
        reserved=reserved,
        expected=expected,
    )
    video = Video(
        id=video_id,
        caller=caller,
        request=request,
        status=Status.QUEUED,
        stage=Stage.ACCEPTED,
        progress=0,
        created_at=int(now),
        estimated_completion_at=round(now + expected),
        cost=Cost(
            estimated=reserved,
            actual=None,
            state=CostState.RESERVED,
            price_version=price.version,
        ),
    )
    stored = services.work.insert(work)
    try:
        services.ledger.write(
            money.entry(services, work, Kind.RESERVE, reserved, "admitted", price=price),
            _ceilings(services, caller, work.day),
        )
    except CeilingReached as reached:
        services.work.delete(stored)
        raise _limit_reached(reached, work.day) from None
    services.videos.insert(video)
    try:
        work = services.work.replace(stored, replace(work, stage=WorkStage.WAITING)).work
    except RowChanged:
        work = _overtaken(services, video)
    emit(
        Event.VIDEO_ACCEPTED,
        video_id=video_id,
        caller=caller,
        model=request.model,
        size=request.size,
        seconds=request.seconds,
        variants=request.variants,
        reserved_micro_usd=reserved,
    )
    return Admitted(video, instance_id(video_id, work.epoch), payload(services, work))


def _overtaken(services: Services, video: Video) -> Work:
    """The sweep took this admission for dead: it finishes it, or has undone it."""
    left = services.work.get(video.id)
    if left is not None:
        return left.work
    services.videos.delete(video)
    raise Unavailable("The request was not admitted in time; nothing was charged.")


def payload(services: Services, work: Work) -> GenerateVideo:
    """The input of the orchestration that works on a video."""
    return {
        "v": PAYLOAD_VERSION,
        "video_id": work.video_id,
        "caller": work.caller,
        "epoch": work.epoch,
        "scale": services.settings.durations.scale,
    }


def _deployments(services: Services, request: VideoRequest) -> list[Upstream]:
    """The deployments that can render a request; InvalidRequest with the reason if none can."""
    offering = services.settings.offering(request.model)
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


def _amount(price: Price, request: VideoRequest) -> int:
    return price.amount(request.width, request.height, request.seconds, request.variants)


def _check_job_ceiling(services: Services, reserved: int) -> None:
    ceiling = services.settings.max_job_usd
    if ceiling >= 0 and reserved > micro_usd(ceiling):
        raise LimitReached(
            f"This video would cost ${usd(reserved)}; one video may cost at most "
            f"${usd(micro_usd(ceiling))} here (MAX_JOB_USD). Nothing was charged.",
            code="job_ceiling",
        )


def _ceilings(services: Services, caller: str, day: str) -> list[Ceiling]:
    ceilings = []
    per_day = services.settings.budget_usd_per_day
    if per_day >= 0:
        ceilings.append(Ceiling("budget of the day", day_total(day), micro_usd(per_day)))
    name = caller.removeprefix("key:")
    known = services.settings.callers.get(name) if caller.startswith("key:") else None
    if known is not None and known.budget_usd_per_month >= 0:
        limit = micro_usd(known.budget_usd_per_month)
        ceilings.append(Ceiling("your budget of the month", caller_total(caller), limit))
    return ceilings


def _limit_reached(reached: CeilingReached, day: str) -> LimitReached:
    ceiling = reached.ceiling
    left = max(0, ceiling.limit - reached.committed)
    return LimitReached(
        f"This video would cost ${usd(reached.wanted)}, and ${usd(left)} is left of the "
        f"{ceiling.name} (${usd(ceiling.limit)}; UTC, {day}). Nothing was charged.",
        code="insufficient_quota",
    )
