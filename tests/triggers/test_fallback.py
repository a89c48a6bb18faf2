"""Unknown routes, wrong methods and operations that nobody offers: the envelope, each time."""

import json
import re
from typing import Any

import azure.functions as func
import pytest

from tests.support.surface import http_functions
from triggers import fallback
from triggers.web.answers import answer
from triggers.web.routes import methods_of


def ask(method: str, path: str) -> tuple[func.HttpResponse, Any]:
    request = func.HttpRequest(method, f"http://x/{path}", route_params={"path": path}, body=b"")
    answered = answer(lambda: fallback._unknown(request))
    return answered, json.loads(answered.get_body())["error"]


def test_an_unknown_route_says_so() -> None:
    answered, error = ask("GET", "openai/v1/images")
    assert (answered.status_code, error["code"]) == (404, "unknown_route")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "openai/v1/videos", "GET, POST"),
        ("POST", "openai/v1/videos/video_1", "GET, DELETE"),
        ("DELETE", "openai/v1/videos/video_1/content", "GET, HEAD"),
        ("GET", "openai/v1/videos/video_1/remix", "POST"),
        ("PUT", "OpenAI/V1/Videos", "GET, POST"),
    ],
)
def test_a_wrong_method_names_the_right_ones(method: str, path: str, allowed: str) -> None:
    answered, error = ask(method, path)
    assert (answered.status_code, error["code"]) == (405, "method_not_allowed")
    assert answered.headers["allow"] == allowed


@pytest.mark.parametrize(
    "path", ["edits", "extensions", "characters", "characters/char_1", "Edits"]
)
def test_newer_operations_of_openai_are_not_offered(path: str) -> None:
    answered, error = ask("POST", f"openai/v1/videos/{path}")
    assert (answered.status_code, error["code"]) == (400, "unsupported_operation")


def test_every_route_of_the_app_is_known_to_the_fallback() -> None:
    """A route that is added elsewhere must answer a wrong method here."""
    for function in http_functions():
        if function.route != "{*path}":
            path = re.sub(r"\{\w+\}", "some", function.route)
            assert set(function.methods) <= set(methods_of(path)), function.route
