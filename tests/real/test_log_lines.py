"""What the host prints: a line for every event whose effect the rows prove.

Azure's host drops lines that belong to no invocation, and so must whoever stands in for it. What is
looked for here follows from tables and blobs alone.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest

from shared.domain.announcement import DeliveryState
from shared.lifecycle.services import Services
from shared.storage import names
from tests.conftest import Simulator
from tests.real.conftest import RealStack, services_of
from tests.real.host import Host
from tests.support.waiting import eventually


@pytest.fixture
def services(real: RealStack) -> Iterator[Services]:
    with services_of(real) as services:
        yield services


def proven(services: Services) -> Iterator[str]:
    """What rows and blobs prove to have happened, as patterns of a line."""
    videos = list(services.videos.page("key:local", after=None, limit=1000))
    for video in videos:
        yield rf"event=video_accepted video_id={video.id} "
        if video.terminal:
            yield rf"event=video_ended video_id={video.id} .*status={video.status} "
        if video.error is not None:
            yield rf"event=video_decided video_id={video.id} .*code={video.error.code} "
        for output in video.outputs:
            yield (
                rf"event=output_stored video_id={video.id} .*output={output.index} "
                rf".*sha256={output.sha256}"
            )
        for stored in services.outbox.of(video.id):
            delivery = stored.delivery
            if delivery.state is DeliveryState.DELIVERED:
                yield (
                    rf"event=delivered video_id={video.id} .*target={delivery.target} "
                    rf"attempts={delivery.attempts} "
                )
            for attempt in range(1, delivery.attempts):
                yield rf"event=not_delivered video_id={video.id} .*attempts={attempt} "
    for deployment in ("sora-2", "sora"):
        for row in services.account.table(names.JOBS).range(deployment):
            video_id, job_id = row.text("video_id"), re.escape(row.text("job_id"))
            yield rf"event=job_submitted video_id={video_id} .*job_id={job_id} "
            if any(video.id == video_id and video.outputs for video in videos):
                yield rf"event=job_ended video_id={video_id} .*job_id={job_id} "
    for blob in services.account.container(names.REJECTED_CONTAINER).list_blob_names():
        yield rf"event=event_rejected .*rejection={blob.removesuffix('.json')} "


def test_every_event_that_can_be_proven_has_its_line(
    host: Host, services: Services, simulator: Simulator
) -> None:
    eventually(lambda: not services.work.all(), seconds=180)
    wanted = list(proven(services))
    assert len(wanted) > 100, "the tests before this one leave something to look for"

    def missing() -> list[str]:
        said = host.said()
        return [pattern for pattern in wanted if not re.search(pattern, said)]

    # a function writes its lines when it returns, after its rows
    until = time.monotonic() + 90
    while missing() and time.monotonic() < until:
        time.sleep(1)
    assert missing() == [], f"some of {len(wanted)} lines did not arrive"
    print(f"{len(wanted)} lines, each for something that rows and blobs prove")


@pytest.mark.parametrize(
    "line",
    [
        # every timer
        "event=line_state ",
        "event=instances_purged ",
        "event=event_rejected .*code=missing_prompt",
        # what the upstream was made to do
        "event=deployment_paused .*reason=429",
        "event=deployment_paused .*reason=401",
        "event=submit_failed .*kind=AnswerLost",
        "event=submit_reconciled ",
        "event=job_not_readable ",
        "event=job_status_unknown .*status=archived",
        "event=output_not_copied ",
        # what callers were refused, from functions of every kind
        "event=request_refused status=400 code=invalid_value param=size",
        "event=request_refused status=401 ",
        "event=request_refused status=404 code=unknown_route",
        "event=request_refused status=405 code=method_not_allowed",
        "event=request_refused status=409 code=not_cancellable",
        "event=request_refused status=411 code=length_required",
        "event=video_deleted ",
        "event=event_ignored .*reason=",
    ],
)
def test_what_else_was_brought_about_has_a_line(host: Host, line: str) -> None:
    assert eventually(lambda: re.search(line, host.said()), seconds=90)
