"""The local host, writing down what it shows the orchestrator (for `record`)."""

import json
import os
from pathlib import Path
from typing import Any

from local.host.__main__ import main
from local.host.durable import replay

_show = replay._context_json


def _recorded(*args: Any, **extra: Any) -> str:
    context = _show(*args, **extra)
    with Path(os.environ["RECORD_TO"]).open("a") as file:
        file.write(json.dumps(json.loads(context)) + "\n")
    return context


if __name__ == "__main__":
    replay._context_json = _recorded
    main()
