"""What a request would cost and whether it would be admitted now: the checks of `admit` without its
writes."""

from collections.abc import Sequence

from shared.answers import quotes as answers
from shared.domain.errors import Problem
from shared.domain.money import usd
from shared.domain.request import VideoRequest
from shared.lifecycle import expect, money
from shared.lifecycle.background import backlog
from shared.lifecycle.requests import approvals, ceilings
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.requests.models import per_second
from shared.lifecycle.requests.prepare import prepare
from shared.lifecycle.requests.views import asked_of
from shared.lifecycle.services import Services
from shared.storage.booking import Ceiling


def quote(
    services: Services, caller: str, request: VideoRequest, sources: Sequence[Source] = ()
) -> answers.Quote:
    """The quote for a request of a caller; `sources` are its files.

    Raises InvalidRequest where it can never work, RateLimited where the caller asks too often: each
    quote may decode an image.
    """
    ceilings.check_questions(services, caller)
    prepared = prepare(services, caller, request, sources)
    request, price = prepared.request, prepared.price
    now = services.clock()
    day = money.utc_day(now)
    refusal = ceilings.refusal(services, caller, prepared) or approvals.refusal(
        services, caller, prepared.amount
    )
    expected = expect.at_admission(services, prepared.chosen[0].name, request)
    return answers.Quote(
        object="quote",
        model=request.model,
        rendered_by=request.renderer,
        asked=asked_of(request),
        size=request.size,
        seconds=str(request.seconds),
        n_variants=request.variants,
        parameters=dict(request.parameters),
        admitted=refusal is None,
        refusal=None if refusal is None else _refusal(refusal),
        cost=answers.QuotedCost(
            currency="USD",
            estimated=usd(prepared.amount),
            usd_per_second=per_second([price], request.width, request.height),
            price_version=price.version,
        ),
        ceilings=[
            _met(ceiling, services.ledger.total(day[:7], ceiling.total).committed)
            for ceiling in ceilings.of(services, caller, day)
        ],
        deployments=[upstream.name for upstream in prepared.chosen],
        queue_length=backlog.unfinished(services).waiting,
        estimated_completion_at=round(now + expected),
    )


def _refusal(refusal: Problem) -> answers.Refusal:
    return answers.Refusal(
        type=refusal.type,
        code=refusal.code,
        message=refusal.message,
        retry_after=refusal.retry_after_seconds,
    )


def _met(ceiling: Ceiling, committed: int) -> answers.Limit:
    """A ceiling for the request, with the micro-USD committed now."""
    return answers.Limit(
        name=ceiling.name,
        limit=usd(ceiling.limit),
        committed=usd(committed),
        left=usd(max(0, ceiling.limit - committed)),
    )
