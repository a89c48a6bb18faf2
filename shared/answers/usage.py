"""Usage: what all videos cost, by the ledger."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.answers.model import Amount, AnswerModel, OneOf


class GroupBy(StrEnum):
    DAY = "day"
    MODEL = "model"
    """The one that was asked for."""
    RENDERED_BY = "rendered_by"
    """The one that renders, or has."""
    CALLER = "caller"
    BATCH = "batch"


class UsageSums(AnswerModel):
    """Sums over videos admitted in the period, in US dollars.

    What was reserved at admission is what is still reserved, settled, unknown or was released.
    """

    videos: int = Field(description="How many were admitted.")
    seconds: int = Field(description="Seconds of finished video, over all outputs.")
    reserved: Amount = Field(description="Of unfinished videos.")
    settled: Amount = Field(description="Spent.")
    released: Amount = Field(description="Reserved and given back.")
    unknown: Amount = Field(description="Perhaps spent: the upstream's bill is not known yet.")


class UsageRow(UsageSums):
    """One day, model (asked for, or `rendered_by`), caller or batch (`none`: in no batch)."""

    group: str


class MonthToDate(AnswerModel):
    """The current month (UTC) against the budget, in US dollars."""

    month: str = Field(examples=["2026-11"])
    reserved: Amount
    settled: Amount
    unknown: Amount
    committed: Amount = Field(description="The three together: what the budget is compared with.")
    budget: Amount | None = Field(description="Of the caller; null: none.")
    left: Amount | None


class Usage(AnswerModel):
    """What the videos of a period cost."""

    object: Literal["usage"]
    start: str = Field(serialization_alias="from", description="The first day (UTC).")
    to: str = Field(description="The last day (UTC).")
    caller: str | None = Field(description="Whose; null: everybody's.")
    group_by: Annotated[GroupBy, OneOf()]
    currency: Literal["USD"]
    data: list[UsageRow]
    total: UsageSums
    month_to_date: MonthToDate
