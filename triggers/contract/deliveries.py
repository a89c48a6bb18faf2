"""Deliveries: what a topic and webhooks were told about a video."""

from typing import Literal

from pydantic import BaseModel, Field

from triggers.contract.errors import TOO_LARGE
from triggers.contract.operation import Answer, Body, Operation
from triggers.contract.videos import VIDEO_ID, Seconds
from triggers.web.bodies import Redeliver


class Delivery(BaseModel):
    """One announcement on its way to one target."""

    id: str
    object: Literal["delivery"]
    event_id: str = Field(description="The event's id, and the `webhook-id` of every attempt.")
    type: str = Field(examples=["DurableVideo.VideoCompleted"])
    target: Literal["topic", "webhook"]
    webhook: str | None = Field(description="Which one.")
    status: Literal["pending", "delivered", "failed"]
    attempts: int = Field(ge=0)
    created_at: Seconds
    last_attempt_at: Seconds | None
    next_attempt_at: Seconds | None
    delivered_at: Seconds | None
    last_status: int | None = Field(description="The HTTP status of the last answer.")
    last_error: str | None


class DeliveryList(BaseModel):
    """Everything about one video, oldest first."""

    object: Literal["list"]
    data: list[Delivery]
    has_more: Literal[False]


OPERATIONS = (
    Operation(
        method="get",
        path="/videos/{video_id}/deliveries",
        id="listDeliveries",
        tag="Videos",
        summary="What was and is to be told about it.",
        parameters=(VIDEO_ID,),
        answers={200: Answer(text="Its deliveries.", model=DeliveryList)},
        errors={404: "You have no such video."},
    ),
    Operation(
        method="post",
        path="/videos/{video_id}/redeliver",
        id="redeliverVideo",
        tag="Videos",
        summary="Tell it again.",
        text="What has not arrived gets another day of attempts, the first one now; with an `id`, "
        "that delivery, arrived or not. Events keep their ids.",
        parameters=(VIDEO_ID,),
        body=Body(
            model=Redeliver,
            required=False,
            examples={"all": {}, "one": {"id": "evt_0123456789abcdef0123456789abcdef-topic"}},
        ),
        answers={200: Answer(text="Its deliveries.", model=DeliveryList)},
        errors={
            400: "The body is not what it can be.",
            404: "You have no such video, or it no such delivery.",
            413: TOO_LARGE,
        },
    ),
)
