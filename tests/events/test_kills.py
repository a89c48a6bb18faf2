"""A video's announcements when the host is killed at any effect: each is on record exactly once.

A seeded sample; `python -m tests.events.test_kills` takes every effect of a clean job.
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from tests.faults.gate import When
from tests.faults.rig import CALM, Rig
from tests.support.receivers import Receiver
from tests.support.waiting import eventually

_CHANCE = random.Random(20261121)
POINTS = [
    (number, _CHANCE.choice(get_args(When)))
    for number in (9, 10, *_CHANCE.sample(range(11, 75), 3))  # 9 and 10: the admission
]


@pytest.fixture(scope="module")
def topic() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def rig(topic: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig(tmp_path_factory.mktemp("rig"), settings=CALM | announced_to(topic)) as running:
        yield running


@pytest.mark.parametrize(("number", "when"), POINTS)
def test_a_kill_loses_and_doubles_no_announcement(
    rig: Rig, topic: Receiver, number: int, when: When
) -> None:
    assert breaches(rig, topic, number, when) == []


def announced_to(topic: Receiver) -> dict[str, str]:
    return {"EVENT_TOPIC_ENDPOINT": f"{topic.url}/api/events", "JOB_DEADLINE_MINUTES": "60"}


def breaches(rig: Rig, topic: Receiver, number: int, when: When) -> list[str]:
    """What is wrong with the rows and the received events of one video, read from outside."""
    rig.ensure_host()
    rig.clear()
    topic.received.clear()
    rig.arm(number, when)
    video_id = rig.order(1, model="sora-2")
    rig.settle()
    rows = eventually(lambda: _rows(rig, video_id))
    wrong = rig.breaches()
    names = Counter(str(row["name"]) for row in rows)
    given_up = ["VideoFailed"] if rig.video(video_id)["rescued"] else []
    if names != Counter(["VideoQueued", *given_up, "VideoCompleted"]):
        wrong.append(f"on record: {dict(names)}")
    due = {
        str(row["delivery"])
        for row in rig.tables.get_table_client("outbox").query_entities("PartitionKey eq 'due'")
    }
    received = {event["id"] for event in topic.events() if event["subject"] == video_id}
    for row in rows:
        if row["state"] == "pending" and row["RowKey"] not in due:
            wrong.append(f"{row['name']} is pending and nothing leads to it")
        if row["state"] == "delivered" and row["event_id"] not in received:
            wrong.append(f"{row['name']} was never received")
    if not received <= {row["event_id"] for row in rows}:
        wrong.append("an event was received that is not on record")
    return wrong


def _rows(rig: Rig, video_id: str) -> list[dict[str, object]]:
    """The deliveries of a video once the host is done with them, or has died over them."""
    table = rig.tables.get_table_client("outbox")
    until = time.monotonic() + 3
    while True:
        rows = [dict(row) for row in table.query_entities(f"PartitionKey eq '{video_id}'")]
        over = len(rows) >= 2 and all(row["state"] == "delivered" for row in rows)
        if over or time.monotonic() > until:
            return rows
        time.sleep(0.05)


def main() -> None:
    """Every effect, before and after."""
    topic, failed, points = Receiver(), 0, 0
    try:
        with (
            tempfile.TemporaryDirectory() as folder,
            Rig(Path(folder), settings=announced_to(topic)) as rig,
        ):
            breaches(rig, topic, 10**6, "before")
            effects = len(rig.gate.effects)
            for number in range(1, effects + 1):
                for when in get_args(When):
                    points += 1
                    found = breaches(rig, topic, number, when)
                    if found:
                        failed += 1
                        print(f"killed {when} effect {number}: {'; '.join(found)}", flush=True)
    finally:
        topic.close()
    print(f"{points} kill points of {effects} effects, {failed} failed")


if __name__ == "__main__":
    main()
