"""Usage: what all videos cost, out of the ledger."""

from typing import Literal

from pydantic import BaseModel, Field

from shared.domain.limits import LONGEST_USAGE
from triggers.contract.operation import Answer, Operation, Parameter
from triggers.contract.videos import CALLER, Amount

_DAY = {"type": "string", "format": "date"}


class UsageSums(BaseModel):
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
    """One day, model or caller."""

    group: str


class MonthToDate(BaseModel):
    """The current month (UTC) against the budget, in US dollars."""

    month: str = Field(examples=["2026-11"])
    reserved: Amount
    settled: Amount
    unknown: Amount
    committed: Amount = Field(description="The three together: what the budget is compared with.")
    budget: Amount | None = Field(description="Of the caller; null: none.")
    left: Amount | None


class Usage(BaseModel):
    """What the videos of a period cost."""

    object: Literal["usage"]
    start: str = Field(alias="from", description="The first day (UTC).")
    to: str = Field(description="The last day (UTC).")
    caller: str | None = Field(description="Whose; null: everybody's.")
    group_by: Literal["day", "model", "caller"]
    currency: Literal["USD"]
    data: list[UsageRow]
    total: UsageSums
    month_to_date: MonthToDate


OPERATIONS = (
    Operation(
        method="get",
        path="/usage",
        id="getUsage",
        tag="Money",
        summary="What your videos cost: money, videos and seconds by day, model or caller.",
        text="Days are UTC days of admission. As JSON, or as CSV with `Accept: text/csv` or "
        "`format=csv`. A caller sees its own; an admin sees everybody's, or one caller's.",
        parameters=(
            Parameter(
                name="from", text="The first day; the first of this month if absent.", schema=_DAY
            ),
            Parameter(
                name="to",
                text=f"The last day, at most {LONGEST_USAGE} later; today if absent.",
                schema=_DAY,
            ),
            Parameter(
                name="group_by",
                text="What a row is.",
                schema={
                    "type": "string",
                    "enum": ["day", "model", "caller"],
                    "default": "day",
                },
            ),
            CALLER,
            Parameter(
                name="format",
                text="Wins over `Accept`.",
                schema={"type": "string", "enum": ["json", "csv"]},
            ),
        ),
        answers={
            200: Answer(text="The sums.", model=Usage, content={"text/csv": {"type": "string"}})
        },
        errors={
            400: "A parameter is not what it can be, or the period has too many entries.",
            403: "Another caller's usage is for admins.",
        },
    ),
)
