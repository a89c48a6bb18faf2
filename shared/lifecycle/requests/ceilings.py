"""The ceilings and the caller's limits that a reservation is counted against, and the texts of
refusals."""

from datetime import UTC, datetime, timedelta

from shared.domain import retry_after
from shared.domain.errors import LimitReached, Problem, RateLimited, TooDear
from shared.domain.ledger import Amounts, Entry, Kind
from shared.domain.limits import BATCHES_SHARE, QUOTES_A_MINUTE
from shared.domain.money import micro_usd, usd
from shared.lifecycle import money
from shared.lifecycle.requests.prepare import Prepared
from shared.lifecycle.services import Services
from shared.storage import booking
from shared.storage.booking import Ceiling, CeilingReached


def refusal(services: Services, caller: str, prepared: Prepared) -> Problem | None:
    """Why a request would be refused now, though it may be admitted another time; None where it
    would be admitted. Writes nothing."""
    try:
        check_job(services, prepared.amount)
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
    why = services.ledger.refusal(
        entry, of(services, caller, entry.day), caller_limits(services, caller)
    )
    return None if why is None else refused(why, entry.day)


def check_job(services: Services, reserved: int) -> None:
    ceiling = services.settings.max_job_usd
    if ceiling >= 0 and reserved > micro_usd(ceiling):
        raise TooDear(
            f"This video would cost ${usd(reserved)}; one video may cost at most "
            f"${usd(micro_usd(ceiling))} here (MAX_JOB_USD). That does not reset: ask for less. "
            "Nothing was charged."
        )


def check_questions(services: Services, caller: str) -> None:
    """The pace of quotes, and of requests that ask for an approval. Raises RateLimited."""
    if wait := services.quotes.take(caller):
        raise RateLimited(
            f"You may ask for {QUOTES_A_MINUTE} quotes or approvals a minute. Nothing was charged.",
            retry_after=wait,
        )


def of(services: Services, caller: str, day: str) -> list[Ceiling]:
    """The ceilings for a reservation of a caller on a day."""
    ceilings = []
    per_day = services.settings.budget_usd_per_day
    if per_day >= 0:
        ceilings.append(Ceiling("budget of the day", booking.day_total(day), micro_usd(per_day)))
    known = services.settings.caller(caller)
    if known is not None and known.budget_usd_per_month >= 0:
        limit = micro_usd(known.budget_usd_per_month)
        ceilings.append(Ceiling("your budget of the month", booking.caller_total(caller), limit))
    return ceilings


def caller_limits(
    services: Services, caller: str, *, of_batch: bool = False
) -> booking.CallerLimits | None:
    """The limits of a caller; those for the lines of its batches leave room for other requests."""
    known = services.settings.caller(caller)
    if known is None or (known.max_unfinished < 0 and known.creates_per_minute < 0):
        return None
    return booking.CallerLimits(
        max_unfinished=_share(known.max_unfinished) if of_batch else known.max_unfinished,
        creates=_share(known.creates_per_minute) if of_batch else known.creates_per_minute,
        window=services.settings.durations.minute,
        now=services.clock(),
    )


def _share(limit: int) -> int:
    """What batches may use of a limit; -1 is no limit."""
    return limit if limit < 1 else max(1, int(limit * BATCHES_SHARE))


def refused(refusal: booking.OverLimit, day: str) -> Problem:
    if isinstance(refusal, CeilingReached):
        return _limit_reached(refusal, day)
    if isinstance(refusal, booking.TooManyUnfinished):
        return RateLimited(
            f"You have {refusal.unfinished} unfinished videos; {refusal.limit} are allowed at a "
            "time (max_unfinished). Try again when one has ended. Nothing was charged.",
            code="too_many_unfinished",
            retry_after=retry_after.UNFINISHED,
        )
    assert isinstance(refusal, booking.TooFast), "there are three limits"
    return RateLimited(
        f"You may create {refusal.limit} videos a minute (creates_per_minute). "
        "Nothing was charged.",
        retry_after=refusal.retry_after,
    )


def _limit_reached(reached: CeilingReached, day: str) -> LimitReached:
    ceiling = reached.ceiling
    left = max(0, ceiling.limit - reached.committed)
    name = ceiling.name if ceiling.name.startswith("your") else f"the {ceiling.name}"
    return LimitReached(
        f"This video would cost ${usd(reached.wanted)}, and ${usd(left)} is left of "
        f"{name}, ${usd(ceiling.limit)}. It resets at {_resets_at(ceiling, day)}. "
        "Nothing was charged."
    )


def _resets_at(ceiling: Ceiling, day: str) -> str:
    """The next midnight, or the next first of the month (UTC)."""
    date = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    after = date + timedelta(days=1)
    if ceiling.total != booking.day_total(day):
        after = (date.replace(day=1) + timedelta(days=32)).replace(day=1)
    return f"{after:%Y-%m-%dT00:00:00Z}"
