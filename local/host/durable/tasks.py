"""Tasks as .NET has them, without threads: what waits for one goes on the moment it completes."""

from collections.abc import Callable, Generator, Iterable
from typing import Any

Steps = Generator["Task", None, Any]
"""An async method: yields the tasks that it awaits; what it raises fails its own task."""


class Task:
    """Completes once, with or without an error."""

    def __init__(self) -> None:
        self.is_done = False
        self.error: Exception | None = None
        self._waiting: list[Callable[[], None]] = []

    def complete(self, error: Exception | None = None) -> None:
        if not self.is_done:
            self.is_done, self.error = True, error
            for go_on in self._waiting:
                go_on()

    def then(self, go_on: Callable[[], None]) -> None:
        if self.is_done:
            go_on()
        else:
            self._waiting.append(go_on)


def start(steps: Steps) -> Task:
    """Run an async method up to its first unfinished task, and on whenever that completes."""
    whole = Task()

    def step() -> None:
        try:
            while (awaited := next(steps)).is_done:
                pass
        except StopIteration:
            whole.complete()
        except Exception as error:  # noqa: BLE001  an async method's error is its task's
            whole.complete(error)
        else:
            awaited.then(step)

    step()
    return whole


def done() -> Task:
    task = Task()
    task.complete()
    return task


def when_all(tasks: Iterable[Task]) -> Task:
    """Completes with the last of them, also after one has failed."""

    def steps() -> Steps:
        for task in waited:
            yield task
        for task in waited:
            if task.error is not None:
                raise task.error

    waited = list(tasks)
    return start(steps())


def when_any(tasks: Iterable[Task]) -> Task:
    """Completes with the first of them. Raises ``ValueError`` if there is none."""
    first, waited = Task(), list(tasks)
    if not waited:
        raise ValueError("The tasks argument contains no tasks.")
    for task in waited:
        task.then(first.complete)
    return first
