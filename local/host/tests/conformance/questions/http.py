"""Routes, requests and responses."""

import time
from typing import Any

from ..prober import Prober

_ROUTES = """
    GET /order/exact|PUT /order/exact|POST /order/exact|DELETE /order/exact|PATCH /order/exact
    GET /order/a/b|GET /order/|GET /order
    GET /last/exact|GET /last/5|GET /last/-5|GET /last/99999999999|GET /last/5.0|GET /last/five
    GET /last/a/b|GET /last/|GET /last|GET /last/exact/|GET /last/EXACT|GET /LAST/Exact
    GET /last//exact|GET //last/exact|GET /last/ex%61ct|GET /last/a%20b|GET /last/a+b
    GET /last/a%2Fb|GET /last/%2F|GET /last/a%252Fb|GET /last/%C3%BC|GET /last/a;b=1
    GET /last/a%00b|GET /last/%zz
    GET /last/exact?a=1&a=2&b&c=|GET /last/exact?A=1&a=2|GET /last/exact?q=%2B+%20%C3%BC
    HEAD /last/exact|OPTIONS /last/exact|POST /last/exact|TRACE /last/exact|FOO /last/exact
    GET /methods|POST /methods|PATCH /methods|PUT /methods|HEAD /methods|OPTIONS /methods
    GET /dup|GET /cased|GET /sorted
    GET /optional/1/2|GET /optional/1|GET /optional/1/|GET /optional
    GET /optional-int|GET /optional-int/3|GET /optional-int/x
    GET /alpha/abc|GET /alpha/a1|GET /length/abc|GET /length/abcd
    GET /guid/7ab105a7-74ed-4ab6-b3e5-82471ff490c5|GET /guid/x
    GET /segment/x-1.json|GET /segment/x-.json|GET /segment/x-a.b.json
    GET /|HEAD /|POST /|GET /nowhere|DELETE /nowhere|GET /api/methods
    GET /admin/nothing|GET /favicon.ico|GET /robots933456.txt
    GET /no-methods|POST /no-methods|PUT /no-methods|DELETE /no-methods|PATCH /no-methods
    HEAD /no-methods|OPTIONS /no-methods
"""

_KINDS = """
    str bytes none dict int response empty response-bytes 204 204-body 304 302 418 503 charset
    content-type-header headers repeats cookie cookies big raise unknown
"""

_GZIPPED = bytes.fromhex("1f8b0800000000000203abae050043bfa6a302000000")
"""`{}`, byte for byte: what compresses to it differs from Python to Python."""


def routes(prober: Prober) -> None:
    for line in _ROUTES.replace("\n", "|").split("|"):
        if line.strip():
            method, path = line.strip().split(" ", 1)
            prober.record(f"route {method} {path}", prober.ask(method, path))
    if prober.master_key:  # else nobody is turned away
        path = "/runtime/webhooks/nothing"
        prober.record(f"route GET {path}", prober.ask("GET", path))
    cors = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = prober.ask("OPTIONS", "/methods", headers=cors)
    prober.record("route OPTIONS /methods preflight", answer)
    override = {"X-HTTP-Method-Override": "PATCH"}
    answer = prober.ask("POST", "/methods", headers=override)
    prober.record("route POST with X-HTTP-Method-Override", answer)


def requests(prober: Prober) -> None:
    json_type = {"Content-Type": "application/json"}
    gzipped = {**json_type, "Content-Encoding": "gzip"}
    edge = {"Content-Type": "multipart/form-data; boundary=edge"}
    twice = [
        ("X-Probe-Twice", "1"),
        ("X-Probe-Twice", "2"),
        ("X-Probe-Empty", ""),
        ("X-PROBE-Case", "C"),
    ]
    forwarded = {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "elsewhere.example",
        "X-Forwarded-For": "192.0.2.1",
    }
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("no body", "GET", {}),
        ("GET with body", "GET", {"content": b"{}"}),
        ("json", "POST", {"json": {"a": "ü"}}),
        ("json without a type", "POST", {"content": b'{"a": 1}'}),
        ("bad json", "POST", {"content": b"{a", "headers": json_type}),
        ("json null", "POST", {"content": b"null", "headers": json_type}),
        ("empty body", "POST", {"content": b""}),
        (
            "text that is json",
            "POST",
            {"content": b"[1]", "headers": {"Content-Type": "text/plain"}},
        ),
        (
            "bytes",
            "POST",
            {
                "content": b"\x00\xff\xfe",
                "headers": {"Content-Type": "application/octet-stream"},
            },
        ),
        ("bytes without a type", "POST", {"content": b"\x00\xff\xfe"}),
        ("bom", "POST", {"content": b"\xef\xbb\xbf{}", "headers": json_type}),
        ("form", "POST", {"data": {"a": "1", "b": "x y"}}),
        ("multipart", "POST", {"files": {"f": ("n.txt", b"abc", "text/plain")}, "headers": edge}),
        ("gzip body", "POST", {"content": _GZIPPED, "headers": gzipped}),
        ("chunked body", "POST", {"content": iter([b"ab", b"cd"])}),
        ("1 MB body", "POST", {"content": b"a" * 1_000_000}),
        ("repeated header", "GET", {"headers": twice}),
        ("non-ascii header", "GET", {"headers": {b"X-Probe-U": "ü".encode()}}),
        ("cookies", "GET", {"headers": {"Cookie": "a=1; b=2"}}),
        ("forwarded", "GET", {"headers": forwarded}),
        ("for another host", "GET", {"headers": {"Host": "elsewhere.example"}}),
        ("query of 9000 characters", "GET", {"params": {"q": "a" * 9000}}),
        ("header of 9000 characters", "GET", {"headers": {"X-Other": "a" * 9000}}),
        ("header of 40000 characters", "GET", {"headers": {"X-Other": "a" * 40000}}),
    ]
    for name, method, request in calls:
        prober.record(f"request {name}", prober.ask(method, "/req", **request))


def responses(prober: Prober) -> None:
    for kind in _KINDS.split():
        prober.record(f"response {kind}", prober.ask("GET", f"/resp/{kind}"))
    prober.record("response HEAD of str", prober.ask("HEAD", "/resp/str"))
    began = time.monotonic()
    answer = prober.ask("GET", "/resp/slow")
    took = time.monotonic() - began >= 2.9
    prober.record("response slow", {**answer, "took 3 s or more": took})
