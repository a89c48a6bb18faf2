"""Every way in which a video ends: what its caller reads, and what the ledger gets.

One function for each row of the design's table 'Endings'. `Verdict.rescuable` says whether an ended
video may still complete, `may_still_turn_up` whether its job may still run.
"""

from collections.abc import Sequence

from shared.domain.errors import Failure
from shared.domain.job import Fault, JobState, JobStatus
from shared.domain.ledger import Kind
from shared.domain.money import Price
from shared.domain.verdict import Verdict
from shared.domain.video import Stage, Status, Video
from shared.domain.work import Work

_REPORTED = "upstream_reported"
_CHARGED = {Kind.SETTLE: True, Kind.RELEASE: False, Kind.UNKNOWN: None}


def completed(
    work: Work, video: Video, lengths: Sequence[float | None], price: Price | None
) -> Verdict:
    """All outputs are stored; `lengths` are in seconds, None where a file does not say."""
    seconds = billed_seconds(video, lengths)
    amount, basis = _spent(
        work, video, price, seconds, len(lengths), basis=_measure(work, video, lengths, price)
    )
    return Verdict(
        status=Status.COMPLETED,
        money=Kind.SETTLE,
        amount=amount,
        basis=basis,
    )


def queue_timeout(outages: Sequence[str]) -> Verdict:
    """The video waited too long for its turn; `outages` say what its deployments do."""
    return _failed(
        "queue_timeout",
        "The video waited longer than QUEUE_DEADLINE_HOURS for its turn and was never submitted."
        + (f" {'; '.join(outages)}." if outages else ""),
        stage=Stage.WAITING_FOR_QUOTA,
        retryable=True,
        money=Kind.RELEASE,
        basis="never_submitted",
    )


def no_deployment(reason: str) -> Verdict:
    """No deployment will ever take the video."""
    return _failed(
        "no_deployment",
        f"No deployment can render this any more: {reason}.",
        stage=Stage.WAITING_FOR_QUOTA,
        retryable=False,
        money=Kind.RELEASE,
        basis="never_submitted",
    )


def input_missing() -> Verdict:
    """A file of the request was gone from storage before it could be sent."""
    return _failed(
        "input_missing",
        "A file of the request was not in storage any more when its turn came. "
        "Send the request again.",
        stage=Stage.SUBMITTING,
        retryable=True,
        money=Kind.RELEASE,
        basis="never_submitted",
    )


def refused(message: str, *, moderated: bool = False) -> Verdict:
    """The upstream refuses the request: nothing was created."""
    return _failed(
        "moderation_blocked" if moderated else "refused",
        message,
        stage=Stage.SUBMITTING,
        retryable=False,
        money=Kind.RELEASE,
        basis="refused_not_created",
    )


def never_accepted(work: Work) -> Verdict:
    """No submission created a job, and the upstream's list proves it."""
    return _failed(
        "upstream_failed",
        f"The upstream accepted none of {work.posts} submissions; it has no job of this video.",
        stage=Stage.SUBMITTING,
        retryable=True,
        money=Kind.RELEASE,
        basis="absent_from_the_list_twice",
    )


def submit_unknown(work: Work, why: str) -> Verdict:
    """A job may or may not have been created: the video is never submitted again."""
    return _failed(
        "submit_unknown",
        f"The answer to the submission was lost and {why}. "
        "It may have been rendered and billed; it was not and will not be submitted again.",
        stage=Stage.SUBMITTING,
        retryable=False,
        money=Kind.UNKNOWN,
        amount=work.reserved,
        basis="answer_lost",
    )


def render_failed(work: Work, job: JobStatus, price: Price | None) -> Verdict:
    """The upstream reports a failed render; the price row's rule says whether it is charged."""
    money, amount, basis = failed_render(work, price)
    message = job.message
    if job.state is JobState.CANCELLED:
        message = "The upstream cancelled the job."
    elif job.state is JobState.SUCCEEDED:
        message = "The upstream finished the job without any output."
    moderated = job.state is JobState.FAILED and job.fault is Fault.MODERATION
    return _failed(
        "moderation_blocked" if moderated else "upstream_failed",
        message,
        stage=Stage.RENDERING,
        retryable=job.fault is not Fault.MODERATION,
        money=money,
        amount=amount,
        basis=basis,
    )


def failed_render(work: Work, price: Price | None) -> tuple[Kind, int, str]:
    """Kind, micro-USD and basis of the ledger's entry for a failed render."""
    job = work.job
    if job is not None and job.cost is not None:
        return (Kind.SETTLE if job.cost else Kind.RELEASE), job.cost, _REPORTED
    if price is None:
        return Kind.UNKNOWN, work.reserved, "price_not_configured"
    if price.failed_render == "settled":
        amount = work.reserved
        if price.unit == "gpu_second" and job is not None and job.render_seconds is not None:
            amount = price.amount(0, 0, 0, render_seconds=job.render_seconds)
        return Kind.SETTLE, amount, "failed_render_billed"
    return Kind.RELEASE, 0, "reported_failed_not_billed"


def timed_out(work: Work) -> Verdict:
    """The deadline has passed; the render, and its cost, may still turn up."""
    complaint = work.job.complaint if work.job else None
    return _failed(
        "timed_out",
        "The render was not in storage JOB_DEADLINE_MINUTES after its submission. "
        "If it turns up before the upstream deletes it, this video completes after all."
        + (f" The upstream last said: {complaint}" if complaint else ""),
        stage=Stage.COLLECTING if work.parts else Stage.RENDERING,
        retryable=True,
        money=Kind.UNKNOWN,
        amount=work.reserved,
        basis="deadline_passed",
    )


def lost(work: Work, now: float) -> Verdict:
    """The upstream no longer has the job, and its output was not collected. A job that finished or
    expired was billed; one that vanished while rendering may have been."""
    expired = work.job is not None and now >= work.job.expires_at
    if expired or work.parts:
        amount, basis = _rendered(work, "expired_uncollected" if expired else "gone_uncollected")
        return _failed(
            "lost",
            "The render was gone from the upstream before it could be collected.",
            stage=Stage.COLLECTING,
            retryable=True,
            money=Kind.SETTLE,
            amount=amount,
            basis=basis,
        )
    return _failed(
        "lost",
        "The upstream does not know its job any more, long before it should have expired.",
        stage=Stage.RENDERING,
        retryable=True,
        money=Kind.UNKNOWN,
        amount=work.reserved,
        basis="vanished_early",
    )


def bad_output(work: Work, why: str) -> Verdict:
    """The upstream repeatedly delivers something other than a whole MP4."""
    amount, basis = _rendered(work, "rendered_but_unusable")
    return _failed(
        "bad_output",
        f"The upstream delivers no usable file: {why}.",
        stage=Stage.COLLECTING,
        retryable=True,
        money=Kind.SETTLE,
        amount=amount,
        basis=basis,
    )


def cancelled(work: Work) -> Verdict:
    """The caller cancelled the video. If something was sent, the render may be billed."""
    return Verdict(
        status=Status.CANCELLED,
        money=Kind.UNKNOWN if work.sent else Kind.RELEASE,
        amount=work.reserved if work.sent else 0,
        basis="cancelled_while_rendering" if work.sent else "cancelled_before_submit",
    )


def never_created() -> Verdict:
    """The video was cancelled during its submission, which created no job."""
    return Verdict(
        status=Status.CANCELLED, money=Kind.RELEASE, amount=0, basis="cancelled_before_creation"
    )


def rendered_for_nobody(work: Work, video: Video, job: JobStatus, price: Price | None) -> Verdict:
    """A job that succeeded after its video was cancelled: billed, and not collected."""
    seconds = billed_seconds(video, [part.seconds or None for part in job.parts])
    amount, basis = _spent(
        work, video, price, seconds, len(job.parts), basis="rendered_after_cancel"
    )
    return Verdict(
        status=video.status,
        failure=video.error,
        money=Kind.SETTLE,
        amount=amount,
        basis=basis,
    )


def watch_over(work: Work) -> Verdict:
    """Nothing more can turn up for a video that has ended. A render that was seen to finish was
    billed though never collected; anything else stays unknown."""
    rendered = bool(work.parts)
    amount, basis = work.reserved, "never_learned"
    if rendered:
        amount, basis = _rendered(work, "expired_uncollected")
    return _failed(
        "lost",
        "The upstream's retention is over.",
        stage=Stage.COLLECTING if rendered else Stage.RENDERING,
        retryable=False,
        money=Kind.SETTLE if rendered else Kind.UNKNOWN,
        amount=amount,
        basis=basis,
    )


def may_still_turn_up(work: Work, verdict: Verdict) -> bool:
    """Whether the upstream job may still run, or be found, after this verdict."""
    if work.ended or not work.sent:
        return False
    return verdict.status is Status.CANCELLED or verdict.rescuable


def billed_seconds(video: Video, lengths: Sequence[float | None]) -> int:
    """The billed seconds of all outputs. Each counts with its length in whole seconds, at most the
    requested one; with the requested one if its file does not say."""
    asked = video.request.seconds
    return sum(asked if length is None else min(asked, _whole(length)) for length in lengths)


def delivery_notice(video: Video) -> str | None:
    """What its caller is told of outputs that are longer or shorter than was asked for."""
    asked = video.request.seconds
    others = {
        f"{output.seconds:.1f} s": None
        for output in video.outputs
        if output.seconds is not None and _whole(output.seconds) != asked
    }
    if not others:
        return None
    return f"The upstream delivered {', '.join(others)}; {asked} s were asked for."


def _whole(length: float) -> int:
    return max(1, round(length))


def _measure(work: Work, video: Video, lengths: Sequence[float | None], price: Price | None) -> str:
    """The basis of what a completed video costs."""
    if price is not None and price.unit == "video":
        return "delivered_videos"
    if price is not None and price.unit == "gpu_second":
        known = work.job is not None and work.job.render_seconds is not None
        return "gpu_seconds" if known else "expected_gpu_seconds"
    asked = video.request.seconds
    if any(length is None or _whole(length) > asked for length in lengths):
        return "requested_seconds"
    return "delivered_seconds"


def _spent(
    work: Work, video: Video, price: Price | None, seconds: int, outputs: int, *, basis: str
) -> tuple[int, str]:
    """Micro-USD and basis of outputs that last `seconds` together."""
    job = work.job
    if price is None or (job is not None and job.cost is not None):
        return _rendered(work, basis)
    took = None if job is None else job.render_seconds
    if price.unit == "gpu_second" and took is None:
        return work.reserved, basis
    width, height = video.request.width, video.request.height
    return price.amount(width, height, seconds, outputs, render_seconds=took or 0.0), basis


def _rendered(work: Work, basis: str) -> tuple[int, str]:
    """The cost of a finished job whose outputs nobody measured: the upstream's word, else what was
    reserved."""
    if work.job is not None and work.job.cost is not None:
        return work.job.cost, _REPORTED
    return work.reserved, basis


def _failed(
    code: str,
    message: str,
    *,
    stage: Stage,
    retryable: bool,
    money: Kind,
    amount: int = 0,
    basis: str,
) -> Verdict:
    """A video that ends without its outputs. `money` says how the ledger books `amount`: as settled
    (charged), unknown, or released (not charged)."""
    failure = Failure(
        code=code, message=message, stage=stage.value, retryable=retryable, charged=_CHARGED[money]
    )
    return Verdict(status=Status.FAILED, failure=failure, money=money, amount=amount, basis=basis)
