"""The video object: OpenAI's, with our own fields beside theirs."""

from typing import Annotated, Literal

from pydantic import Field

from shared.answers.model import Amount, AnswerModel, OneOf, Seconds
from shared.domain.parameters import Value
from shared.domain.video import CostState, Stage, Status

ID_PATTERN = "^video_[0-9a-f]{32}$"

VARIANTS = ("video", "thumbnail", "spritesheet")
"""The files that an output may have."""


class Failure(AnswerModel):
    """Why a video ended without its outputs."""

    code: str = Field(examples=["moderation_blocked"])
    message: str
    stage: str = Field(description="Where it was inside.")
    retryable: bool = Field(description="Whether a new request may work.")
    charged: bool | None = Field(description="Null while the upstream's bill cannot be known.")


class Output(AnswerModel):
    """One finished file, checked and in Blob Storage."""

    index: int
    url: str = Field(description="This API's own content URL; it needs the key.")
    content_type: str
    size_bytes: int
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    width: int = Field(description="As players show it, after the file's own rotation.")
    height: int
    seconds: float | None = Field(description="Null where the file does not tell.")
    variants: list[Annotated[str, Field(json_schema_extra={"enum": [*VARIANTS]})]] = Field(
        description="What `variant` of its content there is."
    )


class Cost(AnswerModel):
    """What it costs, in US dollars."""

    currency: Literal["USD"]
    estimated: Amount
    actual: Amount | None = Field(description="Null until it is known.")
    state: Annotated[CostState, OneOf()]


class Asked(AnswerModel):
    """What was asked for, where the successor of the model renders something else."""

    size: str = Field(examples=["720x1280"])
    seconds: str = Field(examples=["8"])


class Video(AnswerModel):
    """OpenAI's video object, and beside it what that lacks."""

    id: str = Field(pattern=ID_PATTERN)
    object: Literal["video"]
    model: str = Field(description="The one that was asked for.")
    rendered_by: str = Field(
        description="The model that renders it, or has: `model`, or its successor."
    )
    asked: Asked | None = Field(
        description="Where the successor renders another size or length than was asked for: what "
        "that was. `size` and `seconds` are what is rendered. Null: just that."
    )
    status: Annotated[Status, OneOf()]
    progress: int = Field(ge=0, le=100)
    created_at: Seconds
    completed_at: Seconds | None = Field(description="When it ended, however it ended.")
    expires_at: Seconds | None = Field(description="When its files are deleted; null: never.")
    prompt: str
    size: str = Field(examples=["1280x720"])
    seconds: str = Field(description="A string, as OpenAI has it.", examples=["4"])
    remixed_from_video_id: str | None
    error: Failure | None
    n_variants: int
    stage: Annotated[Stage, OneOf()] | None = Field(
        description="Where an unfinished video is inside."
    )
    queue_position: int | None = Field(description="Its place in line; 1 is next.")
    notice: str | None = Field(
        description="For people: what holds a waiting video up beyond its turn, or how long the "
        "outputs are where that is not what was asked for.",
        examples=["sora-2 answers 401 (since 2026-11-28T10:00:00Z). It is tried again by itself."],
    )
    estimated_completion_at: Seconds | None
    outputs: list[Output]
    cost: Cost
    parameters: dict[str, Value] = Field(
        description="What was asked for beside OpenAI's fields.", examples=[{"seed": 42}]
    )
    metadata: dict[str, str]
    deployment: str | None = Field(description="Which upstream renders it.")
    rescued: bool = Field(description="It had failed, and its render turned up after all.")


class VideoList(AnswerModel):
    """A page."""

    object: Literal["list"]
    data: list[Video]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`.")
    has_more: bool


class DeletedVideo(AnswerModel):
    """What is left of a video."""

    id: str
    object: Literal["video.deleted"]
    deleted: Literal[True]
