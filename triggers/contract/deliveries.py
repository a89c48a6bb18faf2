"""Deliveries: announcements of a video to the topic and to webhooks."""

from shared.answers.deliveries import DeliveryList
from shared.lifecycle.requests.fields import Redeliver
from triggers.contract.operation import Answer, Body, Operation
from triggers.contract.videos import VIDEO_ID

OPERATIONS = (
    Operation(
        method="get",
        path="/videos/{video_id}/deliveries",
        id="listDeliveries",
        tag="Videos",
        summary="Its deliveries, sent and pending.",
        parameters=(VIDEO_ID,),
        answers={200: Answer(text="Its deliveries.", model=DeliveryList)},
        errors={404: "You have no such video."},
    ),
    Operation(
        method="post",
        path="/videos/{video_id}/redeliver",
        id="redeliverVideo",
        tag="Videos",
        summary="Deliver again.",
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
            400: "The body is invalid.",
            404: "You have no such video, or it has no such delivery.",
        },
    ),
)
