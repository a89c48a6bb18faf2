"""The local host, noting for each episode what it showed the orchestrator and what that cost.

Started by `bench.history` in place of `local.host`; writes JSON lines to the file `RECORD_TO`.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local.host.__main__ import main
from local.host.durable import replay

_ask = replay._ask


def _timed(handle: Callable[[str], str], context: str) -> str:
    """The SDK's replay and the orchestrator, and a note of what that took."""
    began = time.thread_time()
    try:
        return _ask(handle, context)
    finally:
        _write(json.loads(context), time.thread_time() - began)


def _write(context: dict[str, Any], cpu: float) -> None:
    history = context["history"]
    line = {
        "instance": context["instanceId"],
        "generation": history[1]["OrchestrationInstance"]["ExecutionId"],
        "events": len(history),
        "replayed": sum(1 for event in history if event["IsPlayed"]),
        "bytes": len(json.dumps(history).encode()),
        "cpu": cpu,
    }
    with Path(os.environ["RECORD_TO"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    replay._ask = _timed
    main()
