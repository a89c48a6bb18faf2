"""Begins instances and their generations."""

import uuid

from . import history
from .clock import Clock
from .delivery import Delivery
from .engine import Instance, RuntimeStatus
from .store import Store


class Starter:
    """Creates instances, for clients and for parents."""

    def __init__(
        self, store: Store, delivery: Delivery, clock: Clock, default_version: str
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._clock = clock
        self._default_version = default_version

    def create(
        self,
        instance_id: str,
        name: str,
        data: str | None,
        version: str | None,
        parent: tuple[Instance, int] | None = None,
    ) -> None:
        """Replace whatever has this id, be it running, by a new, pending instance."""
        now = history.timestamp(self._clock.now())
        before = self._store.instance(instance_id)
        generation = 0 if before is None or before.generation is None else before.generation + 1
        self._store.delete_instance(instance_id)
        instance = Instance(
            instance_id=instance_id,
            execution_id=uuid.uuid4().hex,
            name=name,
            version=self._default_version if version is None else version,
            status=RuntimeStatus.PENDING,
            input=data,
            output=None,
            custom_status=None,
            created_at=now,
            updated_at=now,
            parent_instance_id=parent[0].instance_id if parent else None,
            parent_execution_id=parent[0].execution_id if parent else None,
            parent_sequence=parent[1] if parent else None,
            generation=None if parent else generation,
        )
        self._store.put_instance(instance)
        self.begin(instance, generation=instance.generation, by_client=parent is None)

    def begin(
        self, instance: Instance, *, generation: int | None = None, by_client: bool = False
    ) -> None:
        """Send a generation the message that starts it."""
        parent = None
        if instance.parent_instance_id is not None:
            parent = {
                "OrchestrationInstance": {
                    "InstanceId": instance.parent_instance_id,
                    "ExecutionId": instance.parent_execution_id,
                },
                "TaskScheduleId": instance.parent_sequence,
            }
        event = history.execution_started(
            self._clock.now(),
            name=instance.name,
            version=instance.version,
            input=instance.input,
            instance_id=instance.instance_id,
            execution_id=instance.execution_id,
            parent=parent,
            generation=generation,
        )
        self._delivery.send(instance.instance_id, instance.execution_id, event, by_client=by_client)
