"""A context that answers an orchestrator from a list, so that every outcome can be had."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def out(outcome: str, **more: Any) -> dict[str, Any]:
    """A result of an activity."""
    return {"outcome": outcome, **more}


@dataclass
class Task:
    kind: str
    name: str = ""
    input: Any = None
    fire_at: datetime | None = None
    children: list[Task] = field(default_factory=list)
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


@dataclass
class Script:
    """A context that answers activities from a list; a string answer is an error to raise."""

    orchestrate: Callable[[Any], Generator[Any, Any, str]]
    payload: Any
    answers: deque[tuple[str, dict[str, Any] | str]]
    tasks: list[Task] = field(default_factory=list)
    statuses: list[Any] = field(default_factory=list)
    again: Any = None
    hint_comes: bool = False
    current_utc_datetime: datetime = datetime(2026, 11, 21, tzinfo=UTC)
    is_replaying: bool = False
    instance_id: str = "i"

    def get_input(self) -> Any:
        return self.payload

    def _task(self, *args: Any, **extra: Any) -> Task:
        self.tasks.append(Task(*args, **extra))
        return self.tasks[-1]

    def call_activity(self, name: str, input_: Any = None) -> Task:
        return self._task("activity", name, input_)

    def create_timer(self, fire_at: datetime) -> Task:
        return self._task("timer", fire_at=fire_at)

    def wait_for_external_event(self, name: str) -> Task:
        return self._task("event", name)

    def task_any(self, tasks: list[Task]) -> Task:
        return Task("any", children=tasks)

    def task_all(self, tasks: list[Task]) -> Task:
        return Task("all", children=tasks)

    def set_custom_status(self, status: Any) -> None:
        self.statuses.append(status)

    def continue_as_new(self, input_: Any) -> None:
        self.again = input_

    def resolve(self, task: Task) -> Any:
        if task.kind == "activity":
            name, answer = self.answers.popleft()
            assert task.name == name
            if isinstance(answer, str):
                raise RuntimeError(answer)
            return {"v": 1, **answer}
        if task.kind == "all":
            return [self.resolve(child) for child in task.children]
        if task.kind == "any":
            wanted = "event" if self.hint_comes else "timer"
            return next(child for child in task.children if child.kind == wanted)
        return None

    def run(self) -> str:
        generator = self.orchestrate(self)
        value: Any = None
        failure: Exception | None = None
        while True:
            try:
                task = generator.send(value) if failure is None else generator.throw(failure)
            except StopIteration as end:
                return str(end.value)
            value, failure = None, None
            try:
                value = self.resolve(task)
            except RuntimeError as error:
                failure = error

    def waits(self) -> list[float]:
        return [
            (task.fire_at - self.current_utc_datetime).total_seconds()
            for task in self.tasks
            if task.fire_at is not None
        ]
