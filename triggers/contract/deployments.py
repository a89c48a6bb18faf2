"""Deployments: what operators see of them; pause and resume."""

from shared.answers.deployments import DeploymentList, OperatedDeployment
from triggers.contract.operation import Answer, Operation, Parameter

DEPLOYMENT = Parameter(
    name="deployment",
    where="path",
    text="Its name in `UPSTREAMS`.",
    schema={"type": "string", "minLength": 1},
    example="sora-2",
)

_ADMINS = "You are no admin."


def _of_one(verb: str, summary: str, text: str) -> Operation:
    return Operation(
        method="post",
        path=f"/deployments/{{deployment}}/{verb}",
        id=f"{verb}Deployment",
        tag="Operators",
        summary=summary,
        text=text,
        parameters=(DEPLOYMENT,),
        answers={200: Answer(text="The deployment.", model=OperatedDeployment)},
        errors={403: _ADMINS, 404: "There is no such deployment."},
    )


OPERATIONS = (
    Operation(
        method="get",
        path="/deployments",
        id="listDeployments",
        tag="Operators",
        summary="The upstreams, their health and what they have not handed over; the line. For "
        "admins.",
        answers={200: Answer(text="All of them.", model=DeploymentList)},
        errors={403: _ADMINS},
    ),
    _of_one(
        "pause",
        "Give a deployment no new jobs. For admins.",
        "Those that run are followed and collected; videos in line go to other deployments of "
        "their model, or wait at no cost.",
    ),
    _of_one(
        "resume",
        "Give jobs to a deployment again. For admins.",
        "Also ends an outage, and a final one: it is tried at once, and the line moves.",
    ),
)
