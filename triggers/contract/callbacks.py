"""Callbacks of upstreams: for servers, not for callers."""

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.limits import LARGEST_CALLBACK, mib
from triggers.contract.operation import Answer, Body, Operation, Parameter


class CallbackData(BaseModel):
    """What a call is about."""

    model_config = ConfigDict(extra="allow")

    id: str = Field(description="The upstream's id of the job.", min_length=1, max_length=1000)


class Callback(BaseModel):
    """A call of an upstream. Nothing but the id is read."""

    model_config = ConfigDict(extra="allow")

    data: CallbackData


OPERATIONS = (
    Operation(
        method="post",
        path="/callbacks/{deployment}",
        id="receiveCallback",
        tag="Service",
        summary="An upstream says that a job has ended.",
        text="For the upstreams whose entry has `callback`. It needs no key: a call is signed with "
        "the upstream's secret, or believed as little as it deserves, because the job is asked "
        "about before anything is done. A job that is not known is answered in the same way.",
        parameters=(
            Parameter(
                name="deployment",
                where="path",
                text="The name of the upstream in `UPSTREAMS`.",
                schema={"type": "string"},
                example="openai",
            ),
        ),
        body=Body(
            model=Callback,
            examples={
                "openai": {
                    "id": "evt_685c059ae3a481909bdc86819b066fb6",
                    "object": "event",
                    "created_at": 1750861210,
                    "type": "video.completed",
                    "data": {"id": "video_6863e5ac6b2881908c7d4e0a8e1b2f7f"},
                }
            },
        ),
        answers={204: Answer(text="It was heard.")},
        errors={
            400: "It is about no job.",
            401: "It is not signed with the upstream's secret, or was signed too long ago.",
            404: "No upstream of that name calls back here.",
            413: f"The body is larger than {mib(LARGEST_CALLBACK)}.",
            500: "Something failed here, or the app is configured wrongly.",
            503: "Storage does not answer right now, or the secret is missing. Try again.",
        },
        public=True,
    ),
)
