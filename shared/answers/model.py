"""The base of all answer models, and the types that several of them use."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


class AnswerModel(BaseModel):
    """An answer, or a part of one, as it is sent and as the OpenAPI document describes it.

    A field without a default is always sent, null if it has no value. One with a default is sent
    only if it was set.
    """

    model_config = ConfigDict(defer_build=True, frozen=True)

    def __init__(self, **fields: Any) -> None:
        """As `model_construct`, but typed: mypy checks the fields, and nothing validates them. An
        unexpected value must not fail an answer or a video's end."""
        self.__setstate__(self.model_construct(**fields).__getstate__())

    def as_json(self) -> str:
        return self.model_dump_json(by_alias=True, exclude_unset=True)

    def as_dict(self) -> dict[str, Any]:
        """The same, as parsed JSON."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class OneOf:
    """Marks a StrEnum of the domain: the document lists its values in place."""

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.literal_schema(list(source))


Amount = Annotated[str, Field(pattern=r"^\d+\.\d{2,6}$", examples=["0.40"])]
"""US dollars as a decimal string."""

Seconds = Annotated[int, Field(description="Unix seconds.")]
