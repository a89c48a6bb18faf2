"""Quotes: what a request would cost, before anything is spent."""

from typing import Literal

from pydantic import BaseModel, Field

from shared.domain.limits import QUOTES_A_MINUTE
from triggers.contract.errors import TOO_LARGE
from triggers.contract.operation import Answer, Body, Operation
from triggers.contract.videos import EXAMPLES, FORM, Amount, Seconds
from triggers.web.bodies import CreateVideo


class QuotedCost(BaseModel):
    """What would be reserved, in US dollars."""

    currency: Literal["USD"]
    estimated: Amount
    usd_per_second: Amount = Field(description="For each variant, at this size.")
    price_version: str


class Refusal(BaseModel):
    """Why the request would be answered with 429 now."""

    type: Literal["insufficient_quota", "rate_limit_error"]
    code: str
    message: str
    retry_after: int | None = Field(description="Seconds; null where time alone does not help.")


class Limit(BaseModel):
    """One ceiling that the request would meet, in US dollars."""

    name: str = Field(description="As refusals call it.")
    limit: Amount
    committed: Amount = Field(description="Reserved, settled and unknown until now.")
    left: Amount


class Quote(BaseModel):
    """What `POST /videos` would do with the same body now."""

    object: Literal["quote"]
    model: str
    size: str
    seconds: str
    n_variants: int
    admitted: bool = Field(description="Whether it would be admitted.")
    refusal: Refusal | None
    cost: QuotedCost
    ceilings: list[Limit]
    deployments: list[str] = Field(description="Where it could be rendered.")
    queue_length: int = Field(description="How many videos are in line now.")
    estimated_completion_at: Seconds = Field(description="If it were sent now and had not to wait.")


OPERATIONS = (
    Operation(
        method="post",
        path="/quotes",
        id="createQuote",
        tag="Money",
        summary="What a request would cost, and whether it would be admitted. Spends nothing.",
        text="Takes the body of `POST /videos`. What can never work gets the 400 that it would "
        "get there, files included; a ceiling or a rate that it would meet is told in `refusal`.",
        body=Body(model=CreateVideo, examples=EXAMPLES, form=FORM),
        answers={200: Answer(text="The quote; nothing was written.", model=Quote)},
        errors={
            400: "The request can never work.",
            413: TOO_LARGE,
            429: f"More than {QUOTES_A_MINUTE} quotes a minute, for each instance of the app.",
        },
    ),
)
