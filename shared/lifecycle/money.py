"""What each ending costs: the verdicts that book money, with the basis they are booked on."""

from contextlib import suppress
from datetime import UTC, datetime

from shared.domain.ledger import Amounts, Entry, Kind, LedgerError
from shared.domain.money import Price
from shared.domain.video import Stage, Status, Video
from shared.domain.work import Verdict, Work
from shared.lifecycle.services import Services
from shared.lifecycle.steps.verdicts import failed
from shared.upstream.protocol import Fault, JobState, JobStatus


def utc_day(now: float) -> str:
    """The UTC day of a time, as ledger and totals name it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d")


def price_of(services: Services, work: Work) -> Price | None:
    """The price row of the deployment that rendered a video, if it is still configured."""
    upstream = services.settings.upstream(work.deployment or "")
    return None if upstream is None else upstream.price


def timed_out(work: Work) -> Verdict:
    """The deadline has passed; the render may still turn up, and its cost with it."""
    return failed(
        "timed_out",
        "The render was not in storage JOB_DEADLINE_MINUTES after its submission. "
        "If it turns up before the upstream deletes it, this video completes after all.",
        stage=Stage.RENDERING if not work.parts else Stage.COLLECTING,
        retryable=True,
        money=Kind.UNKNOWN,
        amount=work.reserved,
        basis="deadline_passed",
    )


def lost(work: Work, now: float) -> Verdict:
    """The upstream does not have the job any more, and its output was not collected. What was
    rendered, or has lived out its time, was billed; what vanished while it rendered, who knows."""
    expired = work.job_expires_at is not None and now >= work.job_expires_at
    if expired or work.parts:
        return failed(
            "lost",
            "The render was gone from the upstream before it could be collected.",
            stage=Stage.COLLECTING,
            retryable=True,
            money=Kind.SETTLE,
            amount=work.reserved,
            basis="expired_uncollected" if expired else "gone_uncollected",
        )
    return failed(
        "lost",
        "The upstream does not know its job any more, long before it should have expired.",
        stage=Stage.RENDERING,
        retryable=True,
        money=Kind.UNKNOWN,
        amount=work.reserved,
        basis="vanished_early",
    )


def bad_output(work: Work, why: str) -> Verdict:
    """What the upstream delivers is not a whole MP4, however often it is asked."""
    return failed(
        "bad_output",
        f"The upstream delivers no usable file: {why}.",
        stage=Stage.COLLECTING,
        retryable=True,
        money=Kind.SETTLE,
        amount=work.reserved,
        basis="rendered_but_unusable",
    )


def watch_over(work: Work) -> Verdict:
    """Nothing more can turn up for a video that has ended. A render that was seen to finish was
    billed although nobody could fetch it; anything else stays unknown."""
    rendered = bool(work.parts)
    return failed(
        "lost",
        "The upstream's retention is over.",
        stage=Stage.COLLECTING if rendered else Stage.RENDERING,
        retryable=False,
        money=Kind.SETTLE if rendered else Kind.UNKNOWN,
        amount=work.reserved,
        basis="expired_uncollected" if rendered else "never_learned",
    )


def render_failed(services: Services, work: Work, job: JobStatus) -> Verdict:
    """The upstream reports that the render failed: charged or not by the price row's rule."""
    kind, amount, basis = _failed_render(price_of(services, work), work)
    if job.state is JobState.CANCELLED:
        code, message = "upstream_failed", "The upstream cancelled the job."
    elif job.state is JobState.SUCCEEDED:
        code, message = "upstream_failed", "The upstream finished the job without any output."
    elif job.fault is Fault.MODERATION:
        code, message = "moderation_blocked", job.message
    else:
        code, message = "upstream_failed", job.message
    return failed(
        code,
        message,
        stage=Stage.RENDERING,
        retryable=job.fault is not Fault.MODERATION,
        money=kind,
        amount=amount,
        basis=basis,
    )


def never_created() -> Verdict:
    """A video was cancelled while its submission was under way, and no job came of it."""
    return Verdict(
        status=Status.CANCELLED, money=Kind.RELEASE, amount=0, basis="cancelled_before_creation"
    )


def release_unused(services: Services, work: Work) -> None:
    """Give back what was reserved for a render that was to be made once more and was not: whoever
    reserved it may have died, or been overtaken by a cancellation, before it wrote that down."""
    price = price_of(services, work)
    if price is None or price.failed_render != "settled":
        return  # only then is a second render booked anew
    with suppress(LedgerError):  # nothing was reserved: the usual case
        services.ledger.write(
            entry(services, work, Kind.RELEASE, 0, "not_rendered_again", billing=work.billing + 1)
        )


def rendered_for_nobody(services: Services, work: Work, video: Video, job: JobStatus) -> Verdict:
    """A job that ended well after its video was cancelled: billed, and wanted by nobody."""
    price = price_of(services, work)
    seconds = sum(part.seconds or video.request.seconds for part in job.parts)
    amount = (
        work.reserved
        if price is None
        else price.amount(video.request.width, video.request.height, seconds)
    )
    return Verdict(
        status=video.status,
        failure=video.error,
        money=Kind.SETTLE,
        amount=amount,
        basis="rendered_after_cancel",
    )


def delivered(services: Services, work: Work, video: Video, seconds: list[float | None]) -> int:
    """Micro-USD for the outputs that were stored: whole seconds, never more than were asked for."""
    price = price_of(services, work)
    if price is None:
        return work.reserved
    request = video.request
    return price.amount(request.width, request.height, billed_seconds(video, seconds))


def billed_seconds(video: Video, seconds: list[float | None]) -> int:
    """The outputs' lengths as they are billed: what was asked for where a file does not tell."""
    asked = video.request.seconds
    return sum(asked if length is None else min(asked, max(1, round(length))) for length in seconds)


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
        model=work.model,
        deployment=work.deployment,
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

    Where failed renders cost nothing the reservation simply carries over. Where they are billed,
    this one is settled and the next one reserved anew, above every ceiling if need be: it was
    admitted, and stopping here would waste what it has cost.
    """
    kind, amount, basis = _failed_render(price_of(services, work), work)
    if kind is Kind.RELEASE:
        return work.billing
    services.ledger.write(entry(services, work, kind, amount, basis))
    again = work.billing + 1
    services.ledger.write(
        entry(services, work, Kind.RESERVE, work.reserved, "rendered_again", billing=again)
    )
    return again


def _failed_render(price: Price | None, work: Work) -> tuple[Kind, int, str]:
    if price is None:
        return Kind.UNKNOWN, work.reserved, "price_not_configured"
    if price.failed_render == "settled":
        return Kind.SETTLE, work.reserved, "failed_render_billed"
    return Kind.RELEASE, 0, "reported_failed_not_billed"
