"""The studio's files: what is served, how, and what its page may do."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import azure.functions as func
import pytest

from local.stack import ROOT
from shared.lifecycle.services import Services
from tests.support.surface import Answer, http_functions, send
from triggers import studio

MOST_COMPRESSED = 200_000
"""Bytes of all files together, as gzip: what a browser fetches at the very most."""
TENANT = "11111111-2222-4333-8444-555555555555"
CLIENT = "66666666-7777-4888-9999-000000000000"


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """The page is kept with the settings that it was first read with."""
    studio._file.cache_clear()
    studio._names.cache_clear()
    yield
    studio._file.cache_clear()
    studio._names.cache_clear()


@pytest.fixture
def page(app: Callable[..., Services]) -> str:
    app()
    return get("/studio").body.decode()


def get(path: str, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return send("GET", path, key=None, headers=named, base="")


def script(page: str) -> str:
    found = re.search(r'<script type="module" src="([^"]+)"', page)
    assert found
    return found[1]


def policy(answer: Answer) -> dict[str, str]:
    parts = answer.headers["content-security-policy"].split("; ")
    return dict(part.split(" ", 1) for part in parts)


def test_it_is_bundled() -> None:
    assert "index.html" in studio._names(), "run studio/build.sh, or make setup"


ROOMS = {"make", "wait", "look", "screen", "batches", "money", "operate"}
"""Their sheets; the others are for all of them."""


def test_a_class_is_styled_in_one_place() -> None:
    """Rooms are styled apart, and all of it is one sheet in the end: a class that a room styles by
    itself is nobody else's."""
    named: dict[str, set[str]] = {}
    owners: dict[str, set[str]] = {}
    for path in (ROOT / "studio/src/styles").glob("*.css"):
        sheet = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        for selectors in re.findall(r"([^{}]+)\{", sheet):
            for selector in selectors.split(","):
                for name in re.findall(r"\.([a-z][\w-]*)", selector):
                    named.setdefault(name, set()).add(path.stem)
                if alone := re.fullmatch(r"\.([\w-]+)", selector.strip()):
                    owners.setdefault(alone[1], set()).add(path.stem)
    assert len(owners) > 50
    shared = {name: files for name, files in owners.items() if len(files) > 1}
    borrowed = {
        name: named[name]
        for name, files in owners.items()
        if files <= ROOMS and not named[name] <= {"look", "screen"} and len(named[name]) > 1
    }
    assert not shared
    assert not borrowed


def test_everything_that_the_page_names_is_served(page: str) -> None:
    named = re.findall(r'(?:href|src)="(/studio/[^"]+)"', page)
    assert len(named) >= 3
    for path in named:
        answer = get(path)
        assert answer.status == 200, path
        assert answer.headers["cache-control"].endswith("immutable"), path


def test_nothing_in_the_page_is_inline_and_no_other_origin_is_named(page: str) -> None:
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\bstyle=|\bon\w+=", page)
    assert not re.search(r"""(src|href)=["'](https?:)?//""", page)


def test_the_policy_allows_this_app_and_its_storage_only(app: Callable[..., Services]) -> None:
    storage = app().links.origin
    allowed = policy(get("/studio"))
    assert allowed["default-src"] == allowed["frame-ancestors"] == "'none'"
    assert allowed["script-src"] == allowed["style-src"] == allowed["worker-src"] == "'self'"
    assert allowed["connect-src"] == f"'self' {storage}"
    assert allowed["media-src"] == f"'self' blob: {storage}"
    assert "unsafe" not in str(allowed)


def test_where_content_is_streamed_storage_is_not_allowed(app: Callable[..., Services]) -> None:
    app(CONTENT_DELIVERY="stream")
    assert policy(get("/studio"))["connect-src"] == "'self'"


def test_entra_is_offered_and_allowed_where_it_is_set(app: Callable[..., Services]) -> None:
    app(ENTRA_TENANT_ID=TENANT, ENTRA_AUDIENCE=f"api://{CLIENT}")
    answer = get("/studio")
    assert f"https://login.microsoftonline.com/{TENANT}" in answer.body.decode()
    assert policy(answer)["connect-src"].endswith(" https://login.microsoftonline.com")


def test_without_entra_the_page_offers_none(page: str) -> None:
    assert 'name="studio" content="{}"' in page


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("br;q=0, gzip;q=0.5", "gzip"),
        ("identity", ""),
        ("", ""),
    ],
)
def test_it_comes_compressed_as_the_client_can_take_it(
    page: str, accepted: str, coding: str
) -> None:
    plain = get(script(page)).body
    answer = get(script(page), accept_encoding=accepted)
    assert answer.headers.get("content-encoding", "") == coding
    assert answer.headers["vary"] == "accept-encoding"
    if coding == "gzip":
        assert gzip.decompress(answer.body) == plain
    assert (len(answer.body) < len(plain) / 2) == bool(coding)


def test_who_has_it_gets_nothing_again(page: str) -> None:
    tag = get("/studio").headers["etag"]
    answer = get("/studio", if_none_match=tag)
    assert (answer.status, answer.body) == (304, b"")
    assert get("/studio").headers["cache-control"] == "no-cache"


def test_the_service_worker_may_control_the_page_and_is_never_kept(page: str) -> None:
    answer = get("/studio/worker.js")
    assert answer.headers["service-worker-allowed"] == "/studio"
    assert answer.headers["cache-control"] == "no-cache"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name", ["nothing.js", "index.html", "..%2fdocs.html", "../docs.html", "worker.js.gz"]
)
def test_nothing_else_is_served(app: Callable[..., Services], name: str) -> None:
    app()
    (function,) = [each for each in http_functions() if each.name == "studio_asset"]
    request = func.HttpRequest("GET", "http://x/", route_params={"asset": name}, body=b"")
    assert function.call(request).status_code == 404


def test_all_of_it_is_small() -> None:
    sizes = [path.stat().st_size for path in studio._BUNDLE.glob("*.gz")]
    assert 0 < sum(sizes) < MOST_COMPRESSED


def test_the_page_of_the_api_shares_its_colours_and_leads_back(
    app: Callable[..., Services],
) -> None:
    app()
    docs = send("GET", "/docs", key=None).body.decode()
    tokens = (ROOT / "studio" / "src" / "styles" / "tokens.css").read_text()
    style = docs.partition("<style>")[2].partition("</style>")[0]
    colours = set(re.findall(r"#[0-9a-f]{3,8}\b", style))
    assert len(colours) > 10
    assert colours <= set(re.findall(r"#[0-9a-f]{3,8}\b", tokens))
    assert 'href="/studio"' in docs


def test_where_the_audience_is_no_client_nobody_is_sent_to_entra(
    app: Callable[..., Services],
) -> None:
    app(ENTRA_TENANT_ID=TENANT, ENTRA_AUDIENCE="https://videos.example.com")
    answer = get("/studio")
    assert 'name="studio" content="{}"' in answer.body.decode()
    assert "microsoftonline" not in answer.headers["content-security-policy"]


def test_without_its_bundle_it_says_what_to_run(
    app: Callable[..., Services], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    app()
    monkeypatch.setattr(studio, "_BUNDLE", tmp_path / "none")
    answer = get("/studio")
    assert answer.status == 503
    assert b"studio/build.sh" in answer.body


@pytest.mark.parametrize(
    ("accept", "status"),
    [("text/html,application/xhtml+xml", 302), ("application/json", 404), ("*/*", 404)],
)
def test_the_root_leads_a_browser_there(
    app: Callable[..., Services], accept: str, status: int
) -> None:
    app()
    (function,) = [each for each in http_functions() if each.route == "{*path}"]
    request = func.HttpRequest("GET", "http://x/", headers={"accept": accept}, body=b"")
    answer = function.call(request)
    assert answer.status_code == status
    if status == 302:
        assert answer.headers["location"] == "/studio"
