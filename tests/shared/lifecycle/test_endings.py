"""Every way to end without the outputs: the code, the money, and what is left behind."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.errors import InvalidRequest, LimitReached
from shared.domain.job import JobState, JobStatus
from shared.domain.ledger import Amounts
from shared.domain.request import VideoRequest
from shared.domain.video import CostState, Status
from shared.durable import names
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.services import Services
from shared.upstream.protocol import Dialect
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Order
from tests.shared.lifecycle.requests.test_cancel import to_submitted


def fault(operation: str, **action: Any) -> dict[str, Any]:
    extra: dict[str, Any] = {name: action.pop(name) for name in ("times", "skip") if name in action}
    return {"operation": operation, "action": action, **extra}


@pytest.mark.parametrize(
    ("model", "prompt", "code"),
    [
        ("sora-2", "content-filter", "moderation_blocked"),
        ("sora", "content-filter", "moderation_blocked"),
        ("sora-2", "moderation-blocked", "moderation_blocked"),
        ("sora", "input-moderation", "moderation_blocked"),
        ("sora", "output-moderation", "moderation_blocked"),
    ],
)
def test_moderation_is_final_free_and_never_tried_again(
    order: Order, model: str, prompt: str, code: str
) -> None:
    job = order(model, prompt)
    calls = job.drive()
    assert job.video.status is Status.FAILED
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.retryable) == (code, False)
    assert job.video.error.charged is False
    assert job.video.cost.state is CostState.RELEASED
    assert job.booked == Amounts()
    assert job.work is None
    assert calls.count(names.SUBMIT_JOB) == 1


@pytest.mark.parametrize("model", ["sora-2", "sora"])
def test_a_render_that_fails_is_released_by_the_default_rule(
    order: Order, simulator: Simulator, model: str
) -> None:
    simulator.script(fault("create", type="fail", at=0.5, code="render_error"))
    job = order(model)
    job.drive()
    assert job.video.error is not None
    assert job.video.error.code == "upstream_failed"
    assert job.video.cost.basis == "reported_failed_not_billed"
    assert job.booked == Amounts()


def test_a_price_row_may_say_that_failed_renders_are_billed(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    strict = {"version": "strict", "usd_per_second": "0.10", "failed_render": "settled"}
    services = services_with(UPSTREAMS=upstreams(prices=strict))
    simulator.script(fault("create", type="fail", at=0.5, code="render_error"))
    job = Order(services, simulator)("sora-2")
    job.drive()
    assert job.video.error is not None
    assert job.video.error.charged is True
    assert job.booked == Amounts(settled=400_000)


@pytest.mark.parametrize("model", ["sora-2", "sora"])
def test_the_upstreams_own_fault_is_tried_once_more(
    order: Order, simulator: Simulator, model: str
) -> None:
    simulator.script(
        fault("create", type="fail", at=0.5, code="internal_error", message="internal_error")
    )
    job = order(model)
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(job.upstream_jobs()) == 2
    assert job.booked.settled == job.video.cost.estimated


def test_the_upstreams_own_fault_twice_is_the_end(order: Order, simulator: Simulator) -> None:
    simulator.script(fault("create", type="fail", at=0.5, code="internal_error", times=5))
    job = order()
    job.drive()
    assert job.video.error is not None
    assert job.video.error.code == "upstream_failed"
    assert len(job.upstream_jobs()) == 2
    assert job.booked == Amounts()


def test_a_throttled_create_waits_and_goes_through(order: Order, simulator: Simulator) -> None:
    simulator.script(
        fault("create", type="status", status=429, message="Too many running tasks", times=2)
    )
    job = order()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert len(job.upstream_jobs()) == 1


def test_a_render_that_never_ends_is_timed_out_and_rescued_when_it_turns_up(
    services_with: Callable[..., Services], simulator: Simulator
) -> None:
    services = services_with(JOB_DEADLINE_MINUTES="3")
    simulator.script(fault("create", type="render_time", seconds=400))
    job = Order(services, simulator)()
    job.drive()
    video = job.video
    assert (video.status, video.rescued) == (Status.COMPLETED, True)
    assert job.booked == Amounts(settled=400_000)
    kinds = [entry.kind.value for entry in job.entries]
    assert sorted(kinds) == ["reserve", "settle", "unknown"]
    assert job.work is None


def test_an_unreachable_upstream_ends_within_the_queue_deadline(
    services_with: Callable[..., Services], upstreams: Callable[..., str], simulator: Simulator
) -> None:
    nowhere = upstreams(endpoint="http://127.0.0.1:9")
    services = services_with(UPSTREAMS=nowhere, QUEUE_DEADLINE_HOURS="0.05")
    job = Order(services, simulator)()
    job.drive()
    assert job.video.error is not None
    assert (job.video.error.code, job.video.error.retryable) == ("queue_timeout", True)
    assert job.booked == Amounts()
    assert job.work is None


def test_ceilings_refuse_before_anything_is_spent(
    services_with: Callable[..., Services], simulator: Simulator
) -> None:
    request = VideoRequest(model="sora-2", prompt="p", width=720, height=1280, seconds=4)
    for changes, code in (
        ({"MAX_JOB_USD": "0.39"}, "insufficient_quota"),
        ({"MAX_JOB_USD": "0"}, "insufficient_quota"),
        ({"BUDGET_USD_PER_DAY": "0.39"}, "insufficient_quota"),
    ):
        services = services_with(**{"MAX_JOB_USD": "20", **changes})
        with pytest.raises(LimitReached) as raised:
            admit(services, "key:local", request)
        assert raised.value.code == code
        assert services.work.all() == []
        assert services.videos.page("key:local", after=None, limit=10) == []
        services = services_with(MAX_JOB_USD="-1", BUDGET_USD_PER_DAY="0.40")
    admit(services, "key:local", request)


def test_what_no_deployment_offers_is_refused(order: Order) -> None:
    with pytest.raises(InvalidRequest) as raised:
        order("sora-3")
    assert raised.value.param == "model"
    assert "sora, sora-2" in raised.value.message


class OutputsComeLate:
    """A deployment whose finished job has no outputs yet, for so many looks."""

    def __init__(self, client: Dialect, looks: float) -> None:
        self._client = client
        self.looks = looks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        job = self._client.status(job_id, trace=trace)
        if job.state is JobState.SUCCEEDED and self.looks > 0:
            self.looks -= 1
            return replace(job, parts=())
        return job


@pytest.mark.parametrize(("looks", "status"), [(1, Status.COMPLETED), (math.inf, Status.FAILED)])
def test_a_job_without_outputs_is_looked_at_again(
    services: Services, order: Order, looks: float, status: Status
) -> None:
    client = services.client("sora-2")
    assert client is not None
    services.upstreams._clients["sora-2"] = OutputsComeLate(client, looks)
    job = order()
    job.drive()
    assert job.video.status is status
    assert (job.video.error is not None) is (status is Status.FAILED)


def test_one_sign_of_each_kind_is_not_two_of_one(
    services: Services, order: Order, simulator: Simulator
) -> None:
    """A job that is missing once, is there, and whose output is missing once: both may pass."""
    job = order()
    to_submitted(job)
    assert job.work is not None
    long_ago = time.time() - 1000
    services.work.replace(job.work.with_job(missing_since=long_ago, empty_since=long_ago))
    simulator.force(job.work.job_id or "", state="completed")  # nothing is seen of it meanwhile
    simulator.script(
        {"operation": "content", "times": 1, "action": {"type": "status", "status": 404}}
    )
    job.drive()
    assert job.video.status is Status.COMPLETED
