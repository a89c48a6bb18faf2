"""What callers may send, and how a refusal reads."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from local.stack import local_settings
from shared.domain.errors import InvalidRequest, LengthRequired, TooLarge
from shared.lifecycle.requests.fields import CreateVideo
from triggers.web import bodies, orders
from triggers.web.answers import problem_answer


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


def test_a_body_without_its_length_says_what_to_do() -> None:
    """Azure's host hands such a body over as an empty one."""
    chunked = func.HttpRequest(
        "POST",
        "http://x/openai/v1/videos",
        headers={"content-type": "application/json", "transfer-encoding": "chunked"},
        body=b"",
    )
    with pytest.raises(LengthRequired, match="Content-Length"):
        bodies.check_size(chunked)
    stripped = post(b"")
    bodies.check_size(stripped)
    source = bodies.create_video(posted(prompt="p")).request
    with pytest.raises(LengthRequired, match="Content-Length"):
        bodies.create_video(stripped)
    with pytest.raises(LengthRequired, match="Content-Length"):
        bodies.remix_video(stripped, source)
    with pytest.raises(InvalidRequest, match="The body is empty"):
        bodies.create_video(post(b"", **{"content-length": "0"}))
    assert problem_answer(LengthRequired("why")).status_code == 411


@pytest.mark.parametrize("seconds", ["8", 8, 8.0, "8.0"])
def test_seconds_may_be_a_string_as_openai_has_it_or_a_number(seconds: Any) -> None:
    """8.0 is an integer in JSON Schema, and what pandas writes of a column with gaps."""
    assert bodies.create_video(posted(prompt="p", seconds=seconds)).request.seconds == 8
    assert bodies.create_video(form(prompt="p", seconds=str(seconds))).request.seconds == 8


def test_null_is_as_good_as_a_field_that_is_left_out() -> None:
    optional = [name for name, field in CreateVideo.model_fields.items() if not field.is_required()]
    nulls = bodies.create_video(posted(prompt="p", **dict.fromkeys(optional)))
    assert nulls == bodies.create_video(posted(prompt="p"))
    source = nulls.request
    plain = bodies.remix_video(posted(prompt="q"), source)
    given = posted(prompt="q", metadata=None, webhook=None, allow_successor=None)
    assert bodies.remix_video(given, source) == plain
    item = {"image_url": PNG_URL, "frame_index": None, "crop_bounds": {"left_fraction": None}}
    (found,) = bodies.create_video(posted(prompt="p", inpaint_items=[item])).sources
    assert found.frame_index == 0
    for refused in (posted(prompt=None), posted(prompt="p", other=None)):
        with pytest.raises(InvalidRequest):
            bodies.create_video(refused)


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
        (
            posted(prompt="p", seconds="four"),
            "seconds",
            "'four' for 'seconds': it should be a whole",
        ),
        (posted(prompt="p", seconds=4.5), "seconds", "4.5"),
        (posted(prompt="p", seconds="4.5"), "seconds", "4.5"),
        (posted(prompt="p", seconds=float("nan")), "seconds", "nan"),
        (posted(prompt="p", seconds=float("inf")), "seconds", "inf"),
        (posted(prompt="p", seconds=True), "seconds", "True"),
        (posted(prompt="p", metadata={"a": 1}), "metadata.a", "Invalid value 1"),
        (posted(prompt="p", metadata={"a" * 65: "b"}), f"metadata.{'a' * 65}", "64 characters."),
        (posted(prompt="p", metadata={str(i): "b" for i in range(17)}), "metadata", "16 items."),
        (posted(prompt="p", allow_successor=3), "allow_successor", "it should be true or false."),
        (posted(prompt="p", allow_successor={"x": 1}), "allow_successor.x", "Unknown parameter"),
        (
            posted(prompt="p", allow_successor={"max_usd": True}),
            "allow_successor.max_usd",
            "True for 'allow_successor.max_usd': it is neither a number nor a text.",
        ),
        (posted(prompt="\ud800"), "prompt", "for 'prompt': it is not valid Unicode."),
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


PNG = b"\x89PNG\r\n\x1a\n rest"
PNG_URL = "data:image/png;base64," + base64.b64encode(PNG).decode()


def parts(*listed: tuple[str, str | None, bytes]) -> func.HttpRequest:
    """A form of (name, file name, content)."""
    body = b""
    for name, file, content in listed:
        attached = f'; filename="{file}"\r\nContent-Type: image/png' if file else ""
        head = f'--b\r\nContent-Disposition: form-data; name="{name}"{attached}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return post(body + b"--b--\r\n", "multipart/form-data; boundary=b")


def test_an_image_comes_as_a_file_a_data_url_or_a_nested_form_field() -> None:
    asked = ("prompt", None, b"a fox")
    for request in (
        parts(asked, ("input_reference", "a.png", PNG)),
        posted(prompt="a fox", input_reference={"image_url": PNG_URL}),
        parts(asked, ("input_reference[image_url]", None, PNG_URL.encode())),
    ):
        (source,) = bodies.create_video(request).sources
        assert (source.data, source.url, source.frame_index) == (PNG, None, 0)


def test_an_image_may_be_a_file_that_was_uploaded() -> None:
    for request in (
        posted(prompt="p", input_reference={"file_id": "file-1"}),
        parts(("prompt", None, b"p"), ("input_reference[file_id]", None, b"file-1")),
    ):
        (source,) = bodies.create_video(request).sources
        assert (source.param, source.file_id, source.url) == ("input_reference", "file-1", None)


def as_json(**fields: Any) -> func.HttpRequest:
    """A form whose every part is JSON."""
    kind = "Content-Type: application/json; charset=UTF-8"
    parts = "".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n{kind}\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    return post((parts + "--b--\r\n").encode(), "multipart/form-data; boundary=b")


def test_a_part_of_a_form_may_be_json() -> None:
    """Objects of Spring and Refit, and of OpenAPI's clients; Retrofit with Gson sends all so."""
    fields = {
        "prompt": 'a "fox"',
        "seconds": 8,
        "size": "1280x720",
        "metadata": {"order": "7"},
        "allow_successor": {"max_usd": "1.00"},
        "input_reference": {"file_id": "file-1"},
    }
    sent = as_json(**{name: json.dumps(value) for name, value in fields.items()})
    assert bodies.create_video(sent) == bodies.create_video(posted(**fields))
    with pytest.raises(InvalidRequest, match="prompt is not valid JSON"):
        bodies.create_video(as_json(prompt="a fox"))


def test_a_form_in_which_no_file_was_chosen_has_none() -> None:
    """What browsers send then: https://html.spec.whatwg.org/#constructing-entry-list"""
    nothing = (
        b'--b\r\nContent-Disposition: form-data; name="input_reference"; filename=""\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n\r\n"
    )
    body = nothing + form(prompt="p").get_body()
    sent = post(body, "multipart/form-data; boundary=b")
    assert bodies.create_video(sent) == bodies.create_video(form(prompt="p"))


@pytest.mark.parametrize(
    ("part", "param", "says"),
    [
        (b'name="input_reference"', "input_reference", "a file is sent with its file name"),
        (b'name="input_reference"; filename="F\xfcchse.png"', None, "that of a file, is not UTF-8"),
    ],
    ids=[".NET without a file name", "curl.exe on Windows"],
)
def test_why_a_file_did_not_arrive_is_said(part: bytes, param: str | None, says: str) -> None:
    head = b"--b\r\nContent-Disposition: form-data; " + part + b"\r\n\r\n"
    body = head + PNG + b"\r\n" + form(prompt="p").get_body()
    with pytest.raises(InvalidRequest, match=says) as raised:
        bodies.create_video(post(body, "multipart/form-data; boundary=b"))
    assert raised.value.param == param


def test_an_address_is_not_fetched_while_parsing() -> None:
    sent = posted(prompt="p", input_reference={"image_url": "https://example.org/a.png"})
    (source,) = bodies.create_video(sent).sources
    assert source.url == "https://example.org/a.png"


def test_inpaint_items_name_attached_files_or_carry_them_and_come_in_frame_order() -> None:
    items = [
        {"frame_index": 60, "file_name": "end.png", "type": "image"},
        {"frame_index": 0, "file_name": "start.png", "crop_bounds": {"right_fraction": 0.5}},
    ]
    form_ = parts(
        ("prompt", None, b"p"),
        ("model", None, b"sora"),
        ("inpaint_items", None, json.dumps(items).encode()),
        ("files", "start.png", b"S"),
        ("files", "end.png", b"E"),
    )
    first, second = bodies.create_video(form_).sources
    assert (first.data, first.frame_index) == (b"S", 0)
    assert first.crop is not None
    assert (first.crop.left, first.crop.right, first.crop.bottom) == (0, 0.5, 1)
    assert (second.data, second.frame_index, second.crop) == (b"E", 60, None)
    json_ = posted(prompt="p", model="sora", inpaint_items=[{"image_url": PNG_URL}])
    assert bodies.create_video(json_).sources[0].data == PNG


@pytest.mark.parametrize(
    ("request_", "param", "says"),
    [
        (posted(prompt="p", input_reference={}), "input_reference", "either image_url or file_id"),
        (
            posted(prompt="p", input_reference={"file_id": "file-1", "image_url": PNG_URL}),
            "input_reference",
            "either image_url or file_id",
        ),
        (posted(prompt="p", input_reference={"file_id": 7}), "input_reference.file_id", "Invalid"),
        (posted(prompt="p", input_reference=PNG_URL), "input_reference", "Invalid value"),
        (
            posted(prompt="p", input_reference={"image_url": "iVBOR" * 1000}),
            "input_reference",
            "is sent as a data URL: data:image/png;base64,",
        ),
        (
            posted(prompt="p", input_reference={"image_url": "data:image/png,xx"}),
            "input_reference",
            "base64",
        ),
        (
            posted(prompt="p", input_reference={"image_url": "data:image/png;base64,@@"}),
            "input_reference",
            "not valid base64",
        ),
        (
            posted(
                prompt="p",
                input_reference={"image_url": PNG_URL},
                inpaint_items=[{"image_url": PNG_URL}],
            ),
            "inpaint_items",
            "exclude each other",
        ),
        (posted(prompt="p", inpaint_items=[{}]), "inpaint_items", "either file_name"),
        (
            posted(
                prompt="p",
                inpaint_items=[
                    {
                        "image_url": PNG_URL,
                        "crop_bounds": {"left_fraction": 0.6, "right_fraction": 0.4},
                    }
                ],
            ),
            "inpaint_items",
            "encloses nothing",
        ),
        (
            posted(
                prompt="p",
                inpaint_items=[
                    {"image_url": PNG_URL, "crop_bounds": {"left_fraction": False}},
                ],
            ),
            "inpaint_items.0.crop_bounds.left_fraction",
            "a valid number",
        ),
        (
            posted(prompt="p", inpaint_items=[{"image_url": PNG_URL}] * 3),
            "inpaint_items",
            "at most 2",
        ),
        (posted(prompt="p", fit="stretch"), "fit", "cover"),
        (
            parts(("prompt", None, b"p"), ("inpaint_items", None, b"[{")),
            "inpaint_items",
            "not valid JSON",
        ),
        (
            parts(
                ("prompt", None, b"p"),
                ("inpaint_items", None, b'[{"file_name": "b.png"}]'),
                ("files", "a.png", PNG),
            ),
            "inpaint_items",
            "'b.png' is attached",
        ),
        (parts(("prompt", None, b"p"), ("files", "a.png", PNG)), "files", "named by"),
        (parts(("prompt", None, b"p"), ("image", "a.png", PNG)), "image", "input_reference"),
        (
            parts(
                ("prompt", None, b"p"),
                ("input_reference", "a.png", PNG),
                ("input_reference", "b.png", PNG),
            ),
            "input_reference",
            "twice",
        ),
        (parts(("prompt", None, b"p"), ("prompt", None, b"q")), "prompt", "twice"),
    ],
)
def test_a_refused_file_names_the_field(request_: func.HttpRequest, param: str, says: str) -> None:
    with pytest.raises(InvalidRequest) as raised:
        bodies.create_video(request_)
    assert raised.value.param == param
    assert says in raised.value.message


def test_equal_requests_are_equal_however_their_image_came() -> None:
    """The digest is compared after the files were read; here it must not depend on the form."""
    one = bodies.create_video(parts(("prompt", None, b"p"), ("input_reference", "a.png", PNG)))
    two = bodies.create_video(posted(prompt="p", input_reference={"image_url": PNG_URL}))
    assert one == two


def test_a_remix_changes_the_prompt_only() -> None:
    source = bodies.create_video(posted(prompt="p", size="1280x720", seconds="8")).request
    remix = bodies.remix_video(posted(prompt="now at night"), source)
    assert (remix.prompt, remix.size, remix.seconds) == ("now at night", "1280x720", 8)
    for refused in (posted(), posted(prompt="p", size="1280x720")):
        with pytest.raises(InvalidRequest):
            bodies.remix_video(refused, source)


@pytest.mark.parametrize(
    "parse",
    [
        lambda req: bodies.remix_video(req, bodies.create_video(posted(prompt="p")).request),
        bodies.redeliver,
        bodies.approve,
        orders.create_batch,
        orders.retry_batch,
    ],
)
def test_a_file_that_has_no_use_is_refused_by_its_name(
    parse: Callable[[func.HttpRequest], object],
) -> None:
    with pytest.raises(InvalidRequest, match=r"^photo: .* takes no files") as refused:
        parse(parts(("prompt", None, b"p"), ("photo", "a.png", PNG)))
    assert refused.value.param == "photo"


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (posted(prompt="p", metadata={"k" * 65: "v"}), None),
        (posted(prompt="p", metadata={"\ud800": "v"}), None),
        (posted(prompt="p", input_reference={"image_url": "https://x/\ud800"}), None),
        (posted(prompt="p", **{"\ud800": 1}), None),
        (parts(*[(f"f{number}", None, b"") for number in range(101)]), None),
        (
            post(
                b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n",
                "multipart/form-data; boundary=b",
            ),
            None,
        ),
        (post(b"", "multipart/form-data", **{"content-length": "0"}), None),
        (post(b"x", "multipart/form-data"), None),
        (
            parts(
                ("prompt", None, b"p"),
                ("metadata[a]", None, b"1"),
                ("metadata[a]", None, b"2"),
            ),
            "metadata",
        ),
        (
            parts(("prompt", None, b"p"), ("inpaint_items", None, b"[" * 100_000)),
            "inpaint_items",
        ),
        (
            parts(
                ("prompt", None, b"p"),
                ("inpaint_items", None, b'[{"file_name": "a"}, {"file_name": "a"}]'),
                ("files", "a", PNG),
                ("files", "a", PNG),
            ),
            "files",
        ),
    ],
)
def test_odd_input_is_a_clear_400(request_: func.HttpRequest, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as raised:
        bodies.create_video(request_)
    assert param in (None, raised.value.param)
    json.dumps(problem_answer(raised.value).get_body().decode())


@pytest.mark.parametrize("count", ["\u00b2", "9" * 5000, "-1", "x"])
def test_an_odd_retry_count_is_no_repeat(count: str) -> None:
    request = post(b"{}", **{"x-stainless-retry-count": count, "content-length": "\u00b2"})
    bodies.check_size(request)
    assert bodies.repeatable(request, "videos").repeated is False


def test_the_parts_of_a_form_are_counted_whatever_their_headers_look_like() -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="a"\r\n\r\n\r\n'
    with pytest.raises(InvalidRequest, match="more than 100 parts"):
        bodies.create_video(post(part * 5000 + b"--b--", "multipart/form-data; boundary=b"))


@pytest.mark.parametrize(
    ("given", "allowed", "most"),
    [
        (posted(prompt="a", allow_successor=True), True, None),
        (posted(prompt="a", allow_successor=False), False, None),
        (posted(prompt="a", allow_successor={"max_usd": "0.60"}), True, 600_000),
        (form(prompt="a", allow_successor="true"), True, None),
        (form(prompt="a", allow_successor="false"), False, None),
        (form(prompt="a", allow_successor="FALSE"), False, None),
        (form(prompt="a", **{"allow_successor[max_usd]": "0.6"}), True, 600_000),
    ],
)
def test_what_a_request_says_of_successors(
    given: func.HttpRequest, *, allowed: bool, most: int | None
) -> None:
    said = bodies.create_video(given).request.allow_successor
    assert said is not None
    assert (said.allowed, said.most) == (allowed, most)
    assert bodies.create_video(posted(prompt="a")).request.allow_successor is None


@pytest.mark.parametrize(
    "given",
    ["perhaps", {"max_usd": -1}, {"max_usd": "x"}, {"max": 1}, 7, 0, 1, 1.0, "", "on", "1", []],
)
def test_a_limit_for_successors_that_is_none(given: Any) -> None:
    with pytest.raises(InvalidRequest) as refused:
        bodies.create_video(posted(prompt="a", allow_successor=given))
    assert (refused.value.param or "").startswith("allow_successor")
