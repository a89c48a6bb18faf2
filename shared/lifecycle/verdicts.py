"""Deciding how a video ends: written down first, carried out afterwards (see `settle`)."""

from dataclasses import replace

from shared.domain.errors import Failure
from shared.domain.ledger import Kind
from shared.domain.video import Stage, Status
from shared.domain.work import Verdict, Work, WorkStage
from shared.lifecycle.services import Services
from shared.lifecycle.steps import Done, done, log
from shared.names import Hint

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

    def change(current: Work) -> Work:
        if current.verdict is not None:
            return current
        return replace(current, verdict=verdict, stage=WorkStage.FINISHING)

    stored = services.work.change(work.video_id, work.epoch, change)
    if stored is None:
        return done("superseded", hints=hints)
    log.info(
        "video_decided video_id=%s status=%s code=%s money=%s amount_micro_usd=%d basis=%s",
        work.video_id,
        verdict.status,
        verdict.failure.code if verdict.failure else None,
        verdict.money,
        verdict.amount,
        verdict.basis,
    )
    return done("decided", hints=hints)
