"""Parameters on their way to the upstream, and costs that are not by the second."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from shared.domain.errors import Conflict
from shared.domain.job import JobState, JobStatus
from shared.domain.ledger import Amounts, Kind
from shared.domain.request import VideoRequest
from shared.domain.video import CostState, Status
from shared.lifecycle import expect, money
from shared.lifecycle.requests import views
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.quote import quote
from shared.lifecycle.requests.remix import remix_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import take_turn
from shared.storage.names import manifest_blob
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import CALLER, Job, Order
from tests.shared.lifecycle.requests.test_cancel import to_submitted

GIVEN = {"seed": 7, "negative_prompt": "fog"}
TAKES = {"parameters": {"seed": {"type": "integer"}, "negative_prompt": {"type": "string"}}}

FAILS_ONCE = {
    "operation": "create",
    "action": {"type": "fail", "at": 0.5, "code": "internal_error", "message": "oops"},
}


class Told:
    """A deployment that says what a job cost and how long it rendered. It takes every parameter,
    which the simulator does not."""

    def __init__(self, client: Any, **told: Any) -> None:
        self._client = client
        self._told = told
        self.got: list[VideoRequest] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def submit(self, request: VideoRequest, media: Any = (), *, trace: str) -> JobStatus:
        self.got.append(request)
        made: JobStatus = self._client.submit(replace(request, parameters={}), media, trace=trace)
        return made

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        job: JobStatus = self._client.status(job_id, trace=trace)
        return job if job.state is JobState.RUNNING else replace(job, **self._told)


def tell(services: Services, **told: Any) -> Told:
    client = Told(services.client("sora-2"), **told)
    services.upstreams._clients["sora-2"] = client
    return client


@pytest.fixture
def taking(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> Services:
    del simulator
    (sora_2, *_) = json.loads(upstreams(capabilities=TAKES))
    return services_with(UPSTREAMS=json.dumps([sora_2]))


def priced(
    services_with: Callable[..., Services], upstreams: Callable[..., str], **prices: Any
) -> Services:
    return services_with(UPSTREAMS=upstreams(prices={"version": "v", **prices}))


def test_parameters_reach_the_upstream_and_stay_with_the_video(
    taking: Services, simulator: Simulator
) -> None:
    client = tell(taking)
    job = Order(taking, simulator)(parameters=GIVEN)
    job.drive()
    assert job.video.status is Status.COMPLETED, job.video.error
    assert [request.parameters for request in client.got] == [GIVEN]
    assert job.video.request.parameters == GIVEN
    assert views.shown(job.video).as_dict()["parameters"] == GIVEN
    manifest = taking.outputs.get_json(manifest_blob(job.id))
    assert manifest is not None
    assert manifest["parameters"] == GIVEN


def test_a_remix_carries_none_because_the_upstream_takes_only_a_prompt(
    taking: Services, simulator: Simulator
) -> None:
    tell(taking)
    job = Order(taking, simulator)(parameters=GIVEN)
    job.drive()
    again = remix_video(
        taking, job.video, lambda source: replace(source, prompt="at night"), Repeatable()
    )
    assert again.video.request.parameters == {}


def test_a_key_with_other_parameters_is_another_request(taking: Services) -> None:
    request = VideoRequest(
        model="sora-2", prompt="a fox", width=720, height=1280, seconds=4, parameters={"seed": 7}
    )
    key = Repeatable(key="k")
    first = admit(taking, CALLER, request, key)
    assert admit(taking, CALLER, request, key).video.id == first.video.id
    with pytest.raises(Conflict):
        admit(taking, CALLER, replace(request, parameters={"seed": 8}), key)


def test_a_price_by_gpu_second_reserves_what_is_expected_and_books_what_the_job_took(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    """At the tests' time scale of 100, three seconds stand for 300."""
    services = priced(
        services_with, upstreams, usd_per_gpu_second="0.001", gpus=2, expected_seconds=90
    )
    job = Order(services, simulator)()
    assert job.booked == Amounts(reserved=180_000)
    to_submitted(job)
    work = job.work
    assert work is not None
    assert work.job is not None
    began = work.job.created_at - 5
    services.work.replace(replace(work.with_job(created_at=began), heartbeat_at=began))
    tell(services, created_at=began, finished_at=began + 3)
    simulator.force(work.job.id, state="completed")
    job.drive()
    assert job.video.status is Status.COMPLETED, job.video.error
    assert (job.video.cost.actual, job.video.cost.basis) == (600_000, "gpu_seconds")
    assert job.booked == Amounts(settled=600_000)


def test_without_an_expected_length_the_learned_one_is_quoted_and_reserved(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    services = priced(services_with, upstreams, usd_per_gpu_second="0.001")
    request = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)
    cost = quote(services, CALLER, request).cost
    job = Job(services, simulator, admit(services, CALLER, request))
    assert job.work is not None
    expected = pytest.approx(job.work.expected * 100 * 1_000, abs=1)
    assert job.booked.reserved == expected
    assert float(cost.estimated) * 1e6 == expected
    assert cost.usd_per_second is None


@pytest.mark.parametrize("cost", [123_456, 0, 900_000])
def test_what_the_upstream_says_that_it_cost_is_booked(
    services: Services, order: Order, cost: int
) -> None:
    """Also more than was reserved: it is the bill."""
    tell(services, cost=cost)
    job = order()
    job.drive()
    assert (job.video.cost.actual, job.video.cost.basis) == (cost, "upstream_reported")
    assert job.booked == Amounts(settled=cost)


def test_a_failed_render_that_the_upstream_charges_is_booked_and_made_again(
    services: Services, order: Order, simulator: Simulator
) -> None:
    simulator.script(FAILS_ONCE)
    tell(services, cost=50_000)
    job = order()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert job.booked == Amounts(settled=100_000)
    settled = [(each.attempt, each.basis) for each in job.entries if each.kind is Kind.SETTLE]
    assert settled == [(1, "upstream_reported"), (2, "upstream_reported")]
    assert job.video.cost.actual == 100_000, "both renders"


def test_a_video_that_ends_before_its_second_render_shows_what_the_first_one_cost(
    services: Services, order: Order, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulator.script(FAILS_ONCE)
    tell(services, cost=50_000)
    job = order()
    later = replace(services, clock=lambda: time.time() + 25 * 3600 / 100)
    take, turns = take_turn.take_turn, count()

    def too_late(_: Services, *asked: Any) -> Any:
        return take(services if next(turns) == 0 else later, *asked)

    monkeypatch.setattr(take_turn, "take_turn", too_late)
    job.drive()
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.charged) == ("queue_timeout", True)
    cost = job.video.cost
    assert (cost.state, cost.actual, cost.basis) == (
        CostState.SETTLED,
        50_000,
        "upstream_reported",
    )
    assert job.booked == Amounts(settled=50_000)


@pytest.mark.parametrize(("cancelled", "settled"), [(True, 50_000), (False, 450_000)])
def test_a_worker_that_dies_between_two_renders_leaves_the_money_in_order(
    services_with: Callable[..., Services],
    upstreams: Callable[..., str],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    cancelled: bool,
    settled: int,
) -> None:
    """Where only the upstream's word, said once, tells that the first one is charged."""
    services = services_with(UPSTREAMS=upstreams(can_delete_running=False))
    simulator.script(FAILS_ONCE)
    tell(services, cost=50_000)
    job = Order(services, simulator)()
    book = money.book_failed_render

    def book_and_die(*args: Any) -> int:
        book(*args)
        raise OSError("the worker died")

    with monkeypatch.context() as patched:
        patched.setattr(money, "book_failed_render", book_and_die)
        with pytest.raises(AssertionError, match="abandoned: follow_job"):
            job.drive()
    assert job.booked == Amounts(settled=50_000, reserved=400_000)
    tell(services, cost=None)
    if cancelled:
        cancel_video(services, job.video)
    job.drive()
    assert job.booked == Amounts(settled=settled)


@pytest.mark.parametrize("effect", ["ledger.write", "videos.insert"])
def test_a_repeat_reserves_what_its_first_try_reserved(
    services_with: Callable[..., Services],
    upstreams: Callable[..., str],
    simulator: Simulator,
    monkeypatch: pytest.MonkeyPatch,
    effect: str,
) -> None:
    """Whatever has been learned in between, and wherever the first try died."""
    services = priced(services_with, upstreams, usd_per_gpu_second="0.001")
    request = VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)

    def die(*_: Any) -> None:
        raise OSError("the first try died")

    with monkeypatch.context() as patched:
        table, _, write = effect.partition(".")
        patched.setattr(getattr(services, table), write, die)
        with pytest.raises(OSError, match="first try died"):
            admit(services, CALLER, request, Repeatable(key="k"))
    monkeypatch.setattr(expect, "at_admission", lambda *_: 5.0)
    job = Job(services, simulator, admit(services, CALLER, request, Repeatable(key="k")))
    (reserved,) = job.entries
    assert job.work is not None
    assert 0 < reserved.amount != 500_000
    assert job.work.reserved == job.video.cost.estimated == reserved.amount


@pytest.mark.parametrize(
    ("asked", "delivered", "actual", "basis", "notice"),
    [
        (
            12, 4, 400_000, "delivered_seconds",
            "The upstream delivered 4.0 s; 12 s were asked for.",
        ),
        (
            4, 8, 400_000, "requested_seconds",
            "The upstream delivered 8.0 s; 4 s were asked for.",
        ),
        (4, 4, 400_000, "delivered_seconds", None),
    ],
)  # fmt: skip
def test_another_length_than_was_asked_for_is_told_and_booked_at_most_as_asked(
    order: Order,
    simulator: Simulator,
    asked: int,
    delivered: int,
    actual: int,
    basis: str,
    notice: str | None,
) -> None:
    if delivered != asked:
        simulator.script(
            {"operation": "content", "action": {"type": "wrong_movie", "seconds": delivered}}
        )
    job = order(seconds=asked)
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert (job.video.cost.actual, job.video.cost.basis) == (actual, basis)
    shown = views.shown(job.video)
    assert (shown.notice, shown.seconds) == (notice, str(asked))
