"""The envelope of every error."""

from typing import Any

from pydantic import ConfigDict, Field

from shared.answers.model import Amount, AnswerModel, Seconds
from shared.domain.errors import ErrorType


def without_default(schema: dict[str, Any]) -> None:
    """For a field that is sent only where it was set: its default means nothing."""
    del schema["default"]


class AskedApproval(AnswerModel):
    """The approval that the request needs."""

    id: str
    url: str = Field(description="The page where a person gives it. The link alone gives nothing.")
    estimated: Amount = Field(description="What the video would cost.")
    expires_at: Seconds


class ErrorDetail(AnswerModel):
    """What was wrong, whether it was charged, and whether to try again."""

    model_config = ConfigDict(title="Error")

    message: str = Field(description="For people: the parameter, the value and what is allowed.")
    type: ErrorType
    param: str | None = Field(description="The field or parameter to blame, where there is one.")
    code: str = Field(description="For programs; stable.")
    retryable: bool = Field(description="Whether the same request may work later.")
    charged: bool | None = Field(description="Whether money was spent; null: not known yet.")
    stage: str = Field(
        default="",
        description="Where the video is inside; only there where that is the reason.",
        json_schema_extra=without_default,
    )
    approval: AskedApproval | None = Field(
        default=None,
        description="Only there with `approval_required`, where one was asked for.",
        json_schema_extra=without_default,
    )


class ErrorAnswer(AnswerModel):
    """The body of every answer with a status of 400 or more."""

    error: ErrorDetail
