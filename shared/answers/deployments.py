"""Deployments as their operators see them."""

from typing import Literal

from pydantic import Field

from shared.answers.health import DeploymentHealth, Queue, Uncollected
from shared.answers.model import AnswerModel


class UncollectedJobs(Uncollected):
    """Those of one deployment."""

    oldest_video_id: str | None = Field(description="Whose job the oldest is.")


class OperatedDeployment(DeploymentHealth):
    """One upstream, with what only its operators may know."""

    object: Literal["deployment"]
    paused: bool = Field(
        description="By an operator: it gets no new jobs until it is resumed; those that run are "
        "collected."
    )
    message: str | None = Field(
        description="The upstream's own words, while it is out or gone; its key is taken out."
    )
    running: int = Field(description="Jobs that hold a slot.")
    max_running: int
    max_creates_per_minute: int
    throttled: int = Field(description="How often it answered 429 although its limits were kept.")
    retires_at: int | None = Field(description="When its model retires, in unix seconds.")
    uncollected: UncollectedJobs


class DeploymentList(AnswerModel):
    """All deployments, in the order of the settings, and the line in front of them."""

    object: Literal["list"]
    data: list[OperatedDeployment]
    queue: Queue
