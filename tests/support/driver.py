"""Runs the orchestrator without a Functions host: its activities for real, its timers slept.

For tests of the life of a video that need no HTTP trigger; replay, histories and event delivery are
the host's and are tested with it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from orchestrators.generate_video import generate_video
from shared.durable import names
from shared.durable.names import GenerateVideo
from shared.lifecycle.batches.advance import advance_batch
from shared.lifecycle.requests.admit import Admitted
from shared.lifecycle.services import Services
from shared.lifecycle.steps import collect_output, finish_video, follow_job, submit_job, take_turn
from shared.lifecycle.steps.step import Done

Activity = Callable[[Services, Mapping[str, Any]], Done]

ACTIVITIES: Mapping[str, Activity] = {
    names.TAKE_TURN: lambda app, s: take_turn.take_turn(app, s["video_id"], s["epoch"], s["hint"]),
    names.SUBMIT_JOB: lambda app, s: submit_job.submit_job(app, s["video_id"], s["epoch"]),
    names.FOLLOW_JOB: lambda app, s: follow_job.follow_job(app, s["video_id"], s["epoch"]),
    names.COLLECT_OUTPUT: lambda app, s: collect_output.collect_output(
        app, s["video_id"], s["epoch"], s["index"]
    ),
    names.FINISH_VIDEO: lambda app, s: finish_video.finish_video(app, s["video_id"], s["epoch"]),
}


@dataclass
class FakeTask:
    """An activity call, a timer, an event or a combination, resolved when it is yielded."""

    kind: str
    resolve: Callable[[], Any] = lambda: None
    children: list["FakeTask"] = field(default_factory=list)
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class FakeContext:
    """The parts of `OrchestrationContext` that the orchestrator uses."""

    services: Services
    payload: GenerateVideo
    calls: list[str] = field(default_factory=list)
    statuses: list[Any] = field(default_factory=list)
    next_input: GenerateVideo | None = None
    instance_id: str = "driven"
    is_replaying: bool = False

    @property
    def current_utc_datetime(self) -> datetime:
        return datetime.now(UTC)

    def get_input(self) -> GenerateVideo:
        return self.payload

    def call_activity(self, name: str, input_: Any = None) -> FakeTask:
        def work() -> Any:
            self.calls.append(name)
            return ACTIVITIES[name](self.services, input_).result

        return FakeTask("activity", work)

    def create_timer(self, fire_at: datetime) -> FakeTask:
        def sleep() -> None:
            time.sleep(max(0.0, (fire_at - datetime.now(UTC)).total_seconds()))

        return FakeTask("timer", sleep)

    def wait_for_external_event(self, name: str) -> FakeTask:
        return FakeTask(f"event {name}")

    def task_any(self, tasks: list[FakeTask]) -> FakeTask:
        """No event ever comes: every hint is lost, so the timer wins."""
        timer = next(task for task in tasks if task.kind == "timer")

        def first() -> FakeTask:
            timer.resolve()
            return timer

        return FakeTask("any", first, tasks)

    def task_all(self, tasks: list[FakeTask]) -> FakeTask:
        return FakeTask("all", lambda: [task.resolve() for task in tasks], tasks)

    def set_custom_status(self, status: Any) -> None:
        self.statuses.append(status)

    def continue_as_new(self, input_: Any) -> None:
        self.next_input = input_


def drive(services: Services, payload: GenerateVideo) -> tuple[str, list[str]]:
    """Run a video's orchestration to its end, over all generations; its output and its calls."""
    calls: list[str] = []
    while True:
        context = FakeContext(services, payload, calls)
        output = run_generation(context)
        if context.next_input is None:
            return output, calls
        payload = context.next_input


def advanced(services: Services, batch_id: str, epoch: int = 1) -> tuple[Admitted, ...]:
    """Run a batch until its worker sleeps or is done; the videos that it admitted."""
    admitted: tuple[Admitted, ...] = ()
    while True:
        step = advance_batch(services, batch_id, epoch)
        admitted += step.admitted
        if step.result["outcome"] != "again" or step.result.get("wait"):
            return admitted


def run_generation(context: FakeContext) -> str:
    generator = orchestrator()(context)
    value: Any = None
    failure: Exception | None = None
    while True:
        try:
            task = generator.send(value) if failure is None else generator.throw(failure)
        except StopIteration as end:
            return str(end.value)
        value, failure = None, None
        try:
            value = task.resolve()
        except Exception as error:  # noqa: BLE001  # as the SDK does with a failed task
            failure = error


def orchestrator(built: Any = generate_video) -> Callable[[Any], Any]:
    """The generator function below the SDK's decorators."""
    return built._function._func.orchestrator_function  # type: ignore[no-any-return]
