"""A job: its request, its plan, and how it looks at a given time.

Until it ends, its state follows from its plan and the clock, so status and progress are functions;
only endings are recorded.
"""

import random
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from local.simulator.config import Dialect

Ending = Literal["completed", "failed"]
Callback = Literal["once", "twice", "lost", "early", "at_once", "forged"]
Gone = Literal["deleted", "expired", "vanished"]

PHASES: dict[Dialect, tuple[tuple[str, float], ...]] = {
    "sora-2": (("queued", 0.0), ("in_progress", 0.08)),
    "sora-1": (("queued", 0.0), ("preprocessing", 0.05), ("running", 0.15), ("processing", 0.85)),
}
"""Status words in their order [S], each with the share of the render time where it begins [?]."""

ENDINGS: dict[Dialect, dict[Ending, str]] = {
    "sora-2": {"completed": "completed", "failed": "failed"},
    "sora-1": {"completed": "succeeded", "failed": "failed"},
}


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Spec(_Record):
    """What to render: pixels, whole seconds."""

    prompt: str
    width: int
    height: int
    seconds: int
    variants: int = 1
    has_reference: bool = False
    inpaint_items: list[dict[str, Any]] | None = None

    @property
    def size(self) -> str:
        """`WIDTHxHEIGHT`."""
        return f"{self.width}x{self.height}"


class Failure(_Record):
    """How a job fails: at which share of its render time, with which code and message.

    `code` is `error.code` of Sora 2 and `failure_reason` of Sora 1.
    """

    at: float = Field(default=0.5, ge=0, le=1)
    code: str
    message: str


class Plan(_Record):
    """The future of a job. Durations are real seconds, with the time scale applied.

    `seed` determines the progress and the colours: equal in equal runs, unlike ids.
    """

    seed: str
    duration: float
    failure: Failure | None = None
    stuck_at: int | None = None
    vanish_after: float | None = None
    hidden_from_list: float = 0.0
    callback: Callback = "once"
    """How the server calls back about the job's end, if it does."""


class Downloads(_Record):
    """How often one file was fetched. `completed`: the answer left with every byte of the file,
    or with the last byte of a range."""

    started: int = 0
    completed: int = 0
    bytes: int = 0


class File(_Record):
    """The bytes of one kind (`video`, `video-low`, `thumbnail`, `spritesheet`) of one output."""

    name: str
    sha256: str
    size_bytes: int
    downloads: Downloads = Field(default_factory=Downloads)


class Output(_Record):
    """One finished movie: the video of Sora 2, a generation of Sora 1."""

    id: str
    index: int
    files: dict[str, File] = Field(default_factory=dict)


class Job(_Record):
    """One job as it is stored and restored. Times are unix seconds, fractions included."""

    id: str
    ordinal: int
    deployment: str
    dialect: Dialect
    spec: Spec
    plan: Plan
    created_at: float
    expires_at: int
    outputs: list[Output]
    remixed_from: str | None = None
    foreign: bool = False
    """A stranger's: a look-alike that no request of the app asked for."""
    counts: bool = True
    """Whether it counts under the limits."""
    ending: Ending | None = None
    ended_at: float | None = None
    error: Failure | None = None
    gone: Gone | None = None
    gone_at: float | None = None
    forgotten: bool = False
    """Its server no longer knows it, and yet it is rendered."""
    request: dict[str, Any] = Field(default_factory=dict)
    callback_url: str | None = None
    """Where the create asked to be called back."""

    def due(self) -> float:
        """When the plan ends the job, in unix seconds."""
        share = 1.0 if self.plan.failure is None else self.plan.failure.at
        return self.created_at + share * self.plan.duration

    def running(self) -> bool:
        """Whether the job counts under the running limit."""
        return self.ending is None and self.gone is None

    def is_known(self) -> bool:
        """Whether its server would find it."""
        return self.gone is None and not self.forgotten

    def closed_at(self) -> float | None:
        """When it stopped counting, or None."""
        ends = [at for at in (self.ended_at, self.gone_at) if at is not None]
        return min(ends, default=None)

    def status(self, now: float) -> str:
        """The status word of the job's own dialect."""
        if self.ending is not None:
            return ENDINGS[self.dialect][self.ending]
        share = self.share(now)
        return [word for word, begins in PHASES[self.dialect] if begins <= share][-1]

    def progress(self, now: float) -> int:
        """0..100: uneven but never falling; 100 only once completed."""
        if self.ending == "completed":
            return 100
        share = self.share(self.ended_at if self.ended_at is not None else now)
        knots = random.Random(self.plan.seed)
        heights = [0.0, *sorted(knots.random() for _ in range(9)), 1.0]
        step = min(9, int(share * 10))
        height = heights[step] + (share * 10 - step) * (heights[step + 1] - heights[step])
        percent = min(99, int(100 * height))
        return percent if self.plan.stuck_at is None else min(percent, self.plan.stuck_at)

    def timeline(self, now: float) -> list[dict[str, Any]]:
        """Every status so far with its start time, and how the job was removed."""
        until = min(at for at in (now, self.ended_at, self.gone_at) if at is not None)
        steps: list[dict[str, Any]] = []
        for word, begins in PHASES[self.dialect]:
            at = self.created_at + begins * self.plan.duration
            if at <= until:
                steps.append({"status": word, "at": at})
        if self.ending is not None:
            steps.append({"status": ENDINGS[self.dialect][self.ending], "at": self.ended_at})
        if self.gone is not None:
            steps.append({"status": self.gone, "at": self.gone_at})
        return steps

    def share(self, now: float) -> float:
        """How much of its render time has passed, 0..1."""
        return min(1.0, max(0.0, (now - self.created_at) / self.plan.duration))
