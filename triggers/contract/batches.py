"""Batches: create, follow, cancel, pause, resume, retry."""

from shared.answers.batches import ID_PATTERN, Batch, BatchList
from shared.domain.limits import LONGEST_WINDOW, MOST_LINES
from shared.lifecycle.requests.terms import CreateBatch, RetryBatch
from triggers.contract.common import LIMIT, key
from triggers.contract.operation import Answer, Body, Link, Operation, Parameter, Schema

_ID: Schema = {"type": "string", "pattern": ID_PATTERN}

BATCH_ID = Parameter(name="batch_id", where="path", text="The batch.", schema=_ID)

_FROM_BODY = {"batch_id": "$response.body#/id"}

_LINKS = {
    "get": Link(operation="getBatch", text="How far it is.", parameters=_FROM_BODY),
    "cancel": Link(operation="cancelBatch", text="Stop it.", parameters=_FROM_BODY),
}

_NONE = "You have no such batch."
_ENDED = "The batch has ended."


def _of_one(verb: str, summary: str, text: str = "") -> Operation:
    return Operation(
        method="post",
        path=f"/batches/{{batch_id}}/{verb}",
        id=f"{verb}Batch",
        tag="Batches",
        summary=summary,
        text=text,
        parameters=(BATCH_ID,),
        answers={200: Answer(text="The batch.", model=Batch)},
        errors={404: _NONE, 409: _ENDED},
    )


OPERATIONS = (
    Operation(
        method="post",
        path="/batches",
        id="createBatch",
        tag="Batches",
        summary="Make the videos of a file, under one budget.",
        text=f"The file (`/files`, purpose `batch`) has up to {MOST_LINES:,} requests, one JSON "
        "object a line: `custom_id`, `method` (POST), `url` (/v1/videos) and `body`, a create's "
        "fields. All lines are checked before anything is spent; if one is wrong, the batch fails "
        "and its error file says why. `budget_usd` is a ceiling: the next line begins only if it "
        f"still fits. `completion_window` is at most {LONGEST_WINDOW} days.",
        parameters=(key("batch"),),
        body=Body(
            model=CreateBatch,
            examples={
                "file": {
                    "input_file_id": "file-019ac1f0c3a14e0e8f3b0f6d2c9b7a51",
                    "endpoint": "/v1/videos",
                    "completion_window": "24h",
                    "budget_usd": "20.00",
                }
            },
        ),
        answers={200: Answer(text="The batch, on record.", model=Batch, links=_LINKS)},
        errors={
            400: "A field is not taken, or there is no such file.",
            409: "The Idempotency-Key was used for another batch.",
        },
    ),
    Operation(
        method="get",
        path="/batches",
        id="listBatches",
        tag="Batches",
        summary="Your batches, newest first, page by page.",
        parameters=(
            LIMIT,
            Parameter(name="after", text="The last id of the page before.", schema=_ID),
        ),
        answers={200: Answer(text="A page.", model=BatchList)},
        errors={400: "A parameter is invalid."},
    ),
    Operation(
        method="get",
        path="/batches/{batch_id}",
        id="getBatch",
        tag="Batches",
        summary="How far a batch is, and what it costs.",
        parameters=(BATCH_ID,),
        answers={200: Answer(text="The batch.", model=Batch)},
        errors={404: _NONE},
    ),
    _of_one(
        "cancel",
        "Begin no more lines.",
        "Videos that wait are cancelled at no cost; those that render are collected, because they "
        "are paid for.",
    ),
    _of_one("pause", "Begin no more lines until it is resumed.", "What has begun goes on."),
    _of_one("resume", "Go on with a batch that is paused."),
    Operation(
        method="post",
        path="/batches/{batch_id}/retry",
        id="retryBatch",
        tag="Batches",
        summary="A new batch of the lines without a finished video.",
        parameters=(BATCH_ID, key("batch")),
        body=Body(
            model=RetryBatch,
            required=False,
            examples={"more": {"budget_usd": "5.00"}},
        ),
        answers={200: Answer(text="The new batch.", model=Batch, links=_LINKS)},
        errors={
            400: "A field is not taken.",
            404: _NONE,
            409: "The batch has not ended, or there is nothing to try again.",
        },
    ),
)
