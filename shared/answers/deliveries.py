"""Deliveries: announcements of a video to the topic and to webhooks."""

from typing import Annotated, Literal

from pydantic import Field

from shared.answers.model import AnswerModel, OneOf, Seconds
from shared.domain.announcement import DeliveryState


class Delivery(AnswerModel):
    """One announcement on its way to one target."""

    id: str
    object: Literal["delivery"]
    event_id: str = Field(description="The event's id, and the `webhook-id` of every attempt.")
    type: str = Field(examples=["DurableVideo.VideoCompleted"])
    target: Literal["topic", "webhook"]
    webhook: str | None = Field(description="Which one.")
    status: Annotated[DeliveryState, OneOf()]
    attempts: int = Field(ge=0)
    created_at: Seconds
    last_attempt_at: Seconds | None
    next_attempt_at: Seconds | None
    delivered_at: Seconds | None
    last_status: int | None = Field(description="The HTTP status of the last answer.")
    last_error: str | None


class DeliveryList(AnswerModel):
    """Everything about one video, oldest first."""

    object: Literal["list"]
    data: list[Delivery]
    has_more: Literal[False]
