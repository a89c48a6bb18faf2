"""A video's life through every use case, in both dialects, against Azurite and the simulator."""

import hashlib
import time
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.job import Part
from shared.domain.ledger import Amounts
from shared.domain.video import CostState, Status
from shared.domain.work import Attempt, RunningJob, Work
from shared.durable import names
from shared.lifecycle.services import Services
from shared.lifecycle.steps import collect_output, finish_video, submit_job, take_turn
from shared.storage.names import manifest_blob, output_blob
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import Order

pytestmark = pytest.mark.real_storage


@pytest.mark.parametrize(
    ("model", "shape", "micro_usd"),
    [
        ("sora-2", {}, 400_000),
        ("sora", {"variants": 2}, 50_000),
        ("sora", {"width": 1280, "height": 720, "seconds": 3}, 150_000),
    ],
)
def test_a_request_becomes_stored_outputs_and_a_settled_cost(
    services: Services, order: Order, model: str, shape: dict[str, Any], micro_usd: int
) -> None:
    job = order(model, **shape)
    assert job.booked == Amounts(reserved=micro_usd)
    job.drive()
    video = job.video
    assert (video.status, video.stage, video.progress) == (Status.COMPLETED, None, 100)
    assert (video.cost.state, video.cost.actual) == (CostState.SETTLED, micro_usd)
    assert job.booked == Amounts(settled=micro_usd)
    assert job.work is None
    (upstream,) = job.upstream_jobs()
    made = {output["index"]: output["files"]["video"] for output in upstream["outputs"]}
    assert len(video.outputs) == len(made) == shape.get("variants", 1)
    manifest = services.outputs.get_json(manifest_blob(job.id))
    assert manifest is not None
    for output in video.outputs:
        data = b"".join(services.outputs.read(output.blob))
        digest = hashlib.sha256(data).hexdigest()
        assert digest == output.sha256 == made[output.index]["sha256"]
        assert manifest["outputs"][output.index]["sha256"] == digest
        assert (output.width, output.height) == (video.request.width, video.request.height)
        assert output.seconds == pytest.approx(video.request.seconds, abs=0.2)
        assert made[output.index]["downloads"]["completed"] == 1


@pytest.mark.parametrize(
    ("model", "kinds"),
    [("sora-2", {"thumbnail", "spritesheet"}), ("sora", {"thumbnail"})],
)
def test_the_pictures_that_the_upstream_has_are_kept_beside_the_video(
    services: Services, order: Order, model: str, kinds: set[str]
) -> None:
    job = order(model)
    job.drive()
    (output,) = job.video.outputs
    (upstream,) = job.upstream_jobs()
    made = upstream["outputs"][0]["files"]
    assert {extra.variant for extra in output.extras} == kinds
    for extra in output.extras:
        data = b"".join(services.outputs.read(extra.blob))
        assert hashlib.sha256(data).hexdigest() == extra.sha256 == made[extra.variant]["sha256"]
        assert len(data) == extra.size_bytes
        assert extra.content_type.startswith("image/")


def test_pictures_that_cannot_be_had_keep_no_video_from_completing(
    order: Order, simulator: Simulator
) -> None:
    simulator.script(
        {"operation": "content", "skip": 1, "times": 2, "action": {"type": "status", "status": 500}}
    )
    job = order()
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert job.video.outputs[0].extras == ()


def test_fewer_outputs_than_asked_for_are_all_kept_and_only_they_are_paid(
    order: Order, simulator: Simulator
) -> None:
    simulator.script({"operation": "create", "action": {"type": "fewer_generations", "count": 3}})
    job = order("sora", variants=4)
    job.drive()
    assert job.video.status is Status.COMPLETED
    assert [output.index for output in job.video.outputs] == [0, 1, 2]
    assert job.booked == Amounts(settled=3 * 25_000)


def test_every_step_can_be_run_again(services: Services, order: Order) -> None:
    job = order()
    for _ in range(2):
        assert take_turn.take_turn(services, job.id, 1, "h").result["outcome"] == "granted"
    for _ in range(2):
        assert submit_job.submit_job(services, job.id, 1).result["outcome"] == "submitted"
    (upstream,) = job.upstream_jobs()
    job.simulator.force(upstream["id"], state="completed")
    job.drive()
    stored = job.video
    for _ in range(2):
        assert collect_output.collect_output(services, job.id, 1, 0).result["outcome"] == "done"
        assert finish_video.finish_video(services, job.id, 1).result["outcome"] == "done"
    assert job.video == stored
    assert len(job.upstream_jobs()) == 1
    assert job.booked == Amounts(settled=400_000)


def test_an_output_that_is_stored_is_not_fetched_again(
    services: Services, order: Order, simulator: Simulator
) -> None:
    job = order()
    take_turn.take_turn(services, job.id, 1, "hint")
    submit_job.submit_job(services, job.id, 1)
    (upstream,) = job.upstream_jobs()
    simulator.force(upstream["id"], state="completed")
    job.drive()
    # as if the worker had died between the copy and the end
    work = replace(_work_of(job.id, upstream["id"]), epoch=2)
    services.work.insert(work)
    assert collect_output.collect_output(services, job.id, 2, 0).result["outcome"] == "stored"
    downloads = job.upstream_jobs()[0]["outputs"][0]["files"]["video"]["downloads"]
    assert downloads["started"] == 1
    assert finish_video.finish_video(services, job.id, 2).result["outcome"] == "done"
    assert job.work is None
    assert job.booked == Amounts(settled=400_000)


def _work_of(video_id: str, job_id: str) -> Work:
    now = time.time()
    job = RunningJob(
        id=job_id,
        created_at=now,
        expires_at=now + 60,
        deadline=now + 60,
        parts=(Part(job_id, 4),),
        collecting=True,
        slot_freed=True,
    )
    return Work(
        video_id=video_id,
        caller="key:local",
        model="sora-2",
        epoch=1,
        created_at=now,
        heartbeat_at=now,
        queue_deadline=now + 60,
        deployments=("sora-2",),
        day=time.strftime("%Y-%m-%d", time.gmtime()),
        reserved=400_000,
        expected=1.0,
        posts=1,
        attempt=Attempt(deployment="sora-2", job=job),
    )


def test_a_worker_of_an_older_epoch_stops(services: Services, order: Order) -> None:
    job = order()
    stored = services.work.get(job.id)
    assert stored is not None
    services.work.replace(replace(stored, epoch=2))
    assert job.drive() == [names.TAKE_TURN]
    assert job.upstream_jobs() == []
    assert job.video.status is Status.QUEUED


def test_a_blob_is_only_visible_when_whole(
    services: Services, order: Order, simulator: Simulator
) -> None:
    simulator.script(
        {"operation": "content", "action": {"type": "truncated", "share": 0.5, "how": "length"}},
    )
    job = order()
    take_turn.take_turn(services, job.id, 1, "hint")
    submit_job.submit_job(services, job.id, 1)
    (upstream,) = job.upstream_jobs()
    simulator.force(upstream["id"], state="completed")
    calls = job.drive()
    assert calls.count(names.COLLECT_OUTPUT) >= 2
    found = services.outputs.find(output_blob(job.id, 0))
    assert found is not None
    assert found.sha256 == upstream_sha(job.upstream_jobs()[0])


def upstream_sha(job: dict[str, Any]) -> str:
    return str(job["outputs"][0]["files"]["video"]["sha256"])
