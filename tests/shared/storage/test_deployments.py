"""The quota authority in Azurite: however many decide at once, the limits hold."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from shared.domain.limits import MOST_RUNNING, MOST_SUBMITS
from shared.domain.outage import TurnedAway, turned_away
from shared.domain.quota import (
    DeploymentState,
    QueuedVideo,
    Submit,
    decide,
    freed,
    granted,
    submitted,
    taken,
)
from shared.storage.accounts import Account
from shared.storage.deployments import Deployments
from shared.storage.rows import RowChanged

LIMITS = DeploymentState(deployment="a", max_running=3, max_creates=10**6, window=60.0)
THREADS = 32


@pytest.fixture
def deployments(connection: str) -> Deployments:
    return Deployments(Account(connection=connection).table("deployments"))


def video(number: int) -> QueuedVideo:
    return QueuedVideo(
        video_id=f"video_{number:032x}",
        caller=f"key:{number % 4}",
        deployments=("a",),
        expected=30.0,
    )


def test_everything_of_a_lane_is_kept(deployments: Deployments) -> None:
    now = 1_796_000_000.25
    held = granted(LIMITS, video(1), now, lease=60)
    sending = taken(held, video(1).video_id, now, lease=600)
    assert sending is not None
    refusal = TurnedAway(status=401, message="no")
    sending = replace(sending, outage=turned_away(None, refusal, "video_1", now))
    deployments.change(LIMITS, lambda _: sending)
    assert deployments.get(LIMITS).state == sending
    unreachable = turned_away(None, TurnedAway(status=None, message=""), "video_1", now)
    for outage in (unreachable, None):
        deployments.change(LIMITS, lambda state, what=outage: replace(state, outage=what))  # type: ignore[misc]
        assert deployments.get(LIMITS).state.outage == outage
    deployments.change(LIMITS, lambda _: sending)
    assert [found.state for found in deployments.all([LIMITS])] == [sending]


def test_a_deployment_of_the_largest_size_fits_into_its_row(deployments: Deployments) -> None:
    """With the longest names of callers, and every create of a minute still counting."""
    now, many = 1_796_000_000.123456, range(MOST_RUNNING)
    ids = [f"video_{number:032x}" for number in many]
    caller = "entra:" + "f" * 64
    full = replace(
        LIMITS,
        max_running=MOST_RUNNING,
        running=dict.fromkeys(ids, now + 3600),
        callers=dict.fromkeys(ids, caller),
        ends=dict.fromkeys(ids, now + 60),
        creates=tuple(now - number / 7 for number in many),
        submitting={
            video_id: Submit(likeness="f" * 60, sending=True) for video_id in ids[:MOST_SUBMITS]
        },
        unanswered={"e" * 60: now + 240},
    )
    deployments.change(replace(LIMITS, max_running=MOST_RUNNING), lambda _: full)
    found = deployments.get(replace(LIMITS, max_running=MOST_RUNNING)).state
    assert found.creates == full.creates
    assert (found.callers, found.submitting, found.unanswered) == (
        full.callers,
        full.submitting,
        full.unanswered,
    )
    assert found.running == pytest.approx(full.running)


def test_one_submit_that_release_0_1_left_keeps_all_others_back(deployments: Deployments) -> None:
    limits = replace(LIMITS, shown=("prompt",))
    columns: dict[str, str | int | float | bool | None] = {
        "running": json.dumps({video(1).video_id: {"until": 2e9, "caller": "key:1", "ends": 2e9}}),
        "submitting": video(1).video_id,
        "sending": True,
    }
    deployments._table.insert("d", "a", columns)
    found = deployments.get(limits).state
    assert found.submitting == {video(1).video_id: Submit(sending=True)}
    assert decide([replace(video(2), facts="9f 720x1280 4 1")], [found], 1.8e9) == []


def test_thirty_two_threads_cannot_pass_a_limit(deployments: Deployments) -> None:
    """Each thread is a whole app: it decides for everybody, swaps the row, submits and frees. What
    really runs is counted beside the row."""
    waiting = {number: video(number) for number in range(THREADS)}
    lock = threading.Lock()
    running: set[str] = set()
    submitting: set[str] = set()
    most = [0, 0]
    done: list[str] = []

    def work(number: int) -> None:
        mine = video(number)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            now = time.time()
            stored = deployments.get(LIMITS)
            with lock:
                line = list(waiting.values())
            for grant in decide(line, [stored.state], now):
                who = next(each for each in line if each.video_id == grant.video_id)
                try:
                    deployments.replace(stored, granted(stored.state, who, now, lease=30))
                except RowChanged:
                    break
            after = deployments.change(
                LIMITS, lambda state: taken(state, mine.video_id, time.time(), lease=60) or state
            )
            if mine.video_id in after.state.submitting:
                break
            time.sleep(0.02)
        else:
            raise AssertionError(f"{mine.video_id} was never served")
        with lock:
            waiting.pop(number)
            running.add(mine.video_id)
            submitting.add(mine.video_id)
            most[:] = max(most[0], len(running)), max(most[1], len(submitting))
        time.sleep(0.01)
        with lock:
            submitting.discard(mine.video_id)
        deployments.change(LIMITS, lambda state: submitted(state, mine.video_id, time.time()))
        time.sleep(0.03)
        with lock:
            running.discard(mine.video_id)
            done.append(mine.video_id)
        deployments.change(LIMITS, lambda state: freed(state, mine.video_id, time.time()))

    with ThreadPoolExecutor(THREADS) as pool:
        for each in [pool.submit(work, number) for number in range(THREADS)]:
            each.result()
    assert len(done) == THREADS
    assert most[0] <= 3
    assert most[1] == 1
    left = deployments.get(LIMITS).state
    assert (dict(left.running), dict(left.submitting), left.served) == ({}, {}, THREADS)
