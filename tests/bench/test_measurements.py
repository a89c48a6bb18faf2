"""The measurements judge by themselves: their checkers see what is wrong."""

import json
import subprocess
import sys

import pytest

from bench import gated, queue, source, startup
from bench.authority import _kind, of_authority
from local.stack import ROOT
from shared.domain.media.mp4 import Mp4Inspector
from tests.faults.gate import Effect
from tests.support.forty import Run


def log_of(creates: list[float], renders: float) -> queue.Log:
    names = [f"v{number}" for number in range(len(creates))]
    return queue.Log(
        creates=[("d", name, at) for name, at in zip(names, creates, strict=True)],
        ends={name: at + renders for name, at in zip(names, creates, strict=True)},
    )


def test_the_checker_sees_every_breach() -> None:
    assert queue.breaches(log_of([0, 10, 60, 70], renders=20)) == 0
    assert queue.breaches(log_of([0, 10, 59], renders=20)) == 1, "three creates in a minute"
    assert queue.breaches(log_of([0, 10, 60], renders=100)) == 1, "three at once"
    twice = log_of([0, 70], renders=5)
    twice.creates[1] = ("d", "v0", 70)
    assert queue.breaches(twice) == 1, "one video twice"


def test_a_short_line_is_worked_off_within_the_limits() -> None:
    durations = [100.0, 50.0, 30.0, 80.0, 10.0, 60.0]
    line = queue._line(1, [0, 0, 1, 1, 2, 2])
    log = queue.simulate(line, queue._lanes(1), durations, lambda _: 3.0)
    assert queue.breaches(log) == 0
    assert sorted(log.ends) == [video.video_id for video in line]
    assert max(log.ends.values()) >= sum(durations) / queue.MAX_RUNNING


@pytest.mark.parametrize(
    ("effect", "shape"),
    [
        (("table", "GET", "/acc/videos(PartitionKey='a',RowKey='b')"), "videos: point read"),
        (
            ("table", "GET", "/acc/work()?$filter=PartitionKey%20eq%20'x'"),
            "work: range of one part",
        ),
        (("table", "POST", "/acc/$batch"), "transaction"),
        (("table", "PUT", "/acc/work(PartitionKey='a',RowKey='b')"), "work: replace"),
        (("blob", "HEAD", "/acc/videos/x.mp4"), "blob: head"),
    ],
)
def test_requests_are_told_apart(effect: tuple[str, str, str], shape: str) -> None:
    (found,) = gated.shapes([Effect(1, *effect), Effect(2, "upstream", "GET", "/videos")])
    assert found.startswith(shape)


def test_requests_of_this_process_are_told_apart() -> None:
    base = "http://127.0.0.1:1/acc/"
    assert _kind("GET", f"{base}work(PartitionKey='open',RowKey='v')") == "work: point read"
    assert _kind("GET", f"{base}work()?$filter=PartitionKey%20eq") == "work: range page"
    assert _kind("PUT", f"{base}deployments(PartitionKey='d',RowKey='v')") == "deployments: write"
    assert of_authority({"deployments: write": 2, "deployments: point read": 3, "work: w": 9}) == 5


@pytest.mark.parametrize("megabytes", [0, 5])
def test_the_source_sends_whole_movies(megabytes: int) -> None:
    total = source.size_of(megabytes)
    head = source._stretched(source._movie(), total)
    inspector = Mp4Inspector()
    inspector.feed(head)
    inspector.feed(bytes(total - len(head)))
    assert (inspector.finish().width, inspector.finish().height) == (64, 48)


def test_nothing_heavy_is_imported_before_it_is_needed() -> None:
    """Cold starts are paid by users."""
    code = "import sys, json, function_app; print(json.dumps(sorted(sys.modules)))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(json.loads(ran.stdout))
    assert "azure.durable_functions" in loaded
    later = {*startup.HEAVY, "httpx", "azure.data.tables", "azure.storage.blob", "azure.identity"}
    assert loaded & later == set()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({}, []),
        ({"most_running": 6}, ["running"]),
        ({"most_creates_in_a_minute": 6}, ["creates_in_a_minute"]),
        ({"refused": {"running": 0, "creates_per_minute": 2}}, ["429 creates_per_minute"]),
    ],
)
def test_a_limit_that_was_passed_is_seen_in_the_journal(
    change: dict[str, object], found: list[str]
) -> None:
    refused = {"running": 0, "creates_per_minute": 0}
    seen = {"most_running": 5, "most_creates_in_a_minute": 5, "refused": refused, **change}
    assert Run([], [], {"deployments": {"one": seen}}).breaches("one") == found
