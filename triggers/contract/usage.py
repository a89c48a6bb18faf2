"""Usage: what all videos cost, by the ledger."""

from shared.answers.usage import GroupBy, Usage
from shared.domain.limits import LONGEST_USAGE
from triggers.contract.operation import Answer, Operation, Parameter
from triggers.contract.videos import CALLER

_DAY = {"type": "string", "format": "date"}


OPERATIONS = (
    Operation(
        method="get",
        path="/usage",
        id="getUsage",
        tag="Money",
        summary="What your videos cost: money, videos and seconds by day, model, caller or batch.",
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
                    "enum": [*GroupBy],
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
            400: "A parameter is invalid, or the period has too many entries.",
            403: "Another caller's usage is for admins.",
        },
    ),
)
