"""The stack's Azurite loads only what it needs: its start is the longest of a stack's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from local.stack import ROOT

_LIST = 'process.on("exit", () => console.log(JSON.stringify(Object.keys(require.cache))))'


def test_it_loads_nothing_that_sends_telemetry(tmp_path: Path) -> None:
    (tmp_path / "list.cjs").write_text(_LIST)
    azurite = "node_modules/azurite/dist/src/azurite.js"
    command = ["node", "-r", "./local/no_telemetry.cjs", "-r", str(tmp_path / "list.cjs"), azurite]
    ran = subprocess.run(
        [*command, "--version"], cwd=ROOT, capture_output=True, text=True, timeout=110, check=True
    )
    loaded = json.loads(ran.stdout.splitlines()[-1])
    assert any(path.endswith(azurite) for path in loaded)
    assert not [path for path in loaded if "telemetry/" in path or "applicationinsights" in path]
