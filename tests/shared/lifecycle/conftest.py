"""A caller with a request, and a driver that takes its video to the end. Storage is in memory: what
these tests judge is what is decided; those marked `real_storage` judge it on Azurite as well."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.domain.ledger import Amounts, Entry
from shared.domain.request import VideoRequest
from shared.domain.video import Video
from shared.domain.work import Work
from shared.lifecycle.requests.admit import Admitted, admit
from shared.lifecycle.services import Services
from tests.conftest import Simulator, judges_storage
from tests.support import states
from tests.support.driver import drive

CALLER = "key:local"


@pytest.fixture
def on_real_storage(request: pytest.FixtureRequest) -> bool:
    return judges_storage(request)


@pytest.fixture(autouse=True)
def _only_legal_states(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with states.watched(monkeypatch):
        yield


@dataclass
class Job:
    """One video of the caller, its rows and its upstream jobs."""

    services: Services
    simulator: Simulator
    admitted: Admitted

    def __post_init__(self) -> None:
        """The next one stands behind it: ids of one millisecond are in no order."""
        began = now = int(time.time() * 1000)
        while now == began:
            now = int(time.time() * 1000)

    @property
    def id(self) -> str:
        return self.admitted.video.id

    @property
    def video(self) -> Video:
        stored = self.services.videos.get(CALLER, self.id)
        assert stored is not None
        return stored.video

    @property
    def work(self) -> Work | None:
        return self.services.work.get(self.id)

    @property
    def entries(self) -> list[Entry]:
        return self.services.ledger.entries(time.strftime("%Y-%m", time.gmtime()), self.id)

    @property
    def booked(self) -> Amounts:
        total = Amounts()
        for entry in self.entries:
            total = total + entry.change
        return total

    def drive(self) -> list[str]:
        """Run the orchestration to its end; the activities it called."""
        output, calls = drive(self.services, self.admitted.payload)
        assert output in ("done", "superseded"), output
        return calls

    def upstream_jobs(self) -> list[dict[str, Any]]:
        """The jobs in the simulator's journal that requests for this video created."""
        jobs = self.simulator.journal()["jobs"]
        return [
            job
            for job in jobs
            if job["request"]
            and job["request"]["headers"].get("x-ms-client-request-id", "").startswith(self.id)
        ]


class Order:
    """Admit a request and get its video."""

    def __init__(self, services: Services, simulator: Simulator) -> None:
        self._services = services
        self._simulator = simulator

    def __call__(self, model: str = "sora-2", prompt: str = "a fox", **changes: Any) -> Job:
        shape = {"width": 720, "height": 1280, "seconds": 4}
        if model == "sora":
            shape = {"width": 480, "height": 480, "seconds": 2}
        request = VideoRequest(model=model, prompt=prompt, **{**shape, **changes})
        return Job(self._services, self._simulator, admit(self._services, CALLER, request))


@pytest.fixture
def order(services: Services, simulator: Simulator) -> Order:
    return Order(services, simulator)
