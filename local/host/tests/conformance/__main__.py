"""Ask a host that runs `app/`, print its answers as JSON, and compare them with the recorded ones.

    python -m local.host.tests.conformance BASE_URL [--master-key KEY] [--log FILE] [--only GROUP]

The host serves `app/` alone, from an empty task hub, with `AzureWebJobsStorage` set. What differs
is told on stderr; then the exit code is 1. Without `--master-key` the host is taken to ask for no
keys (`func start`), and what is about keys is not asked; without `--log` (the file that the host's
output goes to) nothing is asked about logs. `--only starts` asks one group: `kinds` needs `starts`
before it, and `purges` empties the hub.

The recorded answers are those of Functions host 4.1037 with Python worker 4.34 on Python 3.11,
extensions DurableTask 3.19.0 and EventGrid 3.3.0, Azurite 3.37; azure-functions 1.26.0,
azure-functions-durable 1.7.0. In them TIME, ID, HOST, KEY and `...frames...` stand for what differs
from run to run, and a `StackTrace` is `"..."`.
"""

import argparse
import json
import sys
from pathlib import Path

from . import ask, differences, recorded


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m local.host.tests.conformance",
        description="Ask a Functions host, and compare with what Microsoft's host answered.",
    )
    parser.add_argument("base_url")
    parser.add_argument("--master-key", help="the host's master key; without it no keys are asked")
    parser.add_argument("--log", type=Path, help="the file that the host's output goes to")
    parser.add_argument("--only", default="", help="the groups whose name contains this")
    given = parser.parse_args()
    answers = ask(given.base_url, master_key=given.master_key, log=given.log, only=given.only)
    print(json.dumps(answers, indent=1, ensure_ascii=False))
    found = differences(answers, recorded())
    for difference in found:
        print(difference, file=sys.stderr)
    print(f"{len(answers)} asked, {len(found)} answered otherwise", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
