"""The worker of a batch: advance it again and again until it is over.

The tables are the truth, so this one only keeps the time; it may die or exist twice.
"""

from collections.abc import Generator
from typing import Any

from orchestrators.steps import AbandonedError, Steps
from shared.durable import names
from shared.durable.names import RunBatch
from shared.durable.sdk import OrchestrationContext, Task, blueprint, orchestrator

bp = blueprint()


@orchestrator(bp)
def run_batch(context: OrchestrationContext) -> Generator[Task, Any, str]:
    """Input: `RunBatch`. Output: the last outcome, for people."""
    batch: RunBatch = context.get_input()
    steps = Steps(context, batch)
    try:
        while not steps.full:
            result = yield from steps.call(names.ADVANCE_BATCH)
            if result["outcome"] != "again":
                return str(result["outcome"])
            yield from steps.wait(result)
    except AbandonedError as error:
        return f"abandoned: {error}"
    steps.continue_as_new()
    return "continued"
