"""Quotes: what a request would cost, before anything is spent."""

from shared.answers.quotes import Quote
from shared.domain.limits import QUOTES_A_MINUTE
from shared.lifecycle.requests.fields import CreateVideo
from triggers.contract.operation import Answer, Body, Operation
from triggers.contract.videos import EXAMPLES, FORM, RETIRES

OPERATIONS = (
    Operation(
        method="post",
        path="/quotes",
        id="createQuote",
        tag="Money",
        summary="What a request would cost, and whether it would be admitted. Spends nothing.",
        text="Takes the body of `POST /videos`. What can never work gets the 400 that it would "
        "get there, files included; `refusal` names a ceiling or a rate that it would pass, or "
        "says that a person would have to approve it.",
        body=Body(model=CreateVideo, examples=EXAMPLES, form=FORM, parameters=True),
        answers={200: Answer(text="The quote; nothing was written.", model=Quote, headers=RETIRES)},
        errors={
            400: "The request can never work.",
            429: f"More than {QUOTES_A_MINUTE} quotes or approvals a minute, for each instance.",
        },
    ),
)
