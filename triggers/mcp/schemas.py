"""JSON Schemas of tools, from the models of the API's bodies and answers.

Every reference is replaced by what it names: some clients follow none.
"""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

from shared.answers.model import AnswerModel

Schema = dict[str, Any]

_HERE = "#/$defs/"
_EXPLAINS: Mapping[str, type] = {"description": str, "examples": list}


def of_arguments(model: type[BaseModel], more: Mapping[str, Schema] | None = None) -> Schema:
    """What a tool takes; `more` are properties beside the model's own."""
    schema = _whole(model.model_json_schema(mode="validation"))
    schema["properties"] = {**schema.get("properties", {}), **(more or {})}
    return schema


def of_answer(model: type[AnswerModel], failure: type[AnswerModel]) -> Schema:
    """What a tool answers, or how it fails: clients validate both against the one schema, and read
    no explanations, which are in the OpenAPI document."""
    either = [_whole(each.model_json_schema(mode="serialization")) for each in (model, failure)]
    return {"type": "object", "anyOf": _bare(either)}


def _bare(value: Any) -> Any:
    """A schema that accepts the same, without what explains it."""
    if isinstance(value, list):
        return [_bare(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _bare(each)
        for name, each in value.items()
        if not isinstance(each, _EXPLAINS.get(name, ()))  # a property may have such a name
    }


def _whole(schema: Schema) -> Schema:
    definitions = schema.pop("$defs", {})
    return cast("Schema", _resolved(schema, definitions))


def _resolved(value: Any, definitions: Mapping[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(each, definitions) for each in value]
    if not isinstance(value, dict):
        return value
    reference = value.get("$ref")
    if isinstance(reference, str):
        named = definitions[reference.removeprefix(_HERE)]
        beside = {name: each for name, each in value.items() if name != "$ref"}
        return _resolved({**named, **beside}, definitions)
    # the titles that pydantic makes of names only repeat them
    return {
        name: _resolved(each, definitions)
        for name, each in value.items()
        if not (name == "title" and isinstance(each, str))
    }
