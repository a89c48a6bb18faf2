"""The names of orchestrations and activities, and their inputs, outputs and events.

All of it is stored in Durable histories, which outlive releases: payloads are plain JSON with a
version `v`, fields are only ever added, and none is private (prompt, key, URL).
"""

from typing import Literal, NotRequired, TypedDict

BASE_PATH = "openai/v1"
"""The API's path below `PUBLIC_BASE_URL`."""
CALLBACKS_PATH = f"{BASE_PATH}/callbacks"
"""Where upstreams call back: below it, each under its name."""

GENERATE_VIDEO = "generate_video"
RUN_BATCH = "run_batch"

TAKE_TURN = "take_turn"
SUBMIT_JOB = "submit_job"
FOLLOW_JOB = "follow_job"
COLLECT_OUTPUT = "collect_output"
FINISH_VIDEO = "finish_video"
ADVANCE_BATCH = "advance_batch"


class GenerateVideo(TypedDict):
    """Input of the orchestration; `generation` counts its continue-as-news."""

    v: int
    video_id: str
    caller: str
    epoch: int
    scale: float
    generation: NotRequired[int]


class Step(TypedDict):
    """Input of every activity."""

    v: int
    video_id: str
    epoch: int


class TurnStep(Step):
    hint: str
    """The event that this worker will wait for."""


class OutputStep(Step):
    index: int


Outcome = Literal[
    "granted",  # the turn has come: submit
    "waiting",  # not yet: look again after `wait` seconds or on the hint
    "submitted",  # the upstream job is known: follow it
    "again",  # back into the line, after `wait` seconds
    "reconcile",  # a create's answer was lost: submit_job looks for the job after `wait` seconds
    "rendering",  # look again after `wait` seconds
    "rendered",  # `outputs` outputs are ready to collect
    "stored",  # this output is in Blob Storage
    "retry",  # this output could not be copied: try again after `wait` seconds
    "decided",  # the verdict is stored: finish the video
    "watching",  # the video has ended, its upstream job has not: keep following it
    "done",  # nothing is left to do
    "superseded",  # another worker has taken over
]


class Result(TypedDict):
    """Output of every activity. `stage` and `progress` are for the custom status."""

    v: int
    outcome: Outcome
    wait: NotRequired[float]
    hint: NotRequired[str]
    """An event that ends the wait; where there is none, only time does."""
    outputs: NotRequired[int]
    stage: NotRequired[str]
    progress: NotRequired[int]


class RunBatch(TypedDict):
    """Input of the orchestration of a batch; `generation` counts its continue-as-news."""

    v: int
    batch_id: str
    epoch: int
    scale: float
    generation: NotRequired[int]


class BatchStep(TypedDict):
    """Input of the activity that advances a batch."""

    v: int
    batch_id: str
    epoch: int


BatchOutcome = Literal[
    "again",  # go on after `wait` seconds
    "done",  # nothing is left to do
    "superseded",  # another worker has taken over
]


class BatchResult(TypedDict):
    """Output of that activity."""

    v: int
    outcome: BatchOutcome
    wait: NotRequired[float]


class Hint(TypedDict):
    """An event to raise: its worker then looks at the tables at once."""

    instance: str
    event: str
