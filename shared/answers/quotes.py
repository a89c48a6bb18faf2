"""Quotes: what a request would cost, before anything is spent."""

from typing import Annotated, Literal

from pydantic import Field

from shared.answers.model import Amount, AnswerModel, Seconds
from shared.answers.videos import Asked
from shared.domain.errors import ErrorType
from shared.domain.parameters import Value


class QuotedCost(AnswerModel):
    """What would be reserved, in US dollars."""

    currency: Literal["USD"]
    estimated: Amount
    usd_per_second: Amount | None = Field(
        description="For each variant, at this size; null where the price is not by length."
    )
    price_version: str


class Refusal(AnswerModel):
    """Why the request would be answered with 429 now, or with 403 `approval_required`."""

    type: Annotated[
        ErrorType,
        Field(
            json_schema_extra={
                "enum": ["insufficient_quota", "rate_limit_error", "permission_error"]
            }
        ),
    ]
    code: str
    message: str
    retry_after: int | None = Field(description="Seconds; null where time alone does not help.")


class Limit(AnswerModel):
    """One ceiling that the request would meet, in US dollars."""

    name: str = Field(description="As refusals call it.")
    limit: Amount
    committed: Amount = Field(description="Reserved, settled and unknown until now.")
    left: Amount


class Quote(AnswerModel):
    """What `POST /videos` would do with the same body now."""

    object: Literal["quote"]
    model: str
    rendered_by: str = Field(description="The model that would render it: `model`, or a successor.")
    asked: Asked | None = Field(
        description="What was asked for, where the successor would render another size or length."
    )
    size: str
    seconds: str
    n_variants: int
    parameters: dict[str, Value] = Field(description="As they would be sent.")
    admitted: bool = Field(description="Whether it would be admitted.")
    refusal: Refusal | None
    cost: QuotedCost
    ceilings: list[Limit]
    deployments: list[str] = Field(description="Where it could be rendered.")
    queue_length: int = Field(description="How many videos are in line now.")
    estimated_completion_at: Seconds = Field(description="If it were sent now and had not to wait.")
