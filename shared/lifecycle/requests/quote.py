"""What a request would cost and whether it would be admitted now: everything that `admit` checks,
and nothing that it writes."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain.errors import Problem, RateLimited
from shared.domain.limits import QUOTES_A_MINUTE
from shared.domain.request import VideoRequest
from shared.lifecycle import expect, money
from shared.lifecycle.background import backlog
from shared.lifecycle.requests import ceilings
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.requests.prepare import Prepared, prepare
from shared.lifecycle.services import Services
from shared.storage.booking import Ceiling


@dataclass(frozen=True)
class Met:
    """A ceiling that the request would meet, and the micro-USD that count against it now."""

    ceiling: Ceiling
    committed: int


@dataclass(frozen=True, kw_only=True)
class Quote:
    """What a create of the same request would do now."""

    prepared: Prepared
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

    Raises InvalidRequest where it can never work, RateLimited where the caller asks too often: an
    image is decoded for each.
    """
    if wait := services.quotes.take(caller):
        raise RateLimited(
            f"You may ask for {QUOTES_A_MINUTE} quotes a minute. Nothing was charged.",
            retry_after=wait,
        )
    prepared = prepare(services, caller, request, sources)
    now = services.clock()
    day = money.utc_day(now)
    expected = expect.at_admission(services, prepared.chosen[0].name, prepared.request)
    return Quote(
        prepared=prepared,
        met=tuple(
            Met(ceiling, services.ledger.total(day[:7], ceiling.total).committed)
            for ceiling in ceilings.of(services, caller, day)
        ),
        refusal=ceilings.refusal(services, caller, prepared),
        waiting=backlog.unfinished(services).waiting,
        completion_at=round(now + expected),
    )
