"""The batch object: OpenAI's, with our own fields beside theirs."""

from typing import Annotated, Literal

from pydantic import Field

from shared.answers.model import Amount, AnswerModel, OneOf, Seconds
from shared.domain.batch import Status, Stop

ID_PATTERN = "^batch_[0-9a-f]{32}$"


class LineError(AnswerModel):
    """What is wrong with a line."""

    code: str
    message: str
    param: str | None
    line: int | None = Field(description="Its number in the file, from 1.")


class LineErrors(AnswerModel):
    """The first problems of a file; the error file has all of them."""

    object: Literal["list"]
    data: list[LineError]


class RequestCounts(AnswerModel):
    """Its lines."""

    total: int
    completed: int = Field(description="With a finished video.")
    failed: int = Field(description="Ended without one.")
    running: int = Field(description="Begun, and not ended.")
    not_started: int


class BatchCost(AnswerModel):
    """In US dollars."""

    currency: Literal["USD"]
    budget: Amount | None = Field(description="No line begins that it does not reach for.")
    estimated: Amount = Field(description="What all lines would cost; known once they are checked.")
    committed: Amount = Field(description="What the budget is compared with: the next three.")
    reserved: Amount = Field(description="Set aside for lines that run.")
    settled: Amount = Field(description="Spent.")
    unknown: Amount = Field(description="Perhaps spent: the upstream's bill is not known.")


class Batch(AnswerModel):
    """OpenAI's batch object, and beside it what that lacks."""

    id: str = Field(pattern=ID_PATTERN)
    object: Literal["batch"]
    endpoint: Literal["/v1/videos"]
    errors: LineErrors | None
    input_file_id: str
    completion_window: str
    status: Annotated[Status, OneOf()]
    output_file_id: str | None = Field(description="The finished videos, one JSON object a line.")
    error_file_id: str | None = Field(description="The other lines, each with its reason.")
    created_at: Seconds
    in_progress_at: Seconds | None
    expires_at: Seconds | None
    finalizing_at: Seconds | None
    completed_at: Seconds | None
    failed_at: Seconds | None
    expired_at: Seconds | None
    cancelling_at: Seconds | None
    cancelled_at: Seconds | None
    request_counts: RequestCounts
    metadata: dict[str, str]
    cost: BatchCost
    stopped: Annotated[Stop, OneOf()] | None = Field(description="Why no more lines begin.")
    paused: bool
    dry_run: bool
    max_running: int | None
    table_file_id: str | None = Field(description="All lines as a table (CSV).")
    retry_of: str | None = Field(description="The batch whose lines it tries again.")
    source: str | None = Field(description="The file in the inbox that it was made of.")
    notice: str | None = Field(description="For people: what holds it up.")
    estimated_completion_at: Seconds | None


class BatchList(AnswerModel):
    """A page."""

    object: Literal["list"]
    data: list[Batch]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`.")
    has_more: bool
