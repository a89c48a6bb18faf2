"""The seam to the Durable SDK: what is asked of it where the real host is unforgiving."""

import asyncio
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from shared.durable.sdk import Client, purge_finished

DAY = datetime(2026, 11, 28, tzinfo=UTC)


def test_purging_names_every_status_that_is_final_and_no_other() -> None:
    """Microsoft's extension takes another status for no filter and deletes running instances."""
    asked: list[Any] = []

    class Durable:
        async def purge_instance_history_by(self, *args: Any) -> Any:
            asked.append(args)
            return SimpleNamespace(instances_deleted=3)

    assert asyncio.run(purge_finished(cast("Client", Durable()), DAY, DAY)) == 3
    ((_, _, statuses),) = asked
    assert {each.value for each in statuses} == {"Completed", "Failed", "Terminated", "Canceled"}
