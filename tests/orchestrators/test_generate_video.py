"""The orchestrator decides: every outcome leads where it should, and a generation stays short."""

from collections import deque
from typing import Any

import pytest

from shared.durable import names
from shared.durable.names import GenerateVideo
from tests.support.driver import orchestrator
from tests.support.scripted import Script, out

VIDEO: GenerateVideo = {
    "v": 1,
    "video_id": "video_" + "0" * 32,
    "caller": "key:a",
    "epoch": 3,
    "scale": 1.0,
}
TURN, SUBMIT, FOLLOW = names.TAKE_TURN, names.SUBMIT_JOB, names.FOLLOW_JOB
COLLECT, FINISH = names.COLLECT_OUTPUT, names.FINISH_VIDEO


def script(*answers: tuple[str, dict[str, Any] | str], **extra: Any) -> Script:
    payload = extra.pop("payload", {**VIDEO})
    return Script(orchestrator(), payload, deque(answers), **extra)


def test_the_straight_way() -> None:
    run = script(
        (TURN, out("granted", stage="submitting", progress=0)),
        (SUBMIT, out("submitted", wait=12.5, stage="rendering", progress=0)),
        (FOLLOW, out("rendering", wait=7.0, stage="rendering", progress=40)),
        (FOLLOW, out("rendered", outputs=2, stage="collecting", progress=99)),
        (COLLECT, out("stored")),
        (COLLECT, out("stored")),
        (FINISH, out("done")),
    )
    assert run.run() == "done"
    assert run.waits() == [12.5, 7.0]
    assert run.statuses[-1] == {"stage": "collecting", "progress": 99}
    activities = [task for task in run.tasks if task.kind == "activity"]
    assert [task.input["index"] for task in activities if task.name == COLLECT] == [0, 1]
    for task in activities:
        assert set(task.input) <= {"v", "video_id", "epoch", "hint", "index"}
        assert (task.input["video_id"], task.input["epoch"]) == (VIDEO["video_id"], 3)


@pytest.mark.parametrize("hint_comes", [True, False])
def test_waiting_sleeps_on_a_timer_and_a_hint_of_its_own(hint_comes: bool) -> None:
    run = script(
        (TURN, out("waiting", wait=30.0)),
        (TURN, out("waiting", wait=20.0)),
        (TURN, out("decided")),
        (FINISH, out("done")),
        hint_comes=hint_comes,
    )
    assert run.run() == "done"
    hints = [task.input["hint"] for task in run.tasks if task.name == TURN]
    assert len(set(hints)) == 3
    assert [task.name for task in run.tasks if task.kind == "event"] == hints[:2]
    timers = [task for task in run.tasks if task.kind == "timer"]
    assert [timer.cancelled for timer in timers] == [hint_comes, hint_comes]


@pytest.mark.parametrize(
    "answers",
    [
        [(TURN, out("superseded"))],
        [(TURN, out("granted")), (SUBMIT, out("superseded"))],
        [(TURN, out("submitted")), (FOLLOW, out("superseded"))],
        [
            (TURN, out("submitted")),
            (FOLLOW, out("rendered", outputs=1)),
            (COLLECT, out("superseded")),
        ],
        [(TURN, out("decided")), (FINISH, out("superseded"))],
    ],
)
def test_a_superseded_worker_ends_at_once(answers: list[tuple[str, dict[str, Any]]]) -> None:
    run = script(*answers)
    assert run.run() == "superseded"
    assert not run.answers


def test_back_in_line_after_a_submission_that_came_to_nothing() -> None:
    run = script(
        (TURN, out("granted")),
        (SUBMIT, out("again", wait=4.0)),
        (TURN, out("decided")),
        (FINISH, out("done")),
    )
    assert run.run() == "done"
    assert run.waits() == [4.0]


def test_a_lost_answer_is_reconciled_by_submitting_again() -> None:
    run = script(
        (TURN, out("granted")),
        (SUBMIT, out("reconcile", wait=0.0)),
        (SUBMIT, out("reconcile", wait=120.0)),
        (SUBMIT, out("submitted")),
        (FOLLOW, out("decided")),
        (FINISH, out("done")),
    )
    assert run.run() == "done"
    assert run.waits() == [120.0]


def test_a_copy_that_fails_is_repeated_after_the_longest_wait() -> None:
    run = script(
        (TURN, out("submitted")),
        (FOLLOW, out("rendered", outputs=2)),
        (COLLECT, out("stored")),
        (COLLECT, out("retry", wait=8.0)),
        (COLLECT, out("stored")),
        (COLLECT, out("stored")),
        (FINISH, out("done")),
    )
    assert run.run() == "done"
    assert run.waits() == [8.0]


def test_an_ended_video_is_watched_on() -> None:
    run = script(
        (TURN, out("submitted")),
        (FOLLOW, out("decided")),
        (FINISH, out("watching", wait=0.0)),
        (FOLLOW, out("watching", wait=60.0)),
        (FOLLOW, out("decided")),
        (FINISH, out("done")),
    )
    assert run.run() == "done"
    assert run.waits() == [60.0]


def test_a_broken_activity_is_called_again_with_growing_pauses() -> None:
    run = script((TURN, "storage is down"), (TURN, "storage is down"), (TURN, out("superseded")))
    assert run.run() == "superseded"
    assert run.waits() == [2.0, 4.0]


def test_an_activity_that_stays_broken_leaves_the_video_to_the_sweep() -> None:
    run = script(*[(TURN, "broken")] * 5)
    assert run.run() == "abandoned: take_turn"
    assert run.again is None


def test_pauses_of_our_own_follow_the_time_scale() -> None:
    fast: GenerateVideo = {**VIDEO, "scale": 20.0}
    run = script((TURN, "broken"), (TURN, out("done")), payload=fast)
    run.run()
    assert run.waits() == [0.1]


def test_history_is_bounded_however_long_a_render_takes() -> None:
    payload: GenerateVideo = {**VIDEO}
    polls = 0
    for generation in range(50):
        run = script((TURN, out("submitted")), payload=payload)
        run.answers.extend([(FOLLOW, out("rendering", wait=5.0))] * 40)
        assert run.run() == "continued"
        assert run.again == {**VIDEO, "generation": generation + 1}
        assert len(run.tasks) * 4 <= 60  # an activity or a timer is four history events
        polls += 40 - len(run.answers)
        payload = run.again
    assert polls >= 200


def test_hints_of_different_generations_have_different_names() -> None:
    first = script((TURN, out("done")))
    second = script((TURN, out("done")), payload={**VIDEO, "generation": 1})
    first.run()
    second.run()
    assert first.tasks[0].input["hint"] != second.tasks[0].input["hint"]


@pytest.mark.parametrize("hint_comes", [True, False])
def test_a_look_is_brought_forward_by_the_hint_of_its_wait(hint_comes: bool) -> None:
    run = script(
        (TURN, out("granted")),
        (SUBMIT, out("submitted", wait=120.0, hint="callback-1")),
        (FOLLOW, out("rendering", wait=60.0, hint="callback-2")),
        (FOLLOW, out("watching", wait=60.0, hint="callback-3")),
        (FOLLOW, out("rendering", wait=1.5)),
        (FOLLOW, out("decided")),
        (FINISH, out("done")),
        hint_comes=hint_comes,
    )
    assert run.run() == "done"
    waited = [task.name for task in run.tasks if task.kind == "event"]
    assert waited == ["callback-1", "callback-2", "callback-3"]
    assert run.waits() == [120.0, 60.0, 60.0, 1.5]
    timers = [task for task in run.tasks if task.kind == "timer"]
    assert [timer.cancelled for timer in timers] == [hint_comes] * 3 + [False]


def test_without_a_hint_a_wait_is_a_timer_and_nothing_else() -> None:
    """As the histories of earlier releases have it."""
    run = script(
        (TURN, out("submitted")),
        (FOLLOW, out("rendering", wait=7.0)),
        (FOLLOW, out("decided")),
        (FINISH, out("done")),
    )
    assert run.run() == "done"
    assert [task.kind for task in run.tasks if task.kind in ("event", "timer")] == ["timer"]
