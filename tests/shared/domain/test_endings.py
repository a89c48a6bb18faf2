"""The design's table 'Endings', row by row: what the caller reads, the money, what may follow."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.domain import endings
from shared.domain.job import Fault, JobState, JobStatus, Part
from shared.domain.ledger import Kind
from shared.domain.money import Price
from shared.domain.request import VideoRequest
from shared.domain.verdict import Verdict
from shared.domain.video import Cost, CostState, Output, Stage, Status, Video
from shared.domain.work import Attempt, Intent, Work
from tests.support.states import RUNNING, WAITING

RESERVED = WAITING.reserved
PRICE = Price(version="v", rate=100_000)
BILLED = replace(PRICE, failed_render="settled")
SENT = replace(WAITING, posts=1, attempt=Attempt(deployment="d", intent=Intent(at=10.0, by="me")))
JOB = replace(RUNNING, created_at=10.0, expires_at=1000.0, deadline=500.0)
RENDERING = replace(SENT, attempt=Attempt(deployment="d", job=JOB))
RENDERED = RENDERING.with_job(parts=(Part("job", 4),), slot_freed=True)
VIDEO = Video(
    id="video_1",
    caller="key:a",
    request=VideoRequest(model="sora-2", prompt="p", width=720, height=1280, seconds=4),
    status=Status.IN_PROGRESS,
    stage=Stage.RENDERING,
    progress=1,
    created_at=0,
    cost=Cost(estimated=RESERVED, actual=None, state=CostState.RESERVED, price_version="v"),
)


def reported(state: JobState, fault: Fault | None = None) -> JobStatus:
    return JobStatus(
        job_id="job",
        state=state,
        word="w",
        progress=None,
        created_at=None,
        expires_at=None,
        fault=fault,
        message="because",
        parts=(Part("job", 4),),
    )


@pytest.mark.parametrize(
    ("verdict", "code", "money", "amount", "retryable"),
    [
        (endings.queue_timeout([]), "queue_timeout", Kind.RELEASE, 0, True),
        (endings.no_deployment("gone"), "no_deployment", Kind.RELEASE, 0, False),
        (endings.input_missing(), "input_missing", Kind.RELEASE, 0, True),
        (endings.refused("no"), "refused", Kind.RELEASE, 0, False),
        (endings.refused("no", moderated=True), "moderation_blocked", Kind.RELEASE, 0, False),
        (endings.never_accepted(SENT), "upstream_failed", Kind.RELEASE, 0, True),
        (endings.submit_unknown(SENT, "x"), "submit_unknown", Kind.UNKNOWN, RESERVED, False),
        (endings.timed_out(RENDERING), "timed_out", Kind.UNKNOWN, RESERVED, True),
        (endings.lost(RENDERING, 20.0), "lost", Kind.UNKNOWN, RESERVED, True),
        (endings.lost(RENDERING, 1000.0), "lost", Kind.SETTLE, RESERVED, True),
        (endings.lost(RENDERED, 20.0), "lost", Kind.SETTLE, RESERVED, True),
        (endings.bad_output(RENDERED, "x"), "bad_output", Kind.SETTLE, RESERVED, True),
        (endings.watch_over(SENT), "lost", Kind.UNKNOWN, RESERVED, False),
        (endings.watch_over(RENDERED), "lost", Kind.SETTLE, RESERVED, False),
        (
            endings.render_failed(RENDERING, reported(JobState.FAILED), PRICE),
            "upstream_failed", Kind.RELEASE, 0, True,
        ),
        (
            endings.render_failed(RENDERING, reported(JobState.FAILED), BILLED),
            "upstream_failed", Kind.SETTLE, RESERVED, True,
        ),
        (
            endings.render_failed(RENDERING, reported(JobState.FAILED), None),
            "upstream_failed", Kind.UNKNOWN, RESERVED, True,
        ),
        (
            endings.render_failed(RENDERING, reported(JobState.FAILED, Fault.MODERATION), PRICE),
            "moderation_blocked", Kind.RELEASE, 0, False,
        ),
        (
            endings.render_failed(RENDERING, reported(JobState.CANCELLED), PRICE),
            "upstream_failed", Kind.RELEASE, 0, True,
        ),
    ],
)  # fmt: skip
def test_failures(verdict: Verdict, code: str, money: Kind, amount: int, retryable: bool) -> None:
    assert verdict.status is Status.FAILED
    assert verdict.failure is not None
    charged = {Kind.SETTLE: True, Kind.RELEASE: False, Kind.UNKNOWN: None}[money]
    assert (verdict.code, verdict.money, verdict.amount) == (code, money, amount)
    assert (verdict.failure.retryable, verdict.failure.charged) == (retryable, charged)
    assert verdict.rescuable == (code in ("timed_out", "submit_unknown"))
    assert Verdict.from_json(verdict.as_json()) == verdict


@pytest.mark.parametrize(
    ("work", "money", "amount"),
    [
        (WAITING, Kind.RELEASE, 0),
        (replace(WAITING, attempt=Attempt(deployment="d")), Kind.RELEASE, 0),
        (SENT, Kind.UNKNOWN, RESERVED),
        (RENDERING, Kind.UNKNOWN, RESERVED),
    ],
)
def test_cancelling_costs_nothing_until_something_was_sent(
    work: Work, money: Kind, amount: int
) -> None:
    verdict = endings.cancelled(work)
    assert (verdict.status, verdict.failure) == (Status.CANCELLED, None)
    assert (verdict.money, verdict.amount) == (money, amount)
    assert endings.may_still_turn_up(work, verdict) is work.sent
    assert not endings.may_still_turn_up(replace(work, ended=True), verdict)


@pytest.mark.parametrize(
    ("lengths", "amount", "basis"),
    [
        ([4.0], 400_000, "delivered_seconds"),
        ([2.6], 300_000, "delivered_seconds"),
        ([9.0], 400_000, "requested_seconds"),  # never more than was asked for
        ([0.2], 100_000, "delivered_seconds"),
        ([None], 400_000, "requested_seconds"),
        ([4.0, 2.0], 600_000, "delivered_seconds"),
    ],
)
def test_a_completed_video_is_settled_by_its_outputs(
    lengths: list[float | None], amount: int, basis: str
) -> None:
    verdict = endings.completed(RENDERED, VIDEO, lengths, PRICE)
    assert (verdict.status, verdict.money) == (Status.COMPLETED, Kind.SETTLE)
    assert (verdict.amount, verdict.basis) == (amount, basis)
    assert endings.completed(RENDERED, VIDEO, lengths, None).amount == RESERVED


def test_a_render_that_nobody_wants_any_more_is_billed_and_changes_no_status() -> None:
    cancelled = replace(VIDEO, status=Status.CANCELLED, stage=None)
    job = reported(JobState.SUCCEEDED)
    verdict = endings.rendered_for_nobody(RENDERING, cancelled, job, PRICE)
    assert (verdict.status, verdict.money, verdict.amount) == (
        Status.CANCELLED,
        Kind.SETTLE,
        400_000,
    )


@pytest.mark.parametrize(("says", "amount"), [(8, 400_000), (4, 400_000), (2, 200_000)])
def test_a_render_that_nobody_wants_costs_no_more_than_was_asked_for(
    says: int, amount: int
) -> None:
    """As a completed one, whatever its job says of its length."""
    cancelled = replace(VIDEO, status=Status.CANCELLED, stage=None)
    job = replace(reported(JobState.SUCCEEDED), parts=(Part("job", says),))
    assert endings.rendered_for_nobody(RENDERING, cancelled, job, PRICE).amount == amount


PER_VIDEO = Price(version="v", rate=250_000, unit="video")
PER_GPU = Price(version="v", rate=1_000, unit="gpu_second", gpus=2)
TOLD = RENDERED.with_job(cost=123_456)
TIMED = RENDERED.with_job(render_seconds=60.0)


@pytest.mark.parametrize(
    ("work", "price", "amount", "basis"),
    [
        (RENDERED, PER_VIDEO, 500_000, "delivered_videos"),
        (TIMED, PER_GPU, 120_000, "gpu_seconds"),
        (RENDERED, PER_GPU, RESERVED, "expected_gpu_seconds"),  # rendered by an older release
        (TOLD, PRICE, 123_456, "upstream_reported"),
        (TOLD, PER_GPU, 123_456, "upstream_reported"),
        (TOLD, None, 123_456, "upstream_reported"),
        (RENDERED.with_job(cost=0), PRICE, 0, "upstream_reported"),
    ],
)
def test_a_completed_video_is_settled_by_the_unit_of_its_price(
    work: Work, price: Price | None, amount: int, basis: str
) -> None:
    verdict = endings.completed(work, VIDEO, [4.0, 2.0], price)
    assert (verdict.money, verdict.amount, verdict.basis) == (Kind.SETTLE, amount, basis)


@pytest.mark.parametrize(
    ("verdict", "money", "amount"),
    [
        (endings.lost(TOLD, 20.0), Kind.SETTLE, 123_456),
        (endings.bad_output(TOLD, "x"), Kind.SETTLE, 123_456),
        (endings.watch_over(TOLD), Kind.SETTLE, 123_456),
        (
            endings.rendered_for_nobody(TOLD, VIDEO, reported(JobState.SUCCEEDED), PRICE),
            Kind.SETTLE, 123_456,
        ),
        # even where failed renders are said to be free, or to be billed
        (endings.render_failed(TOLD, reported(JobState.FAILED), PRICE), Kind.SETTLE, 123_456),
        (
            endings.render_failed(TOLD.with_job(cost=0), reported(JobState.FAILED), BILLED),
            Kind.RELEASE, 0,
        ),
    ],
)  # fmt: skip
def test_the_upstreams_word_on_its_bill_is_final(
    verdict: Verdict, money: Kind, amount: int
) -> None:
    assert (verdict.money, verdict.amount) == (money, amount)
    assert verdict.basis == "upstream_reported"


def test_a_failed_render_that_is_billed_by_gpu_second_costs_what_it_took() -> None:
    billed = replace(PER_GPU, failed_render="settled")
    verdict = endings.render_failed(TIMED, reported(JobState.FAILED), billed)
    assert (verdict.money, verdict.amount) == (Kind.SETTLE, 120_000)
    assert verdict.basis == "failed_render_billed"


@pytest.mark.parametrize(
    ("lengths", "says"),
    [
        ([4.0], None),
        ([4.3, 3.6], None),
        ([None], None),
        ([8.0], "The upstream delivered 8.0 s; 4 s were asked for."),
        ([4.0, 2.0], "The upstream delivered 2.0 s; 4 s were asked for."),
        ([2.0, 2.0, 1.0], "The upstream delivered 2.0 s, 1.0 s; 4 s were asked for."),
    ],
)
def test_a_length_that_was_not_asked_for_is_told(
    lengths: list[float | None], says: str | None
) -> None:
    outputs = tuple(
        Output(
            index=index, blob="b", content_type="video/mp4", size_bytes=1, sha256="0" * 64,
            width=720, height=1280, seconds=length,
        )
        for index, length in enumerate(lengths)
    )  # fmt: skip
    assert endings.delivery_notice(replace(VIDEO, outputs=outputs)) == says
