"""A simulator in its own process, and what tests ask of it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from local.loopback import BRIEFLY, NO_TLS
from tests.support.waiting import eventually

REPOSITORY = Path(__file__).parents[2]
KEY = {"api-key": "sim-key"}


class Simulator:
    """Starts one on a free port; `url` is its address. Use as a context manager."""

    def __init__(
        self, folder: Path, config: dict[str, Any] | None = None, **options: object
    ) -> None:
        self._folder = folder
        self.log = folder / f"simulator-{time.monotonic_ns()}.log"
        command = [sys.executable, "-m", "local.simulator", "--port", "0"]
        if config is not None:
            path = folder / "config.json"
            path.write_text(json.dumps(config))
            command += ["--config", str(path)]
        for name, value in options.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        # The stack's own settings must not reach the simulator under test.
        stacks = {"TIME_SCALE", "SIMULATOR_PORT", "SIMULATOR_CONFIG"}
        own = {key: os.environ[key] for key in os.environ.keys() - stacks}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command, cwd=REPOSITORY, env=own, stdout=log, stderr=subprocess.STDOUT
            )
        self.url = self._address()
        self.http = httpx.Client(
            base_url=self.url,
            headers=KEY,
            timeout=60,
            trust_env=False,
            verify=NO_TLS,
            limits=BRIEFLY,
        )

    def __enter__(self) -> "Simulator":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Signal the process and wait for it: its exit code."""
        self.http.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, number)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def _address(self) -> str:
        line = ""

        def announced() -> bool:
            nonlocal line
            line = self.log.read_text().partition("\n")[0]
            assert self.process.poll() is None, self.log.read_text()
            return "http://" in line

        eventually(announced)
        return "http://" + line.split("http://", 1)[1].split(",")[0]

    def post(self, path: str, body: object) -> httpx.Response:
        """POST JSON."""
        return self.http.post(path, json=body)

    def get(self, path: str, **query: str) -> httpx.Response:
        """GET."""
        return self.http.get(path, params=query)

    def video(self, **fields: object) -> httpx.Response:
        """Create a Sora 2 job."""
        defaults: dict[str, object] = {"model": "sora-2", "prompt": "a cat", "size": "1280x720"}
        return self.post("/openai/v1/videos", defaults | fields)

    def job(self, **fields: object) -> httpx.Response:
        """Create a Sora 1 job."""
        defaults: dict[str, object] = {
            "model": "sora", "prompt": "a cat", "width": 480, "height": 480, "n_seconds": 2,
        }  # fmt: skip
        return self.post("/openai/v1/video/generations/jobs?api-version=preview", defaults | fields)

    def force(self, job_id: str, state: str, **more: str) -> None:
        """Bring a job to a state at once."""
        answer = self.post(f"/_sim/jobs/{job_id}", {"state": state, **more})
        assert answer.status_code == 200, answer.text

    def finished_video(self, **fields: object) -> str:
        """The id of a completed Sora 2 job."""
        job_id = str(self.video(**fields).json()["id"])
        self.force(job_id, "completed")
        return job_id

    def finished_job(self, **fields: object) -> dict[str, Any]:
        """A succeeded Sora 1 job."""
        job_id = self.job(**fields).json()["id"]
        self.force(job_id, "completed")
        done: dict[str, Any] = self.get(f"/openai/v1/video/generations/jobs/{job_id}").json()
        return done

    def fault(self, operation: str, action: dict[str, Any], **rule: object) -> None:
        """Add one fault rule."""
        answer = self.post("/_sim/faults", [{"operation": operation, "action": action, **rule}])
        assert answer.status_code == 200, answer.text

    def journal(self) -> dict[str, Any]:
        """The whole journal."""
        report: dict[str, Any] = self.get("/_sim/journal").json()
        return report

    def entry(self, job_id: str) -> dict[str, Any]:
        """The journal's entry of a job."""
        found: dict[str, Any] = self.get(f"/_sim/jobs/{job_id}").json()
        return found


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error of a wrapped body."""
    error: dict[str, Any] = answer.json()["error"]
    return error
