"""What callers may send, and how a refusal reads."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest

from local.stack import local_settings
from shared.domain.errors import InvalidRequest, TooLarge
from triggers.web import bodies


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)


def post(body: bytes, content_type: str = "application/json", **headers: str) -> func.HttpRequest:
    return func.HttpRequest(
        "POST",
        "http://x/openai/v1/videos",
        headers={"content-type": content_type, **headers},
        body=body,
    )


def posted(**fields: Any) -> func.HttpRequest:
    return post(json.dumps(fields).encode())


def form(**fields: str) -> func.HttpRequest:
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return post((parts + "--b--\r\n").encode(), "multipart/form-data; boundary=b")


def test_defaults_are_the_models() -> None:
    request = bodies.create_video(posted(prompt="a fox")).request
    assert (request.model, request.size, request.seconds) == ("sora-2", "720x1280", 4)
    request = bodies.create_video(posted(prompt="a fox", model="sora")).request
    assert (request.size, request.seconds, request.variants) == ("1280x720", 5, 1)


@pytest.mark.parametrize("seconds", ["8", 8])
def test_seconds_may_be_a_string_as_openai_has_it_or_a_number(seconds: Any) -> None:
    assert bodies.create_video(posted(prompt="p", seconds=seconds)).request.seconds == 8


def test_multipart_as_the_openai_client_sends_it() -> None:
    sent = form(
        **{
            "prompt": "a fox",
            "model": "sora",
            "seconds": "6",
            "size": "480x480",
            "n_variants": "2",
            "metadata[order]": "7",
        }
    )
    request = bodies.create_video(sent).request
    assert (request.seconds, request.variants, request.metadata) == (6, 2, {"order": "7"})
    same = posted(
        prompt="a fox",
        model="sora",
        seconds=6,
        size="480x480",
        n_variants=2,
        metadata={"order": "7"},
    )
    assert request.digest() == bodies.create_video(same).request.digest()


@pytest.mark.parametrize(
    ("request_", "param", "says"),
    [
        (posted(), "prompt", "Missing required parameter: 'prompt'"),
        (posted(prompt="p", sizes="1280x720"), "sizes", "Unknown parameter"),
        (posted(prompt=7), "prompt", "Invalid value 7"),
        (posted(prompt="p", size="large"), "size", "large"),
        (posted(prompt="p", seconds="four"), "seconds", "four"),
        (posted(prompt="p", seconds=4.5), "seconds", "4.5"),
        (posted(prompt="p", seconds=True), "seconds", "True"),
        (posted(prompt="p", metadata={"a": 1}), "metadata.a", "Invalid value 1"),
        (posted(prompt="\ud800"), "prompt", "Unicode"),
        (post(b"{"), None, "not valid JSON"),
        (post(b"[]"), None, "not a JSON object"),
        (post(b"\xff\xfe"), None, "not valid JSON"),
        (post(b"prompt=p", "application/x-www-form-urlencoded"), None, "content-type"),
        (form(prompt="p", **{"metadata": "x", "metadata[a]": "b"}), "metadata", "twice"),
    ],
)
def test_a_refusal_names_the_parameter_and_the_value(
    request_: func.HttpRequest, param: str | None, says: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        bodies.create_video(request_)
    assert raised.value.param == param
    assert says in raised.value.message


def test_a_long_value_is_not_echoed_whole() -> None:
    with pytest.raises(InvalidRequest) as raised:
        bodies.create_video(posted(prompt="p", size="x" * 5000))
    assert len(raised.value.message) < 300


def test_the_size_is_checked_by_header_and_by_length() -> None:
    bodies.check_size(posted(prompt="p"))
    with pytest.raises(TooLarge):
        bodies.check_size(post(b"{}", **{"content-length": str(26 * 1024**2)}))
    with pytest.raises(TooLarge):
        bodies.check_size(post(b"x" * (25 * 1024**2 + 1)))
