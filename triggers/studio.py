"""`/studio`: the page for people, as `studio/build.sh` has bundled it.

Its files are public and the same for everybody; a caller's key stays in the page, which sends it to
this API alone. The policy below names every other origin that the page may reach.
"""

import gzip
import hashlib
import html
import json
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import azure.functions as func

from shared.domain.errors import NotFound
from shared.durable.sdk import blueprint
from shared.lifecycle.requests import content
from shared.lifecycle.services import services
from shared.settings.app import settings
from triggers.web.answers import Response
from triggers.web.conditions import Content
from triggers.web.routes import http

bp = blueprint()

_BUNDLE = Path(__file__).parent / "web" / "studio"
_PAGE = "index.html"
_WORKER = "worker.js"
_TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".css": "text/css",
    ".svg": "image/svg+xml",
}
_ENCODINGS = {"br": ".br", "gzip": ".gz"}
_IMMUTABLE = "public, max-age=31536000, immutable"
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_MISSING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Durable Video</title>
<h1>The studio is not built</h1>
<p>Run <code>studio/build.sh</code> (<code>make setup</code> and <code>azd package</code> do),
then reload this page. The API works without it.</p></html>"""


class _File(NamedTuple):
    """A file of the bundle, plain and compressed; each tag is that of the bytes."""

    bodies: dict[str, tuple[bytes, str]]
    content_type: str
    hashed: bool


@http(bp, "studio", ["GET"])
def studio(req: func.HttpRequest) -> Response:
    page = _file(_PAGE)
    if page is None:
        return Response(_MISSING, _headers(), status=503, content_type="text/html")
    return _answer(req, page)


@http(bp, "studio/{asset}", ["GET"])
def studio_asset(req: func.HttpRequest) -> Response:
    name = req.route_params.get("asset", "")
    file = _file(name) if name in _names() and name != _PAGE else None
    if file is None:
        raise NotFound(f"The studio has no file {name[:80]!r}.", code="unknown_route")
    # its default scope would be /studio/, which the page itself is not below
    scope = {"service-worker-allowed": "/studio"} if name == _WORKER else {}
    return _answer(req, file, scope)


def _answer(req: func.HttpRequest, file: _File, more: dict[str, str] | None = None) -> Response:
    coding = _coding(req.headers.get("accept-encoding", ""), file)
    body, tag = file.bodies[coding]
    headers = {
        **_headers(),
        **(more or {}),
        "etag": f'"{tag}"',
        "cache-control": _IMMUTABLE if file.hashed else "no-cache",
        "vary": "accept-encoding",
    }
    if Content(tag, 0).is_named(req.headers):
        return Response(b"", headers, status=304, content_type=file.content_type)
    if coding:
        headers["content-encoding"] = coding
    return Response(body, headers, content_type=file.content_type)


def _coding(accepted: str, file: _File) -> str:
    """The best encoding that a client takes; empty for none. `q=0` refuses one."""
    taken = set()
    for each in accepted.lower().split(","):
        name, _, quality = each.partition(";")
        if not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", quality):
            taken.add(name.strip())
    return next((name for name in _ENCODINGS if name in taken & file.bodies.keys()), "")


@lru_cache(maxsize=1)
def _names() -> frozenset[str]:
    """What may be asked for: the files of the bundle, so that no path leads out of it."""
    found = _BUNDLE.iterdir() if _BUNDLE.is_dir() else ()
    return frozenset(path.name for path in found if path.suffix in _TYPES)


@lru_cache(maxsize=64)
def _file(name: str) -> _File | None:
    path = _BUNDLE / name
    if not path.is_file():
        return None
    if name == _PAGE:
        page = path.read_text(encoding="utf-8").replace("{{config}}", html.escape(_config()))
        bodies = {"": page.encode(), "gzip": gzip.compress(page.encode(), mtime=0)}
    else:
        bodies = {"": path.read_bytes()}
        for coding, suffix in _ENCODINGS.items():
            bodies[coding] = path.with_name(name + suffix).read_bytes()
    tagged = {
        coding: (body, hashlib.sha256(body).hexdigest()[:32]) for coding, body in bodies.items()
    }
    return _File(tagged, _TYPES[path.suffix], bool(re.search(r"-\w{8,}\.", name)))


def _config() -> str:
    """What the page has to know before it asks anything: where to sign in; nothing secret."""
    config = settings()
    if not _signs_in():
        return "{}"
    entra = {
        "authority": f"{config.entra_authority}/{config.entra_tenant_id}",
        "client": config.entra_audience.removeprefix("api://"),
        "scope": f"{config.entra_audience}/.default",
    }
    return json.dumps({"entra": entra})


def _signs_in() -> bool:
    """Whether people can sign in here: an audience may be one that names no client."""
    config = settings()
    client = config.entra_audience.removeprefix("api://")
    return bool(config.entra_tenant_id and _GUID.fullmatch(client))


def _headers() -> dict[str, str]:
    return {
        "content-security-policy": _policy(),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
    }


def _policy() -> str:
    """What the page and its service worker may do: run and reach what is served here, read films
    where links to them lead, and sign in where that is set."""
    config = settings()
    films: tuple[str, ...] = (
        () if config.content_delivery == "stream" else (content.origin(services()),)
    )
    signing_in: tuple[str, ...] = ()
    if _signs_in():
        parts = urlsplit(config.entra_authority)
        signing_in = (f"{parts.scheme}://{parts.netloc}",)
    allowed = {
        "default-src": ("'none'",),
        "script-src": ("'self'",),
        "style-src": ("'self'",),
        "worker-src": ("'self'",),
        "connect-src": ("'self'", *films, *signing_in),
        "img-src": ("'self'", "blob:", "data:", *films),
        "media-src": ("'self'", "blob:", *films),
        "base-uri": ("'none'",),
        "form-action": ("'none'",),
        "frame-ancestors": ("'none'",),
    }
    return "; ".join(f"{name} {' '.join(origins)}" for name, origins in allowed.items())
