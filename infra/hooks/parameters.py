"""Prints what azd gives a parameter of main.bicep: `parameters.py NAME`.

That is its value in main.parameters.json with the azd environment filled in, or else the default
in main.bicep. Texts, numbers and true or false only. Runs on any Python that azd runs on.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1]
TRUE = ("1", "t", "T", "TRUE", "true", "True")
"""What azd takes for it: Go's strconv.ParseBool."""


def main(name: str) -> None:
    parameters = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    template = (INFRA / "main.bicep").read_text()
    value = parameters.get(name, {}).get("value")
    if isinstance(value, str):
        value = re.sub(
            r"\$\{(\w+)(?:=([^}]*))?\}",
            lambda found: os.environ.get(found[1]) or found[2] or "",
            value,
        )
        if re.search(rf"^param {name} bool\b", template, re.MULTILINE):
            value = value in TRUE
    if value is None:
        declared = re.search(rf"^param {name} \w+ = '?([\w.-]*)'?$", template, re.MULTILINE)
        if declared is None:
            sys.exit(f"main.parameters.json does not set {name}, and main.bicep has no default")
        value = declared[1]
    sys.stdout.write(f"{value}\n" if isinstance(value, str) else f"{json.dumps(value)}\n")


main(sys.argv[1])
