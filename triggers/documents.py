"""`/openai/v1/openapi.json` and `/docs`: the API's contract, for programs and for people.

Both are public, the same for everybody, and built once, on the first request.
"""

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path

import azure.functions as func

from shared.durable.sdk import blueprint
from shared.settings.app import settings
from triggers.web.answers import BASE_PATH, Response, public_answer
from triggers.web.routes import http

bp = blueprint()

_PAGE = Path(__file__).parent / "web" / "docs.html"


@http(bp, f"{BASE_PATH}/openapi.json", ["GET"])
def openapi(req: func.HttpRequest) -> Response:  # noqa: ARG001  # the host passes it
    return public_answer(_openapi(), content_type="application/json")


@http(bp, f"{BASE_PATH}/docs", ["GET"])
def docs(req: func.HttpRequest) -> Response:  # noqa: ARG001  # the host passes it
    page, policy = _page()
    return public_answer(
        page, content_type="text/html", headers={"content-security-policy": policy}
    )


@lru_cache(maxsize=1)
def _openapi() -> bytes:
    # builds about a hundred models, so it is imported only for this request
    from triggers.contract import document

    return document.as_json(f"{settings().public_base_url}/{BASE_PATH}")


@lru_cache(maxsize=1)
def _page() -> tuple[bytes, str]:
    """The page and its policy: it may run its own script and style and call this API, nothing
    more, because users type a key into it."""
    text = _PAGE.read_text(encoding="utf-8")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(text, 'script')}'",
            f"style-src '{_digest(text, 'style')}'",
            "connect-src 'self'",
            "img-src 'self' data: blob:",
            "media-src blob:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return text.encode(), policy


def _digest(page: str, element: str) -> str:
    match = re.search(rf"<{element}>(.*?)</{element}>", page, flags=re.DOTALL)
    assert match is not None, f"the page has one {element}"
    digest = hashlib.sha256(match[1].encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
