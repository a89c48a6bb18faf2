"""From an admitted request to its end: wait for the turn, submit, poll, collect, settle.

The tables are the truth; a worker reads them through activities, and it may die or exist twice. It
carries only the video's id and epoch, and begins every generation at the same place, because each
step finds out what is already done.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any

from orchestrators.steps import AbandonedError, Steps
from shared.durable import names
from shared.durable.names import GenerateVideo, Outcome
from shared.durable.sdk import OrchestrationContext, Task, blueprint, orchestrator

bp = blueprint()

Flow = Generator[Task, Any, Outcome | None]
"""A part of the orchestration; it returns the outcome to go on with, or None to continue as new."""


@orchestrator(bp)
def generate_video(context: OrchestrationContext) -> Generator[Task, Any, str]:
    """Input: `GenerateVideo`. Output: the last outcome, for people."""
    video: GenerateVideo = context.get_input()
    steps = Steps(context, video)
    try:
        outcome = yield from _work(steps)
    except AbandonedError as error:
        return f"abandoned: {error}"
    if outcome is None:
        steps.continue_as_new()
        return "continued"
    return outcome


def _work(steps: Steps) -> Flow:
    """One generation: each outcome chooses the next stage. A stage that may take long returns None
    when the generation is full."""
    outcome: Outcome | None = "again"
    while outcome is not None and outcome not in _ENDS:
        outcome = yield from _STAGES[outcome](steps)
    return outcome


def _wait_for_turn(steps: Steps) -> Flow:
    while not steps.full:
        hint = steps.next_hint()
        result = yield from steps.call(names.TAKE_TURN, hint=hint)
        if result["outcome"] != "waiting":
            return result["outcome"]
        yield from steps.sleep(result["wait"], hint)
    return None


def _submit(steps: Steps) -> Flow:
    while not steps.full:
        result = yield from steps.call(names.SUBMIT_JOB)
        yield from steps.wait(result)
        if result["outcome"] != "reconcile":
            return result["outcome"]
    return None


def _follow(steps: Steps) -> Flow:
    while not steps.full:
        result = yield from steps.call(names.FOLLOW_JOB)
        if result["outcome"] == "rendered":
            return (yield from _collect(steps, result["outputs"]))
        yield from steps.wait(result)
        if result["outcome"] not in ("rendering", "watching", "submitted"):
            return result["outcome"]
    return None


def _collect(steps: Steps, outputs: int) -> Flow:
    while True:
        results = yield from steps.call_all(
            names.COLLECT_OUTPUT, [{"index": index} for index in range(outputs)]
        )
        outcomes = {result["outcome"] for result in results}
        for end in ("superseded", "done", "decided"):
            if end in outcomes:
                return end
        if outcomes == {"stored"}:
            return "decided"
        slowest = max(results, key=lambda result: result.get("wait", 0.0))
        yield from steps.wait(slowest)
        if steps.full:
            return None


def _finish(steps: Steps) -> Flow:
    result = yield from steps.call(names.FINISH_VIDEO)
    yield from steps.wait(result)
    return result["outcome"]


_ENDS: frozenset[Outcome] = frozenset({"done", "superseded"})

_STAGES: Mapping[Outcome, Callable[[Steps], Flow]] = {
    "again": _wait_for_turn,
    "granted": _submit,
    "submitted": _follow,
    "rendering": _follow,
    "watching": _follow,
    "retry": _follow,
    "decided": _finish,
}
