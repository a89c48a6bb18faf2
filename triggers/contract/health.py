"""Is it there, is it ready, and what does it promise: four routes about the service itself."""

from typing import Literal

from pydantic import BaseModel, Field

from triggers.contract.operation import Answer, Operation


class Health(BaseModel):
    """The app runs."""

    status: Literal["ok"]


class Storage(BaseModel):
    """The storage account of rows and files."""

    ready: bool = Field(description="Whether it answered within five seconds.")


class DeploymentHealth(BaseModel):
    """One upstream, by what the last requests to it said; nothing is sent to ask."""

    name: str
    model: str
    ready: bool
    state: Literal["active", "retiring", "retired", "paused", "out"] = Field(
        description="`paused`: it asked for patience. `out`: it turns everybody away for now, and "
        "is tried again by itself. `retired`: its model is gone."
    )
    reason: str | None = Field(
        description="What it does while it is out or gone.", examples=["answers 401"]
    )
    since: int | None = Field(description="Since when it does that, in unix seconds.")
    paused_until: int | None = Field(description="When it is tried next, in unix seconds.")


class Queue(BaseModel):
    """What is unfinished."""

    waiting: int = Field(description="Videos in line.")
    working: int = Field(description="Videos being submitted, rendered or collected.")
    oldest_wait_seconds: int | None = Field(description="Age of the first in line.")


class Uncollected(BaseModel):
    """Upstream jobs whose files are not in storage yet; they vanish when they expire."""

    jobs: int
    oldest_seconds: int | None = Field(description="Age of the oldest.")
    soonest_expiry_at: int | None = Field(description="Unix seconds.")


class Readiness(BaseModel):
    """Whether requests can be served; `queue` and `uncollected` are null without storage."""

    status: Literal["ready", "not_ready"]
    problems: list[str] = Field(description="Why it is not ready, for people.")
    storage: Storage
    deployments: list[DeploymentHealth]
    queue: Queue | None
    uncollected: Uncollected | None


OPERATIONS = (
    Operation(
        method="get",
        path="/health",
        id="getHealth",
        tag="Service",
        summary="Is the app there?",
        text="Public, and says nothing else.",
        answers={200: Answer(text="It runs.", model=Health)},
        public=True,
    ),
    Operation(
        method="get",
        path="/health/ready",
        id="getReadiness",
        tag="Service",
        summary="Can it serve?",
        text="Storage, upstreams, the oldest job that is not collected, and the line.",
        answers={
            200: Answer(text="It can.", model=Readiness),
            503: Answer(text="It cannot; `problems` says why.", model=Readiness),
        },
    ),
    Operation(
        method="get",
        path="/openapi.json",
        id="getOpenapi",
        tag="Service",
        summary="This document.",
        answers={
            200: Answer(text="OpenAPI 3.1.", content={"application/json": {"type": "object"}})
        },
        public=True,
    ),
    Operation(
        method="get",
        path="/docs",
        id="getDocs",
        tag="Service",
        summary="This document for people, with a form for every request.",
        answers={200: Answer(text="A page.", content={"text/html": {"type": "string"}})},
        public=True,
    ),
)
