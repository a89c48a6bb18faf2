"""Rules: which requests an action applies to, and how often."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from local.simulator.config import Dialect
from local.simulator.faults.actions import AnyAction, operations_of

OperationName = Literal[
    "create", "list", "get", "content", "content_head", "delete", "remix", "generation_get"
]
"""`content` includes thumbnails and spritesheets; `content_head` is Sora 1's HEAD."""


class Match(BaseModel):
    """Narrows a rule to certain jobs; omitted keys match everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    job: int | None = Field(default=None, ge=1)
    """Ordinal of the job, in order of creation; for a create, the one that it would make."""
    prompt_contains: str | None = None
    variant: Literal["video", "thumbnail", "spritesheet"] | None = None


class Rule(BaseModel):
    """One line of a fault script."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    operation: OperationName | Literal["*"]
    dialect: Dialect | None = None
    deployment: str | None = None
    match: Match = Match()
    skip: int = Field(default=0, ge=0)
    """How many matching requests pass before the first hit."""
    times: int | Literal["unlimited"] = Field(default=1)
    """How many requests the action hits."""
    probability: float = Field(default=1, ge=0, le=1)
    seed: int = 0
    """Seed of the dice, if `probability` is less than one."""
    action: AnyAction

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if isinstance(self.times, int) and self.times < 1:
            raise ValueError("times must be at least 1, or 'unlimited'")
        allowed = operations_of(self.action)
        if allowed is not None and self.operation not in allowed:
            raise ValueError(
                f"action '{self.action.type}' needs one of the operations {', '.join(allowed)}; "
                f"this rule says '{self.operation}'"
            )
        narrowed = self.deployment or self.match != Match()
        if self.operation == "list" and narrowed:
            raise ValueError("a list names neither a deployment nor a job: drop those filters")
        return self


RULES = TypeAdapter(list[Rule])
"""Reads a fault script: `RULES.validate_json(text)`."""
