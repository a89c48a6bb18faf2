"""The ledger entries of a video. `domain.endings` decides what an ending costs."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from shared.domain import endings
from shared.domain.ids import created_ms
from shared.domain.ledger import Amounts, Entry, Kind, LedgerError
from shared.domain.money import Price
from shared.domain.work import Move, Work
from shared.lifecycle.services import Services

MOVED = "moved_to_successor"
"""The basis of the entries by which a video's money moves to the successor of its model."""


def utc_day(now: float) -> str:
    """The UTC day of a time, as `YYYY-MM-DD`."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def entries_of(services: Services, video_id: str) -> list[Entry]:
    """All ledger entries of a video: its id tells the month in which they are."""
    return services.ledger.entries(utc_day(created_ms(video_id) / 1000)[:7], video_id)


def price_of(services: Services, work: Work) -> Price | None:
    """The price row of the deployment that rendered a video, if it is still configured."""
    upstream = services.settings.upstream(work.deployment or "")
    return None if upstream is None else upstream.price


def release_unused(services: Services, work: Work) -> None:
    """Release the reservation for a second render that was not made: the worker that reserved it
    may have died, or lost to a cancellation, before it recorded that."""
    if work.job is None:
        return  # there was no first one
    price = price_of(services, work)
    told = work.job.cost is not None
    if not told and price is not None and price.failed_render != "settled":
        return  # a second render shares the reservation
    with suppress(LedgerError):  # nothing was reserved: the usual case
        services.ledger.write(
            entry(services, work, Kind.RELEASE, 0, "not_rendered_again", billing=work.billing + 1)
        )


def spent_before(services: Services, work: Work) -> tuple[int, str]:
    """Micro-USD that earlier renders of a video have cost, which failed, were charged and were made
    once more; and the basis of the last of them."""
    if work.billing == 1:
        return 0, ""
    settled = [
        each
        for each in entries_of(services, work.video_id)
        if each.kind is Kind.SETTLE and each.attempt < work.billing
    ]
    return sum(each.amount for each in settled), settled[-1].basis if settled else ""


def exchange(services: Services, work: Work, move: Move) -> tuple[Entry, Entry]:
    """The entries of a move: the release of what is reserved, and what is reserved instead, in a
    billing of its own."""
    release = entry(services, work, Kind.RELEASE, 0, MOVED)
    reserve = entry(services, work, Kind.RESERVE, move.reserved, MOVED, billing=work.billing + 1)
    return release, replace(reserve, rendered_by=move.model, price_version=move.price_version)


def release_move(services: Services, work: Work) -> None:
    """Release what a move reserved whose video ends before it was carried out. After its own entry,
    which closes the old billing: so nobody can reserve for the move any more."""
    if work.move is None:
        return
    _, reserve = exchange(services, work, work.move)
    with suppress(LedgerError):  # nothing was reserved
        services.ledger.write(replace(reserve, kind=Kind.RELEASE, amount=0, basis="not_moved"))


def entry(
    services: Services,
    work: Work,
    kind: Kind,
    amount: int,
    basis: str,
    *,
    billing: int | None = None,
    price: Price | None = None,
    seconds: int = 0,
) -> Entry:
    """A ledger entry of a video, booked on the day of its admission."""
    price = price or price_of(services, work)
    return Entry(
        video_id=work.video_id,
        caller=work.caller,
        model=work.asked_model,
        rendered_by=None if work.asked is None else work.model,
        deployment=work.deployment,
        batch=work.batch,
        day=work.day,
        attempt=billing or work.billing,
        kind=kind,
        amount=amount,
        change=Amounts(),
        price_version=price.version if price else "unknown",
        basis=basis,
        at=int(services.clock()),
        seconds=seconds,
    )


def book_failed_render(services: Services, work: Work) -> int:
    """Book a failed render that is made again; the ledger attempt of the next one.

    Where failed renders cost nothing, the reservation carries over. Where they are billed, this one
    is settled and the next one reserved, above every ceiling if need be: the video was admitted,
    and stopping here would waste what it has cost.
    """
    kind, amount, basis = endings.failed_render(work, price_of(services, work))
    if kind is Kind.RELEASE:
        return work.billing
    services.ledger.write(entry(services, work, kind, amount, basis))
    again = work.billing + 1
    services.ledger.write(
        entry(services, work, Kind.RESERVE, work.reserved, "rendered_again", billing=again)
    )
    return again
