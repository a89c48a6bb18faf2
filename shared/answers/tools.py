"""What the tools of `/mcp` answer beside what the API does."""

from pydantic import Field

from shared.answers.errors import AskedApproval, without_default
from shared.answers.model import AnswerModel
from shared.answers.videos import Video


class WaitedVideo(Video):
    """A video, and when to look at it again."""

    retry_after: int | None = Field(
        description="Call wait_for_video again after so many seconds; null: the video has ended."
    )


class ToolProblem(AnswerModel):
    """What was wrong."""

    message: str = Field(description="The argument, the value and what is allowed.")
    code: str = Field(description="Stable.")
    param: str | None = Field(description="The argument to blame, where there is one.")


class ToolFailure(AnswerModel):
    """Why a tool did nothing, whether that cost money, and whether to try again."""

    error: ToolProblem
    stage: str | None = Field(description="Where the video is inside, where that is the reason.")
    charged: bool | None = Field(description="Whether money was spent; null: not known yet.")
    retryable: bool = Field(description="Whether the same call may work later.")
    retry_after: int = Field(
        default=0, description="In so many seconds.", json_schema_extra=without_default
    )
    approval: AskedApproval | None = Field(
        default=None,
        description="Give the link to a person; call again once they have approved.",
        json_schema_extra=without_default,
    )
