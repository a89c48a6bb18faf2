"""A batch: many creates from one file, under one budget.

A batch goes through its file in order. Before a line is admitted, its price is set aside in the
batch's own row (`with_begun`), in one write with the line; so whatever dies, and at the turn of any
month, no more than the budget is ever set aside. When a line has ended, its true cost takes the
place of what was set aside (`with_ended`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.domain.ledger import Amounts


class Status(StrEnum):
    """OpenAI's words."""

    VALIDATING = "validating"
    FAILED = "failed"
    """A line is wrong, so none was admitted."""
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


TERMINAL = frozenset({Status.FAILED, Status.COMPLETED, Status.EXPIRED, Status.CANCELLED})


class Stop(StrEnum):
    """Why a batch admits no more lines; the error code of those that were not started."""

    BUDGET = "stopped_by_budget"
    CANCELLED = "batch_cancelled"
    EXPIRED = "batch_expired"
    INPUT_GONE = "input_file_deleted"


EXPLAINED: Mapping[Stop, str] = {
    Stop.BUDGET: "Not started: the batch's budget does not reach for it. Nothing was charged.",
    Stop.CANCELLED: "Not started: the batch was cancelled. Nothing was charged.",
    Stop.EXPIRED: "Not started: the batch's completion_window is over. Nothing was charged.",
    Stop.INPUT_GONE: "Not started: the batch's input file was deleted. Nothing was charged.",
}


@dataclass(frozen=True)
class Wrong:
    """What is wrong with a line (from 1), or with the whole file where it is None."""

    code: str
    message: str
    param: str | None = None
    line: int | None = None


class Outcome(StrEnum):
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line that was begun. `number` counts the file's lines from 1; `planned` is in micro-USD."""

    number: int
    custom_id: str
    planned: int
    start: int = 0
    end: int = 0
    """Where it is in the file."""
    video_id: str | None = None
    """None until it is admitted."""
    outcome: Outcome | None = None
    """None until it has ended."""
    problem: Wrong | None = None
    """Why it was not admitted."""


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Times are unix seconds, money is micro-USD; None means 'not yet' or 'none'."""

    id: str
    caller: str
    input_file_id: str
    created_at: int
    expires_at: float
    completion_window: str
    epoch: int = 1
    restarts: int = 0
    """Workers started by the sweep since the last progress."""
    status: Status = Status.VALIDATING
    stop: Stop | None = None
    paused: bool = False
    budget: int | None = None
    max_running: int | None = None
    dry_run: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    webhook: str | None = None
    retry_of: str | None = None
    """The batch whose lines without a video this one tries again."""
    source: str | None = None
    """The file in the inbox (its name there) whose requests these are,"""
    source_etag: str | None = None
    """and its version."""
    models: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    """The first problems of its lines."""
    total: int = 0
    """Its lines."""
    estimated: int = 0
    """What all lines would cost."""
    begun: int = 0
    """How many lines have begun."""
    first_estimate: int | None = None
    """When it ends, as it looked before the first line began."""
    next_line: int = 1
    """The number of the file's line after them,"""
    offset: int = 0
    """and where it is."""
    completed: int = 0
    failed: int = 0
    reserved: int = 0
    """What is set aside for lines that have not ended."""
    settled: int = 0
    unknown: int = 0
    notice: str | None = None
    """What holds it up."""
    output_file_id: str | None = None
    error_file_id: str | None = None
    table_file_id: str | None = None
    """The CSV of all lines."""
    in_progress_at: int | None = None
    cancelling_at: int | None = None
    finalizing_at: int | None = None
    ended_at: int | None = None

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def open(self) -> int:
        """How many lines have begun and not ended."""
        return self.begun - self.completed - self.failed

    @property
    def not_started(self) -> int:
        return self.total - self.begun

    @property
    def committed(self) -> int:
        """What the budget is compared with."""
        return self.reserved + self.settled + self.unknown

    @property
    def admits(self) -> bool:
        """Whether it may begin another line."""
        return (
            self.status is Status.IN_PROGRESS
            and self.stop is None
            and not self.paused
            and self.not_started > 0
        )


def fits(batch: Batch, amount: int) -> bool:
    """Whether so much more can be set aside."""
    return batch.budget is None or batch.committed + amount <= batch.budget


def with_begun(batch: Batch, line: Line) -> Batch | None:
    """The batch with the price of its next line set aside; None where the budget does not reach
    for it. If that is still so when nothing runs any more, it stops the batch, even where a later
    and cheaper line would fit."""
    if not fits(batch, line.planned):
        return None
    return replace(
        batch,
        restarts=0,
        begun=batch.begun + 1,
        reserved=batch.reserved + line.planned,
        next_line=line.number + 1,
        offset=line.end,
    )


def replanned(batch: Batch, line: Line, amount: int) -> Batch:
    """The batch with another price set aside for a line that is not admitted."""
    return replace(batch, reserved=batch.reserved - line.planned + amount)


def with_ended(batch: Batch, line: Line, cost: Amounts) -> Batch:
    """The batch after a line has ended, with what it cost. One that cost more than was set aside
    may bring the batch past its budget; then nothing more is begun."""
    after = replace(
        batch,
        restarts=0,
        completed=batch.completed + (line.outcome is Outcome.COMPLETED),
        failed=batch.failed + (line.outcome is Outcome.FAILED),
        reserved=batch.reserved - line.planned + cost.reserved,
        settled=batch.settled + cost.settled,
        unknown=batch.unknown + cost.unknown,
    )
    return after if fits(after, 0) else stopped(after, Stop.BUDGET)


def stopped(batch: Batch, why: Stop) -> Batch:
    """The batch, beginning no more lines. The first reason stays."""
    return batch if batch.stop is not None else replace(batch, stop=why)


def is_over(batch: Batch) -> bool:
    """Whether every line that began has ended, and no other will begin."""
    return batch.open == 0 and (batch.not_started == 0 or batch.stop is not None)


def final_status(batch: Batch) -> Status:
    """How a batch ends whose lines are over."""
    if batch.stop is Stop.CANCELLED:
        return Status.CANCELLED
    return Status.EXPIRED if batch.stop is Stop.EXPIRED else Status.COMPLETED


def room(batch: Batch, deployments: Sequence[tuple[int, int]]) -> int:
    """How many more lines may be under way. `deployments` are the limits of those that render its
    models: jobs at once, and creates a minute. Beyond what runs, only the creates of a quarter of a
    minute wait in line: so batches take turns, and others wait behind few."""
    window = sum(running + -(-creates // 4) for running, creates in deployments) + 1
    if batch.max_running is not None:
        window = min(window, batch.max_running)
    return max(0, window - batch.open)


def first_estimate(
    total: int,
    render_seconds: float,
    deployments: Sequence[tuple[int, int]],
    now: float,
    minute: float,
) -> int | None:
    """When a batch ends that has these deployments for itself, in unix seconds: what takes longer,
    its renders side by side or its creates one after another. `minute` is a minute at the app's
    time scale."""
    running = sum(running for running, _ in deployments)
    creates = sum(creates for _, creates in deployments)
    if not running or not creates:
        return None
    longest_row = -(-total // running) * render_seconds / max(1, total)
    return round(now + max(longest_row, total / creates * minute))


def estimated_end(batch: Batch, now: float) -> int | None:
    """When it ends if it goes on as it did, in unix seconds; None unless it runs."""
    if batch.status is not Status.IN_PROGRESS or batch.in_progress_at is None:
        return None
    ended = batch.completed + batch.failed
    if not ended:
        return batch.first_estimate and max(batch.first_estimate, round(now))
    left = batch.open + (0 if batch.stop else batch.not_started)
    return round(now + (now - batch.in_progress_at) * left / ended)
