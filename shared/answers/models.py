"""Models: what can be asked for, at what price, and until when."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.answers.model import Amount, AnswerModel, OneOf, Seconds
from shared.domain.parameters import Type, Value
from shared.domain.profiles import Lack


class Lifecycle(StrEnum):
    ACTIVE = "active"
    RETIRING = "retiring"
    """It has a retirement date."""
    RETIRED = "retired"
    """The date has passed, or the upstream says that the model is gone."""


Mode = Literal["text", "image", "video", "remix"]


class Size(AnswerModel):
    """What a size allows."""

    size: str = Field(examples=["1280x720"])
    seconds: list[int] = Field(description="The lengths it may have.")
    max_variants: int
    usd_per_second: Amount | None = Field(
        description="For each variant; what is reserved. Null where a price is not by length."
    )


class SizeRule(AnswerModel):
    """Sizes that are taken without being listed."""

    multiple_of: int = Field(description="Of both sides, in pixels.")
    min: int = Field(description="The shortest side.")
    max: int = Field(description="The longest side.")
    max_pixels: int = Field(description="Most pixels of a frame.")


class Parameter(AnswerModel):
    """A field that requests may have beside OpenAI's own."""

    type: Type
    minimum: int | float | None
    maximum: int | float | None
    max_length: int | None = Field(description="Characters of a string.")
    enum: list[Value] | None = Field(description="The only values; null: any.")


class Capabilities(AnswerModel):
    """What a request may ask for."""

    modes: list[Mode] = Field(description="What a render may start from beside its prompt.")
    sizes: list[Size]
    size_rules: list[SizeRule] = Field(
        description="Further sizes; `sizes` then has the default one."
    )
    default_size: str
    default_seconds: int
    prompt_characters: int
    input_images: int = Field(description="Most images of one request.")
    input_video_seconds: int = Field(description="The longest input video; 0: none is taken.")
    parameters: dict[str, Parameter] = Field(
        description="What at least one deployment takes; a request goes to those that take it all."
    )


class Price(AnswerModel):
    """A price row: exactly one of the amounts is set."""

    currency: Literal["USD"]
    version: str = Field(description="Named on every entry of the ledger.")
    usd_per_second: Amount | None = Field(description="Of each output.")
    usd_per_megapixel_second: Amount | None = Field(
        description="Of each output; a million pixels of a frame."
    )
    usd_per_video: Amount | None = Field(description="For each output, however long.")
    usd_per_gpu_second: Amount | None = Field(description="Of the render, on each GPU.")
    reference_pixels: int | None = Field(
        description="Where set, the price by the second is for this many pixels, and grows."
    )
    gpus: int | None = Field(description="How many render, where the price is by GPU second.")
    expected_seconds: float | None = Field(
        description="Reserved at a price by GPU second; null: what renders are known to take."
    )
    failed_render: Literal["released", "settled"] = Field(
        description="What a render costs that fails: nothing, or as much as a finished one."
    )


class Limits(AnswerModel):
    """What the deployment takes at a time; more waits in line."""

    max_running: int
    max_creates_per_minute: int


class Deployment(AnswerModel):
    """One upstream that renders the model."""

    name: str
    dialect: Literal["sora-1", "sora-2"]
    lifecycle: Annotated[Lifecycle, OneOf()]
    retires_at: Seconds | None
    available: bool = Field(description="Whether it takes requests, by what it last said.")
    parameters: list[str] = Field(description="Which of the model's parameters it takes.")
    lacks: list[Lack] = Field(
        description="What its server cannot do. `list`: a submission whose answer was lost is not"
        " found, and its video ends as `submit_unknown`; `own_list`: the same, unless its list"
        " shows the job; `delete`: the copy of a deleted video stays there until it expires;"
        " `stop`: a cancelled render goes on and may be billed; `pictures`: no thumbnail and no"
        " spritesheet."
    )
    notice: str | None = Field(
        description="What it does while it turns everybody away, and since when.",
        examples=["answers 401 (since 2026-11-28T10:00:00Z)"],
    )
    price: Price
    limits: Limits


class Successor(AnswerModel):
    """The model that renders in place of this one, once it takes over."""

    model: str
    renders: bool = Field(description="Whether it does now.")
    takes_over_at: Seconds | None = Field(
        serialization_alias="from",
        description="The date; null: none.",
    )
    on_410: bool = Field(description="Whether it does once every deployment says that it is gone.")
    after_out_minutes: float | None = Field(
        description="Whether it does while every deployment has been out for so long; null: no."
    )
    sizes: dict[str, str] = Field(
        description="What is rendered instead of a size; others stay as they are."
    )
    seconds: dict[str, int] = Field(description="The same for lengths.")


class Model(AnswerModel):
    """OpenAI's model object, and beside it what that lacks."""

    id: str
    object: Literal["model"]
    created: Seconds = Field(description="When it was published; 0 where that is not known.")
    owned_by: str
    lifecycle: Annotated[Lifecycle, OneOf()] = Field(description="That of its best deployment.")
    retires_at: Seconds | None = Field(
        description="When the last of its deployments retires, or its successor takes over, "
        "whatever is first."
    )
    successor: Successor | None = Field(description="Who renders it then; null: nobody.")
    capabilities: Capabilities
    deployments: list[Deployment]


class ModelList(AnswerModel):
    """All models, in the order of the settings."""

    object: Literal["list"]
    data: list[Model]
