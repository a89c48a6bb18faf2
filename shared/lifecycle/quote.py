"""What a request would cost and whether it would be admitted now: everything that `admit` checks,
and nothing that it writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import Problem
from shared.domain.money import Price
from shared.domain.polling import expected_render_seconds
from shared.domain.request import VideoRequest
from shared.domain.work import WorkStage
from shared.lifecycle import admit, inputs, money
from shared.lifecycle.inputs import Source
from shared.lifecycle.services import Services
from shared.storage.ledger import Ceiling, CeilingReached


@dataclass(frozen=True)
class Met:
    """A ceiling that the request would meet, and the micro-USD that count against it now."""

    ceiling: Ceiling
    committed: int


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a create of the same request would do now; amounts are micro-USD."""

    request: VideoRequest
    price: Price
    amount: int
    deployments: tuple[str, ...]
    met: tuple[Met, ...]
    refusal: Problem | None
    """Why it would be refused now, though it may be admitted another time."""
    waiting: int
    """Videos in line."""
    completion_at: int
    """Unix seconds, if it had not to wait."""


def quote(
    services: Services, caller: str, request: VideoRequest, sources: Sequence[Source] = ()
) -> Quote:
    """The quote for a request of a caller; `sources` are the files that it brings.

    Raises InvalidRequest where it can never work.
    """
    request, files = inputs.gather(services, request, sources)
    chosen = admit._deployments(services, request)
    inputs.fit(request, files, max(each.can.input_video_seconds for each in chosen))
    price = max((each.price for each in chosen), key=lambda row: admit._amount(row, request))
    amount = admit._amount(price, request)
    now = services.clock()
    day = money.utc_day(now)
    met = tuple(
        Met(ceiling, services.ledger.total(day[:7], ceiling.total).committed)
        for ceiling in admit._ceilings(services, caller, day)
    )
    expected = services.settings.durations.of(
        expected_render_seconds(request.width, request.height, request.seconds)
    )
    stages = services.work.stages()
    return Quote(
        request=request,
        price=price,
        amount=amount,
        deployments=tuple(upstream.name for upstream in chosen),
        met=met,
        refusal=_refusal(services, amount, met, day),
        waiting=sum(1 for stage, _ in stages if stage is WorkStage.WAITING),
        completion_at=round(now + expected),
    )


def _refusal(services: Services, amount: int, met: tuple[Met, ...], day: str) -> Problem | None:
    """The first refusal that a create would meet, in the order in which it looks."""
    try:
        admit._check_job_ceiling(services, amount)
    except Problem as refused:
        return refused
    for each in met:
        if each.committed + amount > each.ceiling.limit:
            return admit._limit_reached(CeilingReached(each.ceiling, each.committed, amount), day)
    return None
