"""Stands in for `az` and `azd` while a hook runs, under either name.

`STUB_STATE` names a JSON file: `answers` maps the beginning of a command line to what the service
says (`{"value": document}` or `{"error": text}`; a list gives one after the other and repeats its
last), `calls` collects every command line, `bodies` what `--body @FILE` held, and `environment`
what `azd env set` stored. `--query` is applied with JMESPath, as the Azure CLI does it.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise

# a hook runs this many times: nothing is imported that is not needed
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> int:
    path = os.environ["STUB_STATE"]
    with open(path) as file:  # noqa: PTH123
        state = json.load(file)
    program, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]  # noqa: PTH119
    line = " ".join([program, *arguments])
    state["calls"].append([program, *arguments])
    if arguments[:2] == ["env", "set"]:
        state["environment"][arguments[2]] = arguments[3]
    for argument in arguments:
        if argument.startswith("@"):
            with open(argument[1:]) as file:  # noqa: PTH123
                state["bodies"].append(json.load(file))
    answer = find(state["answers"], line)
    with open(path, "w") as file:  # noqa: PTH123
        json.dump(state, file)
    if answer is None:
        return 0
    if "error" in answer:
        print(answer["error"], file=sys.stderr)
        return 1
    show(answer["value"], arguments)
    return 0


def find(answers: dict[str, Any], line: str) -> Any:
    """The answer to the longest beginning that fits; its list gets shorter."""
    fitting = [start for start in answers if line.startswith(start)]
    if not fitting:
        return None
    start = max(fitting, key=len)
    answer = answers[start]
    if isinstance(answer, list):
        answers[start] = answer[1:] or answer
        answer = answer[0]
    return answer


def show(value: Any, arguments: list[str]) -> None:
    options = dict(pairwise(arguments))
    if "--query" in options:
        import site

        site.main()  # where the packages are: this Python starts without (-S)
        import jmespath

        value = jmespath.search(options["--query"], value)  # type: ignore[no-untyped-call]
    if options.get("--output") == "none" or value is None:
        return
    if options.get("--output") == "tsv":
        for row in value if isinstance(value, list) else [value]:
            print("\t".join(map(str, row)) if isinstance(row, list) else row)
        return
    print(json.dumps(value))


sys.exit(main())
