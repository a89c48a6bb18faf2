"""The OpenAPI 3.1 document, assembled from the operations of every resource."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.answers.errors import ErrorAnswer
from shared.domain.limits import LARGEST_BODY, LINK_MINUTES, mib
from shared.lifecycle.requests import parameters
from shared.version import VERSION
from triggers.contract import (
    approvals,
    batches,
    callbacks,
    deliveries,
    deployments,
    files,
    health,
    models,
    quotes,
    usage,
    videos,
)
from triggers.contract.operation import JSON, MULTIPART, Answer, Body, Operation, Parameter, Schema

RESOURCES = (
    videos,
    files,
    batches,
    deliveries,
    quotes,
    approvals,
    usage,
    models,
    deployments,
    health,
    callbacks,
)

TAGS: Mapping[str, str] = {
    "Videos": "Make videos and get them.",
    "Files": "What other requests name by an id.",
    "Batches": "Many videos from one file, under one budget.",
    "Money": "What a video would cost, and what all of them did.",
    "Models": "What can be asked for.",
    "Operators": "The upstreams behind it. For admins.",
    "Service": "Is it there, and what does it promise?",
}

HEADERS: Mapping[str, tuple[str, Schema]] = {
    "x-request-id": ("Names this answer in the app's logs.", {"type": "string"}),
    "retry-after": (
        "Seconds after which asking again makes sense.",
        {"type": "integer", "minimum": 1},
    ),
    "openai-poll-after-ms": (
        "How long OpenAI's clients wait between two polls.",
        {"type": "integer", "minimum": 1000, "maximum": 5000},
    ),
    "x-should-retry": (
        "`false` where a repeat cannot help: OpenAI's clients then do not try.",
        {"type": "string", "enum": ["false"]},
    ),
    "idempotent-replayed": (
        "`true` where an earlier request had made this video.",
        {"type": "string", "enum": ["true"]},
    ),
    "deprecation": (
        "When the model that was asked for retires (RFC 9745): `@` and unix seconds.",
        {"type": "string", "pattern": "^@[0-9]+$"},
    ),
    "sunset": ("The same as a date (RFC 8594).", {"type": "string"}),
    "preference-applied": ("The `wait` that was granted.", {"type": "string"}),
    "location": (
        f"A link to the file, valid for {LINK_MINUTES} minutes.",
        {"type": "string", "format": "uri"},
    ),
    "content-range": ("Which bytes these are.", {"type": "string"}),
    "content-length": ("How many bytes.", {"type": "integer", "minimum": 0}),
    "accept-ranges": ("Parts can be asked for.", {"type": "string", "enum": ["bytes"]}),
    "etag": ("The sha256 of the file, quoted.", {"type": "string"}),
    "last-modified": ("Since when the file is there.", {"type": "string"}),
    "content-disposition": ("The name of the file.", {"type": "string"}),
    "accept-encoding": ("How a body may be compressed.", {"type": "string"}),
}

_TEXT = """\
Slow, paid Sora-like video jobs as a dependable API: send a prompt, get an id at once, and end with
an MP4 in your own storage and a settled cost. The routes and objects are those of OpenAI's videos
and files APIs, so its clients work with another base URL and key; we add some of our own.

Send your key as `Authorization: Bearer KEY` or `api-key: KEY`. Every error has the same envelope
and says whether anything was charged and whether to try again.

Agents reach the same at `/mcp` of this server, by the Model Context Protocol.

Bodies may come compressed (`Content-Encoding: gzip` or `deflate`). JSON is UTF-8, or what its byte
order mark or the `charset` of its content type says.\
"""

_OURS: Mapping[int, str] = {
    500: "Something failed here, or the app is configured wrongly.",
    503: "Storage does not answer right now. Try again.",
}


@lru_cache(maxsize=1)
def operations() -> tuple[Operation, ...]:
    return tuple(operation for resource in RESOURCES for operation in resource.OPERATIONS)


def document(server: str) -> dict[str, Any]:
    """The OpenAPI document of the API at `server` (its base path included)."""
    schemas, names = _schemas()
    given = parameters.schemas()
    for operation in operations():
        if operation.body is not None and operation.body.parameters:
            schemas[operation.body.model.__name__]["properties"] |= given
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations():
        described = _operation(operation, names, given)
        paths.setdefault(operation.path, {})[operation.method] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Durable Video",
            "version": VERSION,
            "summary": "A dependable video API.",
            "description": _TEXT,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "security": [{"bearer": []}, {"apiKey": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "headers": {
                name: {"description": text, "schema": schema}
                for name, (text, schema) in HEADERS.items()
            },
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A key, or an Entra access token for this API.",
                },
                "apiKey": {"type": "apiKey", "in": "header", "name": "api-key"},
            },
        },
    }


def as_json(server: str) -> bytes:
    return json.dumps(document(server), ensure_ascii=False, separators=(",", ":")).encode()


_Names = Mapping[type[BaseModel], Schema]


def _schemas() -> tuple[dict[str, Any], _Names]:
    """Every schema by name, and a reference for each model: bodies in validation mode, answers in
    serialization mode."""
    modes: dict[type[BaseModel], Literal["validation", "serialization"]] = {
        ErrorAnswer: "serialization"
    }
    for operation in operations():
        if operation.body is not None:
            modes[operation.body.model] = "validation"
        for answer in operation.answers.values():
            if answer.model is not None:
                modes[answer.model] = "serialization"
    named, definitions = models_json_schema(
        list(modes.items()), ref_template="#/components/schemas/{model}"
    )
    references = {model: named[model, mode] for model, mode in modes.items()}
    return dict(sorted(definitions["$defs"].items())), references


def _operation(operation: Operation, names: _Names, given: Mapping[str, Schema]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
    }
    if operation.text:
        described["description"] = operation.text
    if operation.public:
        described["security"] = []
    if operation.parameters:
        described["parameters"] = [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = _body(operation.body, names, given)
    answers = {status: _answer(answer, names) for status, answer in operation.answers.items()}
    errors = dict(operation.errors)
    if operation.body is not None:
        errors[411] = "The body came without its length, and so did not arrive."
        largest = f"The body is larger than {mib(LARGEST_BODY)}, as it came or decompressed."
        errors.setdefault(413, largest)
        errors[415] = "The body is compressed in a way that is not taken."
    if not operation.public:
        errors[401] = "No key, or one that is not known here."
        errors |= _OURS
    for status, text in errors.items():
        if status not in answers:
            answers[status] = _error(operation, status, text, names)
    described["responses"] = {str(status): answers[status] for status in sorted(answers)}
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.where,
        "description": parameter.text,
        "required": parameter.where == "path",
        "schema": parameter.schema,
    }
    if parameter.where == "query":
        described["allowEmptyValue"] = True  # the host drops it
    if parameter.example is not None:
        described["example"] = parameter.example
    return described


def _body(body: Body, names: _Names, given: Mapping[str, Schema]) -> dict[str, Any]:
    examples = {name: {"value": value} for name, value in body.examples.items()}
    content: dict[str, Any] = {}
    if body.as_json:
        content[JSON] = {"schema": names[body.model], "examples": examples}
    if body.form is not None:
        # the same model, except for fields that a form must encode differently
        described = body.model.model_json_schema(ref_template="#/components/schemas/{model}")
        described.pop("$defs", None)
        fields = {**described["properties"], **(given if body.parameters else {}), **body.form}
        form: dict[str, Any] = {"schema": {**described, "properties": fields}}
        if "metadata" in fields:  # metadata[key]=value
            form["encoding"] = {"metadata": {"style": "deepObject", "explode": True}}
        if not body.as_json:
            form["examples"] = examples
        content[MULTIPART] = form
    return {"required": body.required, "content": content}


def _answer(answer: Answer, names: _Names) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": answer.text,
        "headers": _headers("x-request-id", *answer.headers),
    }
    if answer.model is not None:
        described["content"] = {JSON: {"schema": names[answer.model]}}
    for media_type, schema in answer.content.items():
        described.setdefault("content", {})[media_type] = {"schema": schema}
    if answer.links:
        described["links"] = {
            name: {
                "operationId": link.operation,
                "description": link.text,
                "parameters": dict(link.parameters),
            }
            for name, link in answer.links.items()
        }
    return described


def _error(operation: Operation, status: int, text: str, names: _Names) -> dict[str, Any]:
    headers = ["x-request-id"]
    if status in (409, 429):
        headers.append("x-should-retry")
    if status in (409, 429, 503):
        headers.append("retry-after")
    if status == 415:
        headers.append("accept-encoding")
    described: dict[str, Any] = {"description": text, "headers": _headers(*headers)}
    if operation.method != "head":
        described["content"] = {JSON: {"schema": names[ErrorAnswer]}}
    return described


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
