"""The SDK's own context, made to tell which task got which sequence number.

Numbers are never derived a second time. A task gets its number when it is first yielded, a signal
when it is sent, and a retry draws one for its timer and one for its next attempt; all of that
passes through the two methods overridden here.

With ``replay`` and ``awaiting`` the only module that relies on private names of
azure-functions-durable 1.7.0; ``tests/host/test_sdk_pins.py`` fails when an upgrade changes one.
"""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from azure.durable_functions.models.actions.Action import Action
from azure.durable_functions.models.actions.CreateTimerAction import CreateTimerAction
from azure.durable_functions.models.actions.NoOpAction import NoOpAction
from azure.durable_functions.models.DurableOrchestrationContext import DurableOrchestrationContext
from azure.durable_functions.models.Task import AtomicTask, RetryAbleTask, TaskBase

_RETRY_TIMER = "-WithRetry timer"  # NoOpAction.metadata, SDK 1.7.0 RetryAbleTask.try_set_value


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one sequence number stands for."""

    action: Action
    """For the parts of a retry: the call that is repeated, or the timer between two attempts."""
    retry: RetryAbleTask | None = None


class RecordingContext(DurableOrchestrationContext):
    """A ``DurableOrchestrationContext`` that keeps ``recorded``: sequence number -> action."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.recorded: dict[int, Recorded] = {}
        super().__init__(*args, **kwargs)

    @property
    def actions(self) -> list[Action]:
        """All actions of this generation so far, in the order the extension replays them."""
        return self._action_payload_v2

    def _add_to_open_tasks(self, task: TaskBase) -> None:
        if isinstance(task, AtomicTask) and not task._is_scheduled:
            task_id: Any = task.id
            if task_id is None:  # else it waits for an event, whose name is its id
                self.recorded[self._sequence_number] = self._resolve(task)
        super()._add_to_open_tasks(task)

    def _record_fire_and_forget_action(self, action: Action) -> None:
        if not self.will_continue_as_new:
            self.recorded[self._sequence_number] = Recorded(action)
        super()._record_fire_and_forget_action(action)

    def _resolve(self, task: AtomicTask) -> Recorded:
        retry = task.parent if isinstance(task.parent, RetryAbleTask) else None
        action = task.action_repr
        assert isinstance(action, Action)
        if retry is not None and isinstance(action, NoOpAction):
            if action.metadata == _RETRY_TIMER:
                pause = timedelta(
                    milliseconds=retry.retry_options.first_retry_interval_in_milliseconds
                )
                action = CreateTimerAction(self.current_utc_datetime + pause)
            else:
                assert isinstance(retry.actions, Action)
                action = retry.actions
        return Recorded(action, retry)


def speed_up_replay() -> None:
    """Let the SDK read our timestamps with ``fromisoformat``: dateutil dominates long replays.

    Only this host does it; on Azure the SDK's own parser runs.
    """
    # The package exports a class under the module's name, hence the detour.
    module = sys.modules["azure.durable_functions.models.history.HistoryEvent"]
    module.dt_parse = _parse_timestamp  # type: ignore[attr-defined]


@lru_cache(maxsize=4096)
def _parse_timestamp(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
