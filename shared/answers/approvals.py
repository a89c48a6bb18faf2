"""Approvals: what a person is asked to approve."""

from typing import Literal

from pydantic import Field

from shared.answers.model import Amount, AnswerModel, Seconds
from shared.domain.parameters import Value

APPROVAL_ID = "^approval_[0-9a-f]{40}$"


class Approval(AnswerModel):
    """A request that costs more than its caller may spend alone."""

    id: str = Field(pattern=APPROVAL_ID)
    object: Literal["approval"]
    status: Literal["pending", "approved", "used"] = Field(
        description="`used`: its video was made."
    )
    caller: str = Field(description="Who asks, and pays.", examples=["key:agent"])
    currency: Literal["USD"]
    estimated: Amount = Field(description="What would be reserved, and is approved at most.")
    model: str = Field(description="The model that was asked for.")
    rendered_by: str = Field(description="The model that would render it: `model`, or a successor.")
    prompt: str | None = Field(description="Null once it is used: the video has it.")
    size: str = Field(description="As it would be rendered.", examples=["1280x720"])
    seconds: str
    n_variants: int
    parameters: dict[str, Value]
    files: int = Field(description="How many images and videos it starts from.")
    remixed_from_video_id: str | None
    asked_at: Seconds
    expires_at: Seconds
    approved_by: str | None
    video_id: str | None
    yours_to_approve: bool = Field(description="Whether you are somebody who may approve it.")
