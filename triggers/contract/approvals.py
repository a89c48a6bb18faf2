"""Approvals: what a person decides."""

from shared.answers.approvals import APPROVAL_ID, Approval
from shared.lifecycle.requests.fields import Approve
from triggers.contract.operation import Answer, Body, Operation, Parameter

_ID = Parameter(
    name="approval_id",
    where="path",
    text="The approval that an error `approval_required` names.",
    schema={"type": "string", "pattern": APPROVAL_ID},
)

_GONE = "It has expired, or is nothing of yours."

OPERATIONS = (
    Operation(
        method="get",
        path="/approvals/{approval_id}",
        id="getApproval",
        tag="Money",
        summary="What a request above its caller's `approval_above_usd` asks for, and its price.",
        text="For the caller who asks, and for those who may approve it.",
        parameters=(_ID,),
        answers={200: Answer(text="The approval as it is now.", model=Approval)},
        errors={404: _GONE},
    ),
    Operation(
        method="post",
        path="/approvals/{approval_id}/approve",
        id="approveRequest",
        tag="Money",
        summary="Approve it, at the price that you were shown.",
        text="Reserves nothing. The caller sends the same request again, under the same key, and "
        "within the approval's time; it is admitted at that price at most, once.",
        parameters=(_ID,),
        body=Body(model=Approve, examples={"approve": {"estimated": "12.00"}}),
        answers={200: Answer(text="The approval, given.", model=Approval)},
        errors={
            400: "The body is invalid.",
            403: "It is your own request.",
            404: _GONE,
            409: "The price is another one now, or somebody else has approved it.",
        },
    ),
)
