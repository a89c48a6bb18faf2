"""The stack's Azurite loads only what it needs: its start is the longest of a stack's."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from local.stack import ROOT

# into a file: Azurite exits by itself, which cuts off what a pipe has not taken yet (64 KiB)
_LIST = """process.on("exit", () =>
  require("node:fs").writeFileSync(process.env.LOADED, JSON.stringify(Object.keys(require.cache))));
"""


def test_it_loads_nothing_that_sends_telemetry(tmp_path: Path) -> None:
    (tmp_path / "list.cjs").write_text(_LIST)
    azurite = "node_modules/azurite/dist/src/azurite.js"
    command = ["node", "-r", "./local/no_telemetry.cjs", "-r", str(tmp_path / "list.cjs"), azurite]
    seen = tmp_path / "loaded.json"
    environ = os.environ | {"LOADED": str(seen)}
    subprocess.run([*command, "--version"], cwd=ROOT, env=environ, timeout=110, check=True)
    loaded = json.loads(seen.read_text())
    assert any(path.endswith(azurite) for path in loaded)
    assert not [path for path in loaded if "telemetry/" in path or "applicationinsights" in path]
