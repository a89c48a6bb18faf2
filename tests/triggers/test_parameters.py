"""Parameters, rules and other prices as callers meet them: bodies, quotes, models, the document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared.domain.errors import InvalidRequest
from shared.lifecycle.requests.fields import parse
from shared.lifecycle.services import Services
from tests.support.surface import send
from tests.triggers.test_bodies import form, posted
from triggers.web import bodies

App = Callable[..., Services]
Upstreams = Callable[..., str]

SEED = {"type": "integer", "minimum": 0, "maximum": 100}
SMALL = {
    "sizes": ["832x480"],
    "seconds": [5],
    "parameters": {
        "seed": SEED,
        "negative_prompt": {"type": "string", "max_length": 20},
        "upscale": {"type": "boolean"},
    },
}
RULED = {
    "size_rule": {"multiple_of": 16, "min": 256, "max": 1024},
    "default_size": "512x512",
    "seconds": {"min": 2, "max": 4},
    "parameters": {"seed": {"type": "integer", "minimum": -5}, "steps": {"type": "integer"}},
}
BASE = {"model": "wan", "prompt": "a fox"}


@pytest.fixture
def wan(app: App, upstreams: Upstreams) -> Services:
    """One model on two deployments, with other sizes and parameters."""
    first: dict[str, Any] = {**json.loads(upstreams())[0], "model": "wan"}
    small = {
        **first,
        "name": "small",
        "prices": {"version": "by-video", "usd_per_video": "0.25"},
        "capabilities": SMALL,
    }
    ruled = {
        **first,
        "name": "ruled",
        "prices": {"version": "by-gpu", "usd_per_gpu_second": "0.001", "gpus": 4},
        "capabilities": RULED,
    }
    return app(UPSTREAMS=json.dumps([small, ruled, json.loads(upstreams())[0]]))


def quoted(**fields: Any) -> dict[str, Any]:
    answer = send("POST", "/quotes", body={**BASE, **fields})
    assert answer.status == 200, answer.json
    quote: dict[str, Any] = answer.json
    return quote


def refused(**fields: Any) -> dict[str, Any]:
    answer = send("POST", "/quotes", body={**BASE, **fields})
    assert answer.status == 400
    error: dict[str, Any] = answer.json["error"]
    return error


@pytest.mark.usefixtures("wan")
def test_json_and_a_form_make_the_same_request() -> None:
    fields = {"seed": 7, "negative_prompt": "fog", "upscale": True}
    sent = bodies.create_video(posted(**BASE, **fields)).request
    as_form = form(**BASE, seed="7", negative_prompt="fog", upscale="true")
    assert sent.parameters == fields
    assert bodies.create_video(as_form).request.digest() == sent.digest()
    assert parse({**BASE, **fields}).request == sent  # a file in the inbox
    assert bodies.create_video(posted(**BASE, seed=None)).request.parameters == {}


@pytest.mark.usefixtures("wan")
def test_a_request_goes_to_the_deployments_that_take_its_parameters() -> None:
    quote = quoted(seed=7, size="832x480", seconds=5, negative_prompt="fog")
    assert (quote["deployments"], quote["parameters"]) == (
        ["small"],
        {"seed": 7, "negative_prompt": "fog"},
    )
    quote = quoted(steps=30)
    assert (quote["deployments"], quote["size"], quote["seconds"]) == (["ruled"], "512x512", "2")
    # within the bounds of one only
    assert quoted(seed=-1, size="512x512", seconds=2)["deployments"] == ["ruled"]


@pytest.mark.usefixtures("wan")
def test_what_no_deployment_takes_is_refused_with_what_is_allowed() -> None:
    error = refused(seed=101)
    assert (
        error["message"] == "seed 101 is not supported by wan. Allowed: an integer from 0 to 100."
    )
    assert (error["param"], error["code"]) == ("seed", "invalid_value")
    assert refused(seed="x")["message"] == "seed 'x' is not an integer."
    error = refused(steps=30, upscale=True)
    assert error["message"] == (
        "No deployment of wan takes all of steps, upscale: small takes seed, negative_prompt, "
        "upscale; ruled takes seed, steps."
    )


@pytest.mark.usefixtures("wan")
@pytest.mark.parametrize("fields", [{"fps": 24}, {"model": "sora-2", "seed": 7}])
def test_an_unknown_field_is_refused_as_ever(fields: dict[str, Any]) -> None:
    error = refused(**fields)
    assert (error["code"], error["param"]) == ("unknown_parameter", next(reversed(fields)))
    assert ("seed" in error["message"].partition("Known: ")[2]) is ("model" not in fields)


@pytest.mark.usefixtures("wan")
def test_a_remix_takes_none() -> None:
    source = bodies.create_video(posted(**BASE, seed=7)).request
    with pytest.raises(InvalidRequest, match="Unknown parameter: 'seed'"):
        bodies.remix_video(posted(prompt="at night", seed=7), source)


@pytest.mark.usefixtures("wan")
def test_a_size_by_rule_is_taken_or_the_nearest_is_named() -> None:
    assert quoted(size="1024x768", seconds=4)["deployments"] == ["ruled"]
    error = refused(size="1000x700", steps=1)
    assert error["message"].endswith("at most 16,777,216 pixels. The nearest is 1008x704.")


@pytest.mark.usefixtures("wan")
def test_quotes_of_prices_that_are_not_by_length() -> None:
    cost = quoted(size="832x480", seconds=5, upscale=False)["cost"]
    assert cost == {
        "currency": "USD",
        "estimated": "0.25",
        "usd_per_second": None,
        "price_version": "by-video",
    }


@pytest.mark.usefixtures("wan")
def test_models_show_it_all() -> None:
    model = send("GET", "/models/wan").json
    can = model["capabilities"]
    assert [each["size"] for each in can["sizes"]] == ["832x480", "512x512"]
    assert can["sizes"][0]["seconds"] == [2, 3, 4, 5]  # the rule takes this size as well
    assert can["sizes"][0]["usd_per_second"] is None
    assert can["size_rules"] == [
        {"multiple_of": 16, "min": 256, "max": 1024, "max_pixels": 16_777_216}
    ]
    assert can["parameters"]["seed"] == {
        "type": "integer",
        "minimum": -5,
        "maximum": None,
        "max_length": None,
        "enum": None,
    }
    small, ruled = model["deployments"]
    assert small["parameters"] == ["seed", "negative_prompt", "upscale"]
    assert (small["price"]["usd_per_video"], small["price"]["usd_per_second"]) == ("0.25", None)
    assert (ruled["price"]["usd_per_gpu_second"], ruled["price"]["gpus"]) == ("0.001", 4)
    (sora,) = send("GET", "/models/sora-2").json["deployments"]
    assert (sora["price"]["usd_per_second"], sora["price"]["gpus"]) == ("0.10", None)


@pytest.mark.usefixtures("wan")
def test_the_document_has_the_parameters_of_every_model() -> None:
    from triggers.contract.document import document

    made = document("https://video.example.com")
    create = made["paths"]["/videos"]["post"]["requestBody"]["content"]
    schemas = [
        made["components"]["schemas"]["CreateVideo"],
        create["multipart/form-data"]["schema"],
    ]
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
        seed = schema["properties"]["seed"]
        assert (seed["type"], seed["minimum"], "maximum" in seed) == ("integer", -5, False)
        assert schema["properties"]["negative_prompt"]["maxLength"] == 20
        assert schema["properties"]["upscale"]["type"] == "boolean"
        assert "prompt" in schema["properties"]
    assert "seed" not in made["components"]["schemas"]["RemixVideo"]["properties"]
