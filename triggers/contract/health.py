"""The service itself: health, readiness, and this contract."""

from shared.answers.health import Health, Readiness
from triggers.contract.operation import Answer, Operation

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
