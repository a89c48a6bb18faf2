"""Health: is the app there, and can it serve?"""

from typing import Literal

from pydantic import Field

from shared.answers.model import AnswerModel

State = Literal["active", "retiring", "retired", "paused", "out"]


class Health(AnswerModel):
    """The app runs."""

    status: Literal["ok"]


class Storage(AnswerModel):
    """The storage account of rows and files."""

    ready: bool = Field(description="Whether it answered within five seconds.")


class DeploymentHealth(AnswerModel):
    """One upstream, by what the last requests to it said; nothing is sent to ask."""

    name: str
    model: str
    ready: bool
    state: State = Field(
        description="`paused`: it asked for patience. `out`: it turns everybody away for now, and "
        "is tried again by itself. `retired`: its model is gone."
    )
    reason: str | None = Field(
        description="What it does while it is out or gone.", examples=["answers 401"]
    )
    since: int | None = Field(description="Since when it does that, in unix seconds.")
    paused_until: int | None = Field(description="When it is tried next, in unix seconds.")


class Queue(AnswerModel):
    """What is unfinished."""

    waiting: int = Field(description="Videos in line.")
    working: int = Field(description="Videos being submitted, rendered or collected.")
    oldest_wait_seconds: int | None = Field(description="Age of the first in line.")


class Uncollected(AnswerModel):
    """Upstream jobs whose files are not in storage yet; they vanish when they expire."""

    jobs: int
    oldest_seconds: int | None = Field(description="Age of the oldest.")
    soonest_expiry_at: int | None = Field(description="Unix seconds.")


class Readiness(AnswerModel):
    """Whether requests can be served; `queue` and `uncollected` are null without storage."""

    status: Literal["ready", "not_ready"]
    problems: list[str] = Field(description="Why it is not ready, for people.")
    storage: Storage
    deployments: list[DeploymentHealth]
    queue: Queue | None
    uncollected: Uncollected | None
