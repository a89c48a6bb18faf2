"""The built-in activity behind ``call_http``: sends one request. ``extension`` follows a 202."""

import json
from typing import Any

import httpx

TIMEOUT_SECONDS = 100.0  # .NET's HttpClient default, which the extension leaves alone


def send(request_json: str) -> str:
    """Send a ``DurableHttpRequest``; the ``DurableHttpResponse``, both JSON text.

    Raises ``httpx.HTTPError``, and ``ValueError`` for a request with a ``tokenSource``: this host
    has no managed identity.
    """
    request: dict[str, Any] = json.loads(request_json)
    if request.get("tokenSource"):
        raise ValueError("call_http with a token_source needs a managed identity")
    # Not through a client, which would log in the app's name: on Azure the host itself asks.
    with httpx.HTTPTransport() as transport:
        response = transport.handle_request(
            httpx.Request(
                request["method"],
                request["uri"],
                content=request.get("content"),
                headers={"Content-Type": "application/json"} | (request.get("headers") or {}),
                extensions={"timeout": httpx.Timeout(TIMEOUT_SECONDS).as_dict()},
            )
        )
        response.read()
    return json.dumps(
        {
            "statusCode": response.status_code,
            "headers": dict(response.headers),
            "content": response.text,
        }
    )
