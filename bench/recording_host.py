"""The local host, noting for each episode what it showed the orchestrator and what that cost.

Started by `bench.history` in place of `local.host`; writes JSON lines to the file `RECORD_TO`.
"""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from local.host.__main__ import main
from local.host.durable import replay

_sdk: Any = vars(replay)["Orchestrator"]
_handle = _sdk.handle
_show = replay._context_json
_shown = threading.local()


def _noted(*args: Any, **extra: Any) -> str:
    context = _show(*args, **extra)
    _shown.shown = context
    return context


def _timed(self: Any, context: Any) -> Any:
    """The SDK's replay and the orchestrator, and a note of what that took."""
    shown = _shown.shown  # the context was made in this thread a moment ago
    began = time.thread_time()
    try:
        return _handle(self, context)
    finally:
        _write(json.loads(shown), time.thread_time() - began)


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
    replay._context_json = _noted
    _sdk.handle = _timed
    main()
