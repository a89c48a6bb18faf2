"""How an orchestrator calls activities: with a bounded history, and again when they fail."""

from collections.abc import Generator, Mapping, Sequence
from datetime import timedelta
from typing import Any, cast

from shared.durable.names import GenerateVideo, Result, RunBatch
from shared.durable.sdk import OrchestrationContext, Task

_CALLS_PER_GENERATION = 6
"""An activity and its timer are eight history events, so a generation stays below about sixty."""
_TRIES = 5
_FIRST_PAUSE = 2.0
_WHOSE = ("v", "video_id", "batch_id", "epoch")
"""What every activity gets of the orchestration's input."""


class AbandonedError(Exception):
    """An activity failed at every try. The orchestration ends; the sweep finds the video by its old
    heartbeat and starts another."""


class Steps:
    """One generation of an orchestration."""

    def __init__(self, context: OrchestrationContext, payload: GenerateVideo | RunBatch) -> None:
        self._context = context
        self._payload = payload
        self._whose = {name: value for name, value in payload.items() if name in _WHOSE}
        self._calls = 0
        self._waits = 0

    @property
    def full(self) -> bool:
        """Whether it is time to continue as new."""
        return self._calls >= _CALLS_PER_GENERATION

    def continue_as_new(self) -> None:
        """Begin another generation: the state is in the tables."""
        again = {**self._payload, "generation": self._payload.get("generation", 0) + 1}
        self._context.continue_as_new(again)

    def call(self, activity: str, **extra: Any) -> Generator[Task, Any, Result]:
        """The result of an activity; when it raises, it is called again after a growing pause."""
        (result,) = yield from self.call_all(activity, [extra])
        return result

    def call_all(
        self, activity: str, extras: Sequence[Mapping[str, Any]]
    ) -> Generator[Task, Any, list[Result]]:
        """The results of parallel calls. When one raises, all are called again, which is harmless:
        every activity finds out what is already done."""
        for attempt in range(_TRIES):
            tasks = [self._task(activity, extra) for extra in extras]
            try:
                results = yield self._context.task_all(tasks)
            except Exception:  # noqa: BLE001  # the SDK raises plain Exceptions for failed tasks
                yield self.timer(_FIRST_PAUSE * 2**attempt / self._payload["scale"])
                continue
            for result in results:
                self._show(result)
            return cast("list[Result]", results)
        raise AbandonedError(activity)

    def wait(self, result: Result) -> Generator[Task, Any, None]:
        """Sleep for the `wait` of a result, or until its `hint`, if it has one."""
        seconds, hint = result.get("wait", 0.0), result.get("hint")
        if seconds > 0 and hint:
            yield from self.sleep(seconds, hint)
        elif seconds > 0:
            yield self.timer(seconds)

    def timer(self, seconds: float) -> Task:
        return self._context.create_timer(
            self._context.current_utc_datetime + timedelta(seconds=seconds)
        )

    def next_hint(self) -> str:
        """An event name that is new to this instance."""
        self._waits += 1
        return f"turn-{self._payload.get('generation', 0)}-{self._waits}"

    def sleep(self, seconds: float, hint: str) -> Generator[Task, Any, None]:
        """Wait for the time or for the hint, whichever comes first."""
        timer = self.timer(seconds)
        woken = self._context.wait_for_external_event(hint)
        first = yield self._context.task_any([woken, timer])
        if first is woken:
            timer.cancel()

    def _task(self, activity: str, extra: Mapping[str, Any]) -> Task:
        self._calls += 1
        return self._context.call_activity(activity, {**self._whose, **extra})

    def _show(self, result: Result) -> None:
        if "stage" in result:
            status = {"stage": result["stage"], "progress": result.get("progress", 0)}
            self._context.set_custom_status(status)
