"""The parameters of a create: fields that a deployment of its model takes beside the API's own."""

from collections.abc import Mapping
from typing import Any

from shared.domain import parameters
from shared.domain.parameters import Parameter, Value
from shared.settings.app import settings


def of_model(model: object) -> dict[str, Parameter]:
    """What at least one deployment of a model takes; nothing where there is no such model."""
    offering = settings().offering(model) if isinstance(model, str) else []
    return parameters.of_all(upstream.can.parameters for upstream in offering)


def split(fields: Mapping[str, Any], model: object) -> tuple[dict[str, Any], dict[str, Value]]:
    """The other fields of a create, and its parameters; null is as good as none. Raises
    InvalidRequest for a value of another type."""
    known = of_model(model)
    own = {name: value for name, value in fields.items() if name not in known}
    given = {
        name: parameters.read(name, value, known[name].type)
        for name, value in fields.items()
        if name in known and value is not None
    }
    return own, given


def schemas() -> dict[str, dict[str, Any]]:
    """What any model takes, by name, as JSON Schema."""
    found: dict[str, list[dict[str, Any]]] = {}
    for model in dict.fromkeys(upstream.model for upstream in settings().upstreams):
        for name, parameter in of_model(model).items():
            several = found.setdefault(name, [])
            if parameter.schema not in several:
                several.append(parameter.schema)
    return {
        name: {
            "description": "Not of every model: `GET /models` says of which, within which bounds.",
            **(several[0] if len(several) == 1 else {"anyOf": several}),
        }
        for name, several in sorted(found.items())
    }
