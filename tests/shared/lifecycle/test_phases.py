"""Steps in any order, an upstream that does anything, a caller who changes his mind: a video only
passes through legal states (see the fixture of this folder), ends, and its books balance."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field, replace

import pytest

from shared.domain.errors import Conflict
from shared.domain.job import Fault, JobState, JobStatus, JobSummary, Part
from shared.domain.request import Allowance, VideoRequest
from shared.domain.work import Phase, phase
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.remove import delete_video
from shared.lifecycle.services import Services
from shared.lifecycle.steps import collect_output, finish_video, follow_job, submit_job, take_turn
from shared.upstream.protocol import (
    AnswerLost,
    Content,
    DeploymentOut,
    JobGone,
    Listing,
    Media,
    NotSent,
    Refused,
    Throttled,
    Unreadable,
)
from tests.conftest import Simulator
from tests.shared.lifecycle.conftest import CALLER, Job, Order
from tests.support import heirs
from tests.support.movies import movie

WALKS = 16
STEPS = 30
MOVIE = movie()
NEXT = {
    Phase.ADMITTING: "sweep",
    Phase.WAITING: "turn",
    Phase.SUBMITTING: "submit",
    Phase.RENDERING: "follow",
    Phase.COLLECTING: "collect",
    Phase.FINISHING: "finish",
    Phase.WATCHING: "follow",
}
"""What the orchestration would do."""


@pytest.fixture(scope="module")
def seen() -> Iterator[list[Phase]]:
    """The phases in which steps were tried: after all walks, each of them often."""
    phases: list[Phase] = []
    yield phases
    walked = len(phases) > WALKS * 5  # not only one of them was asked for
    rare = [each for each in NEXT if phases.count(each) < 5 and each is not Phase.ADMITTING]
    assert not (walked and rare), rare


@dataclass
class Erratic:
    """An upstream that answers as `chance` has it; once `friendly`, as it should."""

    chance: random.Random
    clock: Callable[[], float]
    friendly: bool = False
    jobs: dict[str, JobSummary] = field(default_factory=dict)
    extras: tuple[str, ...] = ()

    def submit(
        self, request: VideoRequest, media: Sequence[Media] = (), *, trace: str
    ) -> JobStatus:
        mood = (
            "ok"
            if self.friendly
            else self.chance.choice(
                ["ok"] * 6 + ["lost", "lost before", "throttled", "out", "not sent", "refused"]
            )
        )
        if mood == "refused":
            raise Refused("no", status=400, moderated=self.chance.random() < 0.5)
        if mood == "throttled":
            raise Throttled("later", retry_after=1.0)
        if mood == "out":
            raise DeploymentOut("who are you", status=401)
        if mood == "not sent":
            raise NotSent("no route")
        if mood == "lost before":
            raise AnswerLost("reset")
        job_id = f"job_{len(self.jobs)}"
        self.jobs[job_id] = JobSummary(
            job_id=job_id,
            created_at=self.clock(),
            model="sora-2",
            width=request.width,
            height=request.height,
            seconds=request.seconds,
            variants=1,
            prompt=request.prompt,
        )
        if mood == "lost":
            raise AnswerLost("reset")
        return self._status(job_id, JobState.RUNNING)

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        if self.friendly:
            return self._status(job_id, JobState.SUCCEEDED)
        mood = self.chance.choice(
            [*JobState, JobState.RUNNING, JobState.SUCCEEDED, "gone", "unreadable", "empty"]
        )
        if mood == "gone":
            raise JobGone("unknown")
        if mood == "unreadable":
            raise Unreadable("502")
        if mood == "empty":
            return replace(self._status(job_id, JobState.SUCCEEDED), parts=())
        return self._status(job_id, JobState(mood))

    def _status(self, job_id: str, state: JobState) -> JobStatus:
        failed = state is JobState.FAILED
        return JobStatus(
            job_id=job_id,
            state=state,
            word=state.value,
            progress=None,
            created_at=self.jobs[job_id].created_at,
            expires_at=None,
            parts=(Part(job_id, 4),) if state is JobState.SUCCEEDED else (),
            fault=self.chance.choice(list(Fault)) if failed else None,
            message="it failed" if failed else "",
        )

    def open(
        self, part: Part, *, trace: str, variant: str = "video"
    ) -> AbstractContextManager[Content]:
        mood = "ok" if self.friendly else self.chance.choice(["ok", "gone", "502", "torn"])
        if mood == "gone":
            raise JobGone("unknown")
        if mood == "502":
            raise Unreadable("502")
        data = MOVIE if mood == "ok" else MOVIE[:-7]

        @contextmanager
        def content() -> Iterator[Content]:
            yield Content(len(data), "video/mp4", iter([data]))

        return content()

    def find(self, since: float, *, trace: str) -> Listing:
        if not self.friendly and self.chance.random() < 0.3:
            raise Unreadable("502")
        return Listing(tuple(self.jobs.values()))

    def delete(self, job_id: str, *, trace: str) -> bool:
        return True


@pytest.mark.parametrize("seed", range(WALKS))
def test_any_walk_leads_through_legal_states_to_an_end(
    services: Services, simulator: Simulator, seen: list[Phase], seed: int
) -> None:
    walk(services, simulator, seen, random.Random(seed))


@pytest.mark.parametrize("seed", range(WALKS))
def test_so_does_one_whose_model_comes_and_goes(
    services_with: Callable[..., Services],
    upstreams: Callable[..., str],
    simulator: Simulator,
    seen: list[Phase],
    seed: int,
) -> None:
    """Its successor costs more, renders another size, and the budget has room for it now and then.
    It is rendered by one of the two, at most once by each failure of an upstream."""
    chance = random.Random(seed)
    maps = {"sizes": {"720x1280": "480x854"}, "after_out_minutes": 1}
    ups = heirs.upstreams(upstreams(), maps, price=heirs.DEAR)
    budget = chance.choice(["0.5", "1.2", "-1"])
    services = services_with(UPSTREAMS=ups, BUDGET_USD_PER_DAY=budget)
    walk(services, simulator, seen, chance, goes=True)


def walk(
    services: Services,
    simulator: Simulator,
    seen: list[Phase],
    chance: random.Random,
    *,
    goes: bool = False,
) -> None:
    now = services.clock()
    services = replace(services, clock=lambda: now)
    upstream = Erratic(chance, services.clock)
    services.upstreams._clients |= {"sora-2": upstream, "ltx": upstream}
    job = Order(services, simulator)(allow_successor=Allowance(allowed=True) if goes else None)
    steps: dict[str, Callable[[int], object]] = {
        "turn": lambda epoch: take_turn.take_turn(services, job.id, epoch, "hint"),
        "submit": lambda epoch: submit_job.submit_job(services, job.id, epoch),
        "follow": lambda epoch: follow_job.follow_job(services, job.id, epoch),
        "collect": lambda epoch: collect_output.collect_output(services, job.id, epoch, 0),
        "finish": lambda epoch: finish_video.finish_video(services, job.id, epoch),
        "sweep": lambda epoch: sweep(services),
        "cancel": lambda epoch: cancelled(services, job, delete=False),
        "delete": lambda epoch: cancelled(services, job, delete=True),
    }
    events: dict[str, Callable[[], None]] = {
        "out": lambda: heirs.out(services, now - 60, until=now + chance.choice([1, 100])),
        "back": lambda: heirs.back(services),
        "gone": lambda: heirs.retire(services),
    }
    for _ in range(STEPS):
        now += chance.choice([0.0, 0.0, 0.1, 0.5, 2.0, 40.0])  # at the tests' scale, to an hour
        work = job.work
        if work is None:
            break
        seen.append(phase(work))
        if goes and chance.random() < 0.3:
            events[chance.choice(list(events))]()
        if chance.random() < 0.7:
            steps[NEXT[phase(work)]](work.epoch)
            if phase(work) is Phase.COLLECTING:
                finish_video.finish_video(services, job.id, work.epoch)
        else:
            steps[chance.choice(list(steps))](chance.choice([work.epoch, work.epoch - 1]))
    upstream.friendly = True
    for _ in range(200):
        work = job.work
        if work is None:
            break
        now += 60.0
        for name in ("turn", "submit", "follow", "collect", "finish"):
            steps[name](work.epoch)
    assert job.work is None, phase(job.work)
    assert job.booked.reserved == 0
    stored = services.videos.get(CALLER, job.id)
    assert stored is None or stored.video.terminal
    assert len(upstream.jobs) <= 2


def cancelled(services: Services, job: Job, *, delete: bool) -> None:
    stored = services.videos.get(CALLER, job.id)
    if stored is None:
        return
    with suppress(Conflict):
        if delete:
            delete_video(services, stored.video)
        else:
            cancel_video(services, stored.video)
