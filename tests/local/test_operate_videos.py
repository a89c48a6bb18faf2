"""show, retry and collect: what an operator does at night, against a real storage account."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from local.operate_videos import AN_END_NEEDS, collect, retry, services_here
from local.processes import StackError
from local.stack import ROOT, Stack
from local.video_facts import show
from shared.domain.ledger import Amounts
from shared.domain.video import Status
from shared.domain.work import instance_id
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.services import Services
from shared.lifecycle.steps.follow_job import follow_job
from shared.settings.app import settings
from shared.storage.names import output_blob
from tests.conftest import Simulator
from tests.shared.lifecycle.background.test_sweep import die_after
from tests.shared.lifecycle.conftest import Job, Order
from tests.support.driver import drive
from tests.support.stacks import Client

NOBODY = "video_" + "0" * 32
PROMPT = "a fox nobody may read about"
NEVER_ENDS = {"operation": "create", "action": {"type": "stuck", "progress": 50}}


@pytest.fixture
def order(services: Services, simulator: Simulator) -> Order:
    return Order(services, simulator)


def told(services: Services, video_id: str) -> str:
    return "\n".join(show(services, video_id))


def stored(job: Job, index: int = 0) -> str | None:
    blob = job.services.outputs.find(output_blob(job.id, index))
    return blob.sha256 if blob else None


# -- show --


def test_an_unfinished_video_is_explained_by_its_rows(services: Services, order: Order) -> None:
    job = order(prompt=PROMPT)
    job.simulator.script(NEVER_ENDS)
    die_after(job, 3)
    work = job.work
    assert work is not None
    assert work.job_id is not None
    text = told(services, job.id)
    assert "in_progress, stage rendering" in text
    assert f"epoch        1 (instance {instance_id(job.id, 1)})" in text
    assert f"sora-2/{work.job_id}: not collected, expires " in text
    assert "reserve  $0.400000" in text
    assert f'message has "{job.id}"' in text
    assert PROMPT not in text


def test_a_finished_video_is_explained_by_what_is_left(services: Services, order: Order) -> None:
    job = order()
    job.drive()
    text = told(services, job.id)
    assert "completed, stage None, 100 %" in text
    assert "no row: nothing is left to do" in text
    assert "settle   $0.400000" in text
    assert f"{output_blob(job.id, 0)}: " in text
    assert str(stored(job)) in text
    assert "nothing left to fetch" in text


def test_a_blob_that_is_gone_or_other_than_recorded_is_said(
    services: Services, order: Order
) -> None:
    job = order()
    job.drive()
    name = output_blob(job.id, 0)
    services.outputs.delete_all(name)
    assert f"{name}: not there" in told(services, job.id)
    writer = services.outputs.writer(name)
    with writer.behind() as write:
        write(b"other")
    writer.commit(sha256="0" * 64, content_type="video/mp4", facts={})
    assert "NOT what the row says" in told(services, job.id)


@pytest.mark.parametrize(
    ("video_id", "says"), [(NOBODY, "Nothing is known"), ("video_1", "is not the id of a video")]
)
@pytest.mark.parametrize("command", [show, retry, lambda s, v: collect(s, v, print)])
def test_an_id_of_nothing_is_one_clear_line(
    services: Services, command: Callable[[Services, str], object], video_id: str, says: str
) -> None:
    with pytest.raises(StackError, match=says):
        command(services, video_id)


# -- retry --


@pytest.mark.parametrize("steps", [0, 2, 4, 5])
def test_a_retried_video_gets_a_new_worker_with_the_next_sweep(
    services: Services, order: Order, steps: int
) -> None:
    job = order()
    die_after(job, steps)
    assert sweep(services) == []  # it is not silent yet
    assert "epoch 3" in retry(services, job.id)
    assert follow_job(services, job.id, 1).result["outcome"] == "superseded"
    (restart,) = sweep(services)
    assert restart.instance == instance_id(job.id, 3)
    assert drive(services, restart.payload)[0] == "done"
    assert job.video.status is Status.COMPLETED
    assert len(job.upstream_jobs()) == 1
    assert job.booked == Amounts(settled=job.video.cost.estimated)


def test_a_finished_video_is_not_retried(services: Services, order: Order) -> None:
    job = order()
    job.drive()
    with pytest.raises(StackError, match=f"{job.id} is completed, settled"):
        retry(services, job.id)


def test_an_admission_under_way_is_left_to_the_sweep(services: Services, order: Order) -> None:
    job = order()
    services.videos.delete(job.admitted.video.caller, job.id)  # it comes last
    with pytest.raises(StackError, match="is being admitted"):
        retry(services, job.id)


# -- collect --


@pytest.mark.parametrize("steps", [4, 5, 6])
@pytest.mark.parametrize("model", ["sora-2", "sora"])
def test_a_rendered_video_is_collected_and_finished_by_hand(
    services: Services, order: Order, model: str, steps: int
) -> None:
    job = order(model)
    die_after(job, steps)
    said: list[str] = []
    collect(services, job.id, said.append)
    assert job.video.status is Status.COMPLETED
    assert job.work is None
    assert stored(job) == job.video.outputs[0].sha256
    assert job.booked == Amounts(settled=job.video.cost.estimated)
    assert len(job.upstream_jobs()) == 1
    assert said[-1].startswith(f"{job.id} is completed, settled $")


def test_every_output_of_a_job_is_collected(services: Services, order: Order) -> None:
    job = order("sora", variants=2)
    die_after(job, 4)
    said: list[str] = []
    collect(services, job.id, said.append)
    assert [line.split(":")[0] for line in said[:2]] == [output_blob(job.id, i) for i in (0, 1)]
    assert len(job.video.outputs) == 2


def test_a_job_that_still_renders_is_not_collected(services: Services, order: Order) -> None:
    job = order()
    job.simulator.script(NEVER_ENDS)
    die_after(job, 2)
    with pytest.raises(StackError, match="is not over"):
        collect(services, job.id, print)
    assert job.video.status is Status.IN_PROGRESS


def test_without_a_job_there_is_nothing_to_collect(services: Services, order: Order) -> None:
    job = order()
    with pytest.raises(StackError, match="no job of it is known"):
        collect(services, job.id, print)


def test_a_file_that_was_lost_comes_back_with_the_same_bytes(
    services: Services, order: Order
) -> None:
    job = order("sora", variants=2)
    job.drive()
    hashes = [stored(job, 0), stored(job, 1)]
    services.outputs.delete_all(output_blob(job.id, 1))
    said: list[str] = []
    collect(services, job.id, said.append)
    assert [stored(job, 0), stored(job, 1)] == hashes
    assert "is there" in said[0]
    assert "as before" in said[1]
    assert job.booked == Amounts(settled=job.video.cost.estimated)  # not paid again


def test_other_bytes_than_recorded_are_never_written(services: Services, order: Order) -> None:
    job = order()
    job.drive()
    found = services.videos.get("key:local", job.id)
    assert found is not None
    (output,) = found.video.outputs
    changed = replace(found.video, outputs=(replace(output, sha256="0" * 64),))
    services.videos.replace(found, changed)
    services.outputs.delete_all(output.blob)
    with pytest.raises(StackError, match="other bytes"):
        collect(services, job.id, print)
    assert stored(job) is None


def test_a_job_that_is_gone_is_said_so(services: Services, order: Order) -> None:
    job = order()
    job.drive()
    client = services.client("sora-2")
    assert client is not None
    assert job.video.job_id is not None
    client.delete(job.video.job_id, trace=job.id)
    services.outputs.delete_all(output_blob(job.id, 0))
    with pytest.raises(StackError, match="soft delete"):
        collect(services, job.id, print)


# -- the running app --


@pytest.mark.e2e
def test_the_running_app_gives_a_retried_video_its_new_worker(
    api: Client, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old worker is fenced off, so whoever finishes the video is the sweep's new one."""
    simulator.script(NEVER_ENDS)
    made = api.create(model="sora-2", prompt="a fox", seconds="4")
    api.wait(made["id"], until=lambda video: video["stage"] == "rendering")
    ports = {"AZURITE_PORTS": ",".join(map(str, api.stack.ports.azurite))}
    for name, value in {**api.stack.settings, **ports}.items():
        monkeypatch.setenv(name, value)
    with services_here() as services:
        assert "epoch 3" in retry(services, made["id"])
        (job,) = simulator.journal()["jobs"]
        simulator.force(job["id"], state="completed")
        assert api.wait(made["id"])["status"] == "completed"
        assert "settle   $0.400000" in told(services, made["id"])
        assert len(simulator.journal()["jobs"]) == 1


# -- the command line --


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_commands_find_the_local_stack(
    stack: Stack, connection: str, services: Services, order: Order
) -> None:
    job = order()
    job.drive()
    here = {
        "STORAGE_CONNECTION": connection,
        "AZURITE_PORTS": ",".join(map(str, stack.ports.azurite)),
        "SIMULATOR_PORT": str(stack.ports.simulator),
    }
    done = run("show", job.id, **here)
    assert done.returncode == 0, done.stderr
    assert job.id in done.stdout
    assert "completed" in done.stdout
    assert run("retry", job.id, **here).stderr.startswith(f"{job.id} is completed")


def test_without_a_stack_the_way_out_is_named() -> None:
    done = run("show", NOBODY, AZURITE_PORTS="1,2,3")
    assert (done.returncode, done.stdout) == (1, "")
    assert "make up" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_on_azure_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UPSTREAMS", raising=False)
    done = run("show", NOBODY, STORAGE_ACCOUNT_NAME="stvideo")
    assert done.returncode == 1
    assert "UPSTREAMS: is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["API_BASE_URL", "EVENT_TOPIC_ENDPOINT"])
def test_on_azure_nothing_is_collected_without_what_its_end_is_announced_with(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """An end that is announced nowhere, or with URLs of nobody, cannot be mended."""
    as_azd_says(monkeypatch)
    monkeypatch.delenv(name)
    done = run("collect", NOBODY)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{name} of that app must be in the environment")


@pytest.mark.parametrize("days", [0, 7])
def test_on_azure_an_end_is_recorded_by_the_apps_own_settings(
    monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    as_azd_says(monkeypatch, videoRetentionDays=days, jobDeadlineMinutes=240)
    with services_here(needs=AN_END_NEEDS) as services:
        assert services.settings.video_retention_days == (days or None)
        assert services.settings.job_deadline_minutes == 240
        assert services.settings.event_topic_endpoint
        assert services.settings.public_base_url.endswith(".azurewebsites.net")


def as_azd_says(monkeypatch: pytest.MonkeyPatch, **parameters: object) -> dict[str, str]:
    """Put what `azd env get-values` gives, once these parameters were deployed, into the shell."""
    from tests.infra.templates import deployed

    outputs: dict[str, str] = deployed(**parameters).outputs
    for name in ("CALLERS", "PUBLIC_BASE_URL", "STORAGE_CONNECTION"):
        monkeypatch.setenv(name, "x")  # so that they are restored
        monkeypatch.delenv(name)
    for name, value in outputs.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return outputs


def test_on_azure_the_account_is_reached_by_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """With nothing but the outputs of an environment, as `azd env get-values` gives them."""
    outputs = as_azd_says(monkeypatch)
    with services_here() as services:
        assert services.account._account_name == outputs["STORAGE_ACCOUNT_NAME"]
        assert services.account.emulator_key is None
        assert services.settings.storage_connection == ""
        assert [each.name for each in services.settings.upstreams] == ["sora-2", "sora"]
