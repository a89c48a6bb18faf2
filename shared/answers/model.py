"""What the models of all answers have in common, and the types that several of them use."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class AnswerModel(BaseModel):
    """An answer, or a part of one: what is sent, and how the OpenAPI document describes it.

    A field without a default is always there, null where there is nothing. One with a default is
    there only where it was given.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    def __init__(self, **fields: Any) -> None:
        """As `model_construct`, but typed: mypy holds the fields to their types, and their limits
        only describe. A value that nobody expected must not fail an answer or a video's end."""
        self.__setstate__(self.model_construct(**fields).__getstate__())

    def as_json(self) -> str:
        return self.model_dump_json(by_alias=True, exclude_unset=True)

    def as_dict(self) -> dict[str, Any]:
        """The same as JSON would be read."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class OneOf:
    """Marks a closed set of the domain (a StrEnum): the document lists its values in place."""

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(source))


Amount = Annotated[str, Field(pattern=r"^\d+\.\d{2,6}$", examples=["0.40"])]
"""US dollars as a decimal string."""

Seconds = Annotated[int, Field(description="Unix seconds.")]
