"""Deciding how a video ends: written down first, carried out afterwards (see `settle`)."""

from dataclasses import replace

from shared.domain.errors import Failure
from shared.domain.ledger import Kind
from shared.domain.video import Stage, Status
from shared.domain.work import Verdict, Work, WorkStage
from shared.durable.names import Hint
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import Done, change, done
from shared.telemetry.events import Event, emit

_CHARGED = {Kind.SETTLE: True, Kind.RELEASE: False, Kind.UNKNOWN: None}


def failed(
    code: str,
    message: str,
    *,
    stage: Stage,
    retryable: bool,
    money: Kind,
    amount: int = 0,
    basis: str,
) -> Verdict:
    """The verdict of a video that ends without its outputs. `money` is what the ledger books:
    released (not charged), settled over `amount` (charged) or unknown over `amount`."""
    failure = Failure(
        code=code,
        message=message,
        stage=stage.value,
        retryable=retryable,
        charged=_CHARGED[money],
    )
    return Verdict(status=Status.FAILED, failure=failure, money=money, amount=amount, basis=basis)


def decide(
    services: Services, work: Work, verdict: Verdict, *, hints: tuple[Hint, ...] = ()
) -> Done:
    """Write the verdict down, unless one stands already."""

    def write(current: Work) -> Work | None:
        if current.verdict is not None or current.ended != work.ended:
            return None
        return replace(current, verdict=verdict, stage=WorkStage.FINISHING)

    written = change(services, work, write)
    if written is None:
        return done("superseded", hints=hints)
    if written.verdict != verdict:  # another end came first; whoever finishes sees which
        return done("decided", hints=hints)
    say(work.video_id, verdict)
    return done("decided", hints=hints)


def say(video_id: str, verdict: Verdict) -> None:
    """Log that a verdict was written down."""
    emit(
        Event.VIDEO_DECIDED,
        video_id=video_id,
        status=verdict.status,
        code=verdict.failure.code if verdict.failure else None,
        money=verdict.money,
        amount_micro_usd=verdict.amount,
        basis=verdict.basis,
    )
