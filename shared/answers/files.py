"""The file object: OpenAI's."""

from typing import Annotated, Literal

from pydantic import Field

from shared.answers.model import AnswerModel, OneOf, Seconds
from shared.domain.files import Purpose

ID_PATTERN = "^file-[0-9a-f]{32}$"


class File(AnswerModel):
    """OpenAI's file object."""

    id: str = Field(pattern=ID_PATTERN)
    object: Literal["file"]
    bytes: int = Field(ge=0, description="Its size.")
    created_at: Seconds
    expires_at: Seconds | None = Field(description="Always null: it is kept until you delete it.")
    filename: str = Field(description="Without folders.")
    purpose: Annotated[Purpose, OneOf()]
    status: Literal["processed"] = Field(description="It can be used at once.")
    status_details: str | None = Field(description="Always null.")


class FileList(AnswerModel):
    """A page."""

    object: Literal["list"]
    data: list[File]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`.")
    has_more: bool


class DeletedFile(AnswerModel):
    """What is left of a file."""

    id: str
    object: Literal["file"]
    deleted: Literal[True]
