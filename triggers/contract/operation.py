"""Descriptions of an operation, its parameters, its body and its answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel

from shared.answers.model import AnswerModel

Schema = Mapping[str, Any]

JSON = "application/json"
MULTIPART = "multipart/form-data"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One parameter. `schema` is JSON Schema."""

    name: str
    text: str
    schema: Schema
    where: Literal["path", "query", "header"] = "query"
    example: Any = None


@dataclass(frozen=True, kw_only=True)
class Body:
    """A request body: a model as JSON (unless `as_json` is unset) and, if `form` is set, the same
    fields as multipart. `form` has the properties that differ there, by name."""

    model: type[BaseModel]
    examples: Mapping[str, Any]
    form: Mapping[str, Schema] | None = None
    as_json: bool = True
    required: bool = True
    parameters: bool = False
    """Whether it may have the parameters of a model (`UPSTREAMS`) beside the model's fields."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A value of this answer that another operation takes."""

    operation: str
    text: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer. `model` is the JSON body; `content` is other content by media type."""

    text: str
    model: type[AnswerModel] | None = None
    content: Mapping[str, Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    """Names from `document.HEADERS`, in addition to `x-request-id`, which every answer has."""
    links: Mapping[str, Link] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One method of one path (below the base path).

    `errors` are the error statuses to expect, with reasons; `document` adds 401 and the app's own
    failures unless it is `public`.
    """

    method: Literal["get", "head", "post", "delete"]
    path: str
    id: str
    tag: str
    summary: str
    text: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    answers: Mapping[int, Answer]
    errors: Mapping[int, str] = field(default_factory=dict)
    public: bool = False
