"""Models: what can be asked for, at what price, and until when."""

from typing import Literal

from pydantic import BaseModel, Field

from triggers.contract.operation import Answer, Operation, Parameter
from triggers.contract.videos import Amount, Seconds

Lifecycle = Literal["active", "retiring", "retired"]


class Size(BaseModel):
    """What a size allows."""

    size: str = Field(examples=["1280x720"])
    seconds: list[int] = Field(description="The lengths it may have.")
    max_variants: int
    usd_per_second: Amount = Field(description="For each variant; what is reserved.")


class Capabilities(BaseModel):
    """What a request may ask for."""

    modes: list[Literal["text", "image", "video", "remix"]] = Field(
        description="What a render may start from beside its prompt."
    )
    sizes: list[Size]
    default_size: str
    default_seconds: int
    prompt_characters: int
    input_images: int = Field(description="Most images of one request.")
    input_video_seconds: int = Field(description="The longest input video; 0: none is taken.")


class Price(BaseModel):
    """A price row."""

    currency: Literal["USD"]
    version: str = Field(description="Named on every entry of the ledger.")
    usd_per_second: Amount
    reference_pixels: int | None = Field(
        description="Where set, the price is for this many pixels and grows with them."
    )
    failed_render: Literal["released", "settled"] = Field(
        description="What a render costs that fails: nothing, or as much as a finished one."
    )


class Limits(BaseModel):
    """What the deployment takes at a time; more waits in line."""

    max_running: int
    max_creates_per_minute: int


class Deployment(BaseModel):
    """One upstream that renders the model."""

    name: str
    dialect: Literal["sora-1", "sora-2"]
    lifecycle: Lifecycle
    retires_at: Seconds | None
    available: bool = Field(description="Whether it takes requests, by what it last said.")
    notice: str | None = Field(
        description="What it does while it turns everybody away, and since when.",
        examples=["answers 401 (since 2026-11-28T10:00:00Z)"],
    )
    price: Price
    limits: Limits


class Model(BaseModel):
    """OpenAI's model object, and beside it what that lacks."""

    id: str
    object: Literal["model"]
    created: Seconds = Field(description="When it was published; 0 where that is not known.")
    owned_by: str
    lifecycle: Lifecycle = Field(description="That of its best deployment.")
    retires_at: Seconds | None = Field(description="When the last of its deployments retires.")
    capabilities: Capabilities
    deployments: list[Deployment]


class ModelList(BaseModel):
    """All models, in the order of the settings."""

    object: Literal["list"]
    data: list[Model]


OPERATIONS = (
    Operation(
        method="get",
        path="/models",
        id="listModels",
        tag="Models",
        summary="What can be asked for: capabilities, prices, limits, lifecycle.",
        answers={200: Answer(text="All of them.", model=ModelList)},
    ),
    Operation(
        method="get",
        path="/models/{model}",
        id="getModel",
        tag="Models",
        summary="One model.",
        parameters=(
            Parameter(
                name="model",
                where="path",
                text="The model's id.",
                schema={"type": "string", "minLength": 1},
                example="sora-2",
            ),
        ),
        answers={200: Answer(text="The model.", model=Model)},
        errors={404: "It is not offered here."},
    ),
)
