"""Both dialects against the simulator: the same five verbs, the whole life of a job."""

import time

import av
import pytest

from shared.domain.job import JobState, JobStatus
from shared.domain.request import VideoRequest
from shared.lifecycle.services import Services
from shared.upstream.protocol import Dialect, JobGone
from tests.conftest import Simulator

REQUESTS = {
    "sora-2": VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4),
    "sora": VideoRequest(
        model="sora", prompt="a fox", width=480, height=480, seconds=2, variants=2
    ),
}


def wait(client: Dialect, job_id: str) -> JobStatus:
    until = time.monotonic() + 60
    while (job := client.status(job_id, trace="t")).state is JobState.RUNNING:
        assert time.monotonic() < until, job
        time.sleep(0.05)
    return job


@pytest.mark.parametrize("name", REQUESTS)
def test_the_life_of_a_job(
    services: Services, simulator: Simulator, name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    request = REQUESTS[name]
    client = services.client(name)
    assert client is not None
    before = time.time()
    made = client.submit(request, trace="video_x-1")
    assert made.state is JobState.RUNNING
    assert made.created_at == pytest.approx(before, abs=2)

    (listed,) = client.find(before - 5, trace="t").jobs
    assert (listed.job_id, listed.prompt) == (made.job_id, "a fox")
    assert (listed.width, listed.height) == (request.width, request.height)
    assert (listed.seconds, listed.variants) == (request.seconds, request.variants)

    simulator.force(made.job_id, state="completed")
    job = wait(client, made.job_id)
    assert job.state is JobState.SUCCEEDED
    assert len(job.parts) == request.variants
    for part in job.parts:
        path = tmp_path_factory.mktemp("movies") / "movie.mp4"
        with client.open(part, trace="t") as content:
            data = b"".join(content.pieces)
            assert content.length == len(data)
        path.write_bytes(data)
        with av.open(path) as movie:
            picture = movie.streams.video[0]
            assert (picture.width, picture.height) == (request.width, request.height)

    assert client.delete(made.job_id, trace="t")
    assert not client.delete(made.job_id, trace="t")
    with pytest.raises(JobGone):
        client.status(made.job_id, trace="t")
    (created,) = simulator.journal()["creates"]
    assert created["status"] == "200"
