"""A render farm behind one deployment, in virtual time: the app's own steps on real tables.

Workers wake when their sleep ends or their hint arrives, as Durable wakes them; a create takes its
time, and so does a render. Nothing is downloaded: a video is over when its render is seen to be.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from shared.domain.job import JobState, JobStatus, JobSummary, Part
from shared.domain.likeness import facts
from shared.domain.limits import MOST_RUNNING
from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Stage, Status, Video
from shared.domain.work import Work, instance_id
from shared.durable.names import Hint
from shared.lifecycle.services import Services
from shared.lifecycle.steps import follow_job, submit_job, take_turn
from shared.upstream.protocol import AnswerLost, Listing
from tests.support.virtual import VirtualTime

HINT = 0.2
"""Seconds until a hint has woken its worker."""


@dataclass
class Renderers:
    """An upstream that shows prompts in its list. Counts what it was asked for."""

    time: VirtualTime
    create_seconds: float = 1.0
    render_seconds: float = 30.0
    lost_before: frozenset[int] = frozenset()
    """The creates that never arrive, by their number."""
    lost_after: frozenset[int] = frozenset()
    """The creates whose answer is lost."""
    shows_prompts: bool = True
    jobs: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Job id -> when it was created, and its prompt."""
    of_video: dict[str, str] = field(default_factory=dict)
    """Job id -> the video that it was made for."""
    posts: int = 0
    flying: int = 0
    most_flying: int = 0
    extras: tuple[str, ...] = ()

    def submit(self, request: VideoRequest, *_: Any, trace: str) -> JobStatus:
        number = self.posts
        self.posts += 1
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        self.time.sleep(self.create_seconds / 2)
        job_id = f"job_{number}"
        if number not in self.lost_before:
            self.jobs[job_id] = (self.time.now, request.prompt)
            self.of_video[job_id] = trace.rpartition("-")[0]
        self.time.sleep(self.create_seconds / 2)
        self.flying -= 1
        if number in self.lost_before | self.lost_after:
            raise AnswerLost("the connection was reset")
        return self.status(job_id)

    def status(self, job_id: str, **_: Any) -> JobStatus:
        created_at, _prompt = self.jobs[job_id]
        over = self.time.now >= created_at + self.render_seconds
        return JobStatus(
            job_id=job_id,
            state=JobState.SUCCEEDED if over else JobState.RUNNING,
            word="completed" if over else "in_progress",
            progress=None,
            created_at=created_at,
            expires_at=None,
            finished_at=created_at + self.render_seconds if over else None,
            parts=(Part(job_id, 4),) if over else (),
        )

    def find(self, since: float, **_: Any) -> Listing:
        return Listing(
            [
                JobSummary(
                    job_id=job_id,
                    created_at=at,
                    model="",
                    width=0,
                    height=0,
                    seconds=0.0,
                    variants=0,
                    prompt=prompt if self.shows_prompts else None,
                )
                for job_id, (at, prompt) in self.jobs.items()
                if at >= since
            ]
        )


@dataclass
class Farm:
    """Videos in line, their workers, and what happened."""

    services: Services
    time: VirtualTime
    renderers: Renderers
    started: list[tuple[float, str]] = field(default_factory=list)
    """When each video had its job."""
    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    """Those that ended otherwise."""
    _asleep: dict[str, tuple[str, int]] = field(default_factory=dict)
    _sleeps: Counter[str] = field(default_factory=Counter)

    def admit(self, video_id: str, request: VideoRequest, caller: str = "key:local") -> None:
        """A video of a request is admitted, and its worker started."""
        now = self.time.now
        cost = Cost(estimated=1, actual=None, state=CostState.RESERVED, price_version="v")
        video = Video(
            id=video_id,
            caller=caller,
            request=request,
            status=Status.QUEUED,
            stage=Stage.ACCEPTED,
            progress=0,
            created_at=int(now),
            estimated_completion_at=None,
            cost=cost,
        )
        self.services.videos.insert(video)
        self.services.work.insert(
            Work(
                video_id=video_id,
                caller=caller,
                model=request.model,
                epoch=1,
                created_at=now,
                heartbeat_at=now,
                queue_deadline=now + 24 * 3600,
                deployments=tuple(
                    upstream.name for upstream in self.services.settings.offering(request.model)
                ),
                day="2026-11-30",
                reserved=1,
                expected=self.renderers.render_seconds,
                facts=facts(request),
            )
        )
        self.time.start(lambda: self.turn(video_id))

    def turn(self, video_id: str) -> None:
        hint = f"turn-{self._sleeps[video_id]}"
        done = take_turn.take_turn(self.services, video_id, 1, hint)
        self._tell(done.hints)
        self._sleeps[video_id] += 1
        outcome, number = done.result["outcome"], self._sleeps[video_id]
        if outcome == "granted":
            self.submit(video_id)
        elif outcome == "waiting":
            self._asleep[instance_id(video_id, 1)] = (hint, number)
            self.time.at(self.time.now + done.result["wait"], lambda: self._woken(video_id, number))
        else:
            raise AssertionError(outcome)

    def submit(self, video_id: str) -> None:
        done = submit_job.submit_job(self.services, video_id, 1)
        self._tell(done.hints)
        outcome, wait = done.result["outcome"], done.result.get("wait", 0.0)
        if outcome == "submitted":
            self.started.append((self.time.now, video_id))
            self._later(wait, lambda: self.follow(video_id))
        elif outcome == "again":
            self._later(wait, lambda: self.turn(video_id))
        elif outcome == "decided":
            self.failed.append(video_id)
        else:
            assert outcome == "reconcile", outcome
            self._later(wait, lambda: self.submit(video_id))

    def follow(self, video_id: str) -> None:
        done = follow_job.follow_job(self.services, video_id, 1)
        self._tell(done.hints)
        if done.result["outcome"] == "rendered":
            self.done.append(video_id)
        else:
            self._later(done.result["wait"], lambda: self.follow(video_id))

    def _later(self, seconds: float, what: Any) -> None:
        self.time.at(self.time.now + seconds, lambda: self.time.start(what))

    def _woken(self, video_id: str, number: int) -> None:
        if self._sleeps[video_id] == number:
            self.time.start(lambda: self.turn(video_id))

    def _tell(self, hints: Sequence[Hint]) -> None:
        for hint in hints:
            event, number = self._asleep.get(hint["instance"], ("", 0))
            if event == hint["event"]:
                video_id = hint["instance"].removesuffix("-1")
                self.time.at(
                    self.time.now + HINT,
                    lambda v=video_id, n=number: self._woken(v, n),  # type: ignore[misc]
                )


def entry(profile: str, endpoint: str, a_minute: int) -> dict[str, Any]:
    """The farm in `UPSTREAMS`: it takes all that the rate allows."""
    return {
        "name": "wan",
        "profile": profile,
        "endpoint": endpoint,
        "deployment": "wan",
        "model": "wan",
        "auth": {"type": "none"},
        "max_running": MOST_RUNNING,
        "max_creates_per_minute": a_minute,
        "prices": {"version": "v", "usd_per_second": "0.05"},
        "capabilities": {"sizes": ["1280x720"], "seconds": [4]},
    }


def request(prompt: str) -> VideoRequest:
    """What it renders."""
    return VideoRequest(model="wan", prompt=prompt, width=1280, height=720, seconds=4)


@contextmanager
def at(services: Services, start: float, **renderers: Any) -> Iterator[Farm]:
    """A farm that has the app's only deployment."""
    time = VirtualTime(start)
    made = Renderers(time, **renderers)
    upstreams = SimpleNamespace(client=lambda _: made, close=lambda: None)
    app = replace(services, clock=lambda: time.now, upstreams=upstreams)  # type: ignore[arg-type]
    yield Farm(app, time, made)
