"""HTTP triggers as a client sees them."""

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Client

APP = "http"
ENVIRON = {
    "FUNCTIONS_MASTER_KEY": "the-master-key",
    "FUNCTIONS_HOST_KEY": "the-host-key",
    "FUNCTIONS_KEY_keyed": "the-function-key",
}


def echo(client: "Client", method: str, path: str, **request: Any) -> dict[str, Any]:
    response = client.request(method, f"/api/echo/{path}", **request)
    assert response.status_code == 200, response.text
    seen: dict[str, Any] = response.json()
    return seen


def test_a_request_as_the_function_sees_it(client: "Client") -> None:
    seen = echo(
        client,
        "POST",
        "a%20b/c?x=1&x=2&empty=&y=%C3%A9",
        headers=[("X-Twice", "one"), ("X-Twice", "two"), ("Content-Type", "text/plain")],
        content="body \xe9".encode(),
    )
    assert seen["method"] == "POST"
    assert seen["url"] == f"{client.base_url}/api/echo/a%20b/c?x=1&x=2&empty=&y=%C3%A9"
    assert seen["params"] == {"x": "1,2", "y": "é"}
    assert seen["route"] == {"path": "a b/c"}
    assert seen["headers"]["x-twice"] == "one,two"
    assert seen["headers"]["content-type"] == "text/plain"
    assert seen["body"].encode("latin-1").decode() == "body é"
    assert seen["function"] == "echo"
    assert len(seen["invocation"]) == 36


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_methods(client: "Client", method: str) -> None:
    assert echo(client, method, "x")["method"] == method


def test_a_catch_all_may_be_empty(client: "Client") -> None:
    assert echo(client, "GET", "")["route"] == {}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("HEAD", "/api/echo/x"),  # not among the methods
        ("POST", "/admin/unknown"),
        ("GET", "/api"),
        ("GET", "/echo/x"),
        ("GET", "/api/unknown"),
        ("POST", "/api/files/a.b"),
        ("GET", "/api/bad/1"),
        ("GET", "/runtime/unknown"),
        ("GET", "/admin/unknown"),
    ],
)
def test_what_nobody_serves_is_an_empty_404(client: "Client", method: str, path: str) -> None:
    response = client.request(method, path)
    assert response.status_code == 404
    assert response.content == b""


def test_the_home_page_is_the_hosts_if_the_app_has_none(client: "Client") -> None:
    for method in ("GET", "POST"):
        response = client.request(method, "/")
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/html"


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("5", "number 5", 200),
        ("-7", "number -7", 200),
        ("99999999999", "rest 99999999999", 299),
        ("abcd", "name abcd", 200),
        ("abcde", "rest abcde", 299),
        ("spec", "name spec", 200),  # item_by_name comes before item_first_of_all
        ("special", "rest special", 299),  # and item_otherwise before item_special
        ("a/b", "rest a/b", 299),
        ("", "rest None", 299),
    ],
)
def test_the_first_function_by_name_wins(
    client: "Client", path: str, text: str, status: int
) -> None:
    response = client.get(f"/api/items/{path}")
    assert (response.text, response.status_code) == (text, status)


def test_another_method_falls_through_to_the_catch_all(client: "Client") -> None:
    assert client.post("/api/items/5").status_code == 299


def test_optional_and_default_route_values(client: "Client") -> None:
    assert client.get("/api/files/movie.mp4").json() == {
        "name": "movie",
        "extension": "mp4",
        "page": "1",
    }
    assert client.get("/api/files/a.b.c/2").json() == {
        "name": "a.b",
        "extension": "c",
        "page": "2",
    }


def test_head_with_a_length(client: "Client") -> None:
    response = client.head("/api/files/a.mp4")
    assert response.status_code == 200
    assert response.headers["content-length"] == "12345"
    assert response.headers["content-type"] == "video/mp4"
    assert response.content == b""


def test_bytes_and_large_bodies(client: "Client") -> None:
    body = bytes(range(256)) * 4096 * 20  # 20 MiB
    response = client.post("/api/bytes", content=body)
    assert response.content == body
    assert response.headers["content-type"] == "application/octet-stream"


def test_a_body_without_a_length_arrives_empty(client: "Client") -> None:
    response = client.post("/api/bytes", content=iter([b"one ", b"two"]))
    assert (response.status_code, response.content) == (200, b"")


def test_multipart_is_the_functions_business(client: "Client") -> None:
    response = client.post(
        "/api/form", data={"prompt": "a cat"}, files={"file": ("cat.png", b"12345", "image/png")}
    )
    assert response.text == "a cat cat.png 5"


def test_status_headers_and_cookies(client: "Client") -> None:
    response = client.get("/api/cookies")
    assert response.status_code == 207
    assert response.content == b"\x00\xff"
    assert response.headers["content-type"] == "image/png"
    assert response.headers.get_list("x-thing") == ["two"]
    assert response.headers.get_list("set-cookie") == [
        "a=1; domain=; path=/",
        "b=2; domain=; path=; httponly",
    ]
    client.cookies.clear()


def test_a_string_is_text(client: "Client") -> None:
    response = client.get("/api/items/abc")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_no_content_and_redirect(client: "Client") -> None:
    response = client.get("/api/no_content")
    assert response.status_code == 204
    assert "content-length" not in response.headers
    response = client.get("/api/redirect")
    assert response.status_code == 302
    assert response.headers["location"] == "https://example.com/x?y=1"


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("keyed", None, 401),
        ("keyed", "wrong", 401),
        ("keyed", "the-function-key", 200),
        ("keyed", "the-host-key", 200),
        ("keyed", "the-master-key", 200),
        ("admin_only", None, 401),
        ("admin_only", "the-function-key", 401),
        ("admin_only", "the-host-key", 401),
        ("admin_only", "the-master-key", 200),
        ("cookies", "wrong", 207),
    ],
)
def test_auth_levels(client: "Client", path: str, key: str | None, status: int) -> None:
    by_header = client.get(f"/api/{path}", headers={"x-functions-key": key} if key else {})
    by_query = client.get(f"/api/{path}", params={"code": key} if key else {})
    assert (by_header.status_code, by_query.status_code) == (status, status)
    assert status != 401 or by_header.content == b""


def test_the_header_wins_over_the_query(client: "Client") -> None:
    response = client.get(
        "/api/keyed", headers={"x-functions-key": "wrong"}, params={"code": "the-host-key"}
    )
    assert response.status_code == 401


def test_what_is_in_error(client: "Client") -> None:
    for name, error in (
        ("bad_route", "route constraint 'nonsense' is unknown"),
        ("other_service", "Bindings of type 'queueTrigger' are not served by this host."),
    ):
        assert client.get(f"/admin/functions/{name}/status").json() == {"errors": [error]}
    assert client.get("/admin/functions/echo/status").json() == {}


def test_functions_see_json(client: "Client") -> None:
    seen = echo(client, "POST", "x", json={"a": [1, None]})
    assert json.loads(seen["body"]) == {"a": [1, None]}
