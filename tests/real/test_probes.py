"""What Microsoft's host answers, asked of this one: its own app, and a hub of its own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from local.host.tests.conformance import APP, ask, differences, recorded
from local.host.tests.conformance.deviations import DEVIATIONS
from local.ports import free_ports
from tests.real.conftest import RealStack
from tests.real.host import Host


@pytest.mark.timeout(500)
def test_the_host_answers_as_microsofts_does(real: RealStack, tmp_path: Path) -> None:
    app = shutil.copytree(APP, tmp_path / "app")
    settings = {
        "AzureWebJobsStorage": real.settings["AzureWebJobsStorage"],
        "FUNCTIONS_WORKER_RUNTIME": "python",
    }
    host = Host(app, free_ports(1)[0], settings, tmp_path / "host.log", "/methods")
    try:
        host.start()
        key = os.environ.get("FUNCTIONS_MASTER_KEY") or None
        answers = ask(host.url, master_key=key, log=host.log)
        allowed = set(DEVIATIONS if host.is_one_process else ())
        if not host.is_one_process and sys.version_info >= (3, 13):
            # recorded on 3.11; the worker for 3.13 drops one of the kinds that are logged
            allowed.add("log lines in the host's output")
        other = [each for each in differences(answers, recorded()) if each.name not in allowed]
    finally:
        host.stop()
    print(f"{len(answers)} questions, {len(other)} answered otherwise")
    assert len(answers) > 350
    assert other == [], "\n".join(map(str, other))
