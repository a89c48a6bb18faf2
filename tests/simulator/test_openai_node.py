"""The official Node client, where Node is installed."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from tests.simulator.process import REPOSITORY, Simulator

SCRIPT = Path(__file__).parent / "node" / "videos.mjs"

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_node_client(simulator: Simulator, tmp_path: Path) -> None:
    image = tmp_path / "first.png"
    Image.new("RGB", (1280, 720), "teal").save(image)
    ran = subprocess.run(
        ["node", str(SCRIPT), f"{simulator.url}/openai/v1/", str(image)],
        cwd=REPOSITORY,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert ran.returncode == 0, ran.stderr
    seen = json.loads(ran.stdout)
    entry = simulator.entry(seen["id"])
    files = entry["outputs"][0]["files"]
    assert {kind: file["size_bytes"] for kind, file in files.items()} == seen["sizes"]
    assert all(file["downloads"]["completed"] == 1 for file in files.values())
