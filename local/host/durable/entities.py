"""Entities as the instances that they are on Azure: one that never ends and whose input is a state.

Extension ``SchedulerState`` and ``EntityStatus``; DurableTask.AzureStorage
``EntityTrackingStoreQueries``.
"""

import json
import uuid

from .. import net_json
from .engine import Entity, Instance, RuntimeStatus


def as_instance(entity: Entity) -> Instance:
    """The row of an entity in the instances table; each batch is a generation of its own."""
    scheduler = {
        **({"exists": True} if entity.exists else {}),
        **({} if entity.state is None else {"state": entity.state}),
        "sorter": {},
    }
    return Instance(
        instance_id=entity.entity_id,
        execution_id=uuid.uuid4().hex,
        name=entity.entity_id,
        version="",
        status=RuntimeStatus.RUNNING,
        input=net_json.dumps(scheduler),
        output=None,
        custom_status=net_json.dumps({"entityExists": True} if entity.exists else {}),
        created_at=entity.last_operation_at,
        updated_at=entity.last_operation_at,
    )


def from_instance(instance: Instance) -> Entity | None:
    """The entity behind an instance, None for an orchestration (whose id may begin with @ too)."""
    if instance.name != instance.instance_id or not instance.name.startswith("@"):
        return None
    scheduler = json.loads(instance.input or "{}")
    return Entity(
        instance.instance_id,
        scheduler.get("exists", False),
        scheduler.get("state"),
        instance.updated_at,
    )
