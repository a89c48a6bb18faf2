"""Deliveries: what a topic and webhooks were told about a video."""

from shared.answers.deliveries import DeliveryList
from triggers.contract.operation import Answer, Body, Operation
from triggers.contract.videos import VIDEO_ID
from triggers.web.bodies import Redeliver

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
        },
    ),
)
