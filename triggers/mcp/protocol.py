"""MCP's messages: JSON-RPC 2.0, and what each version of the protocol makes of it. Pure.

Versions of the `MODERN` era say theirs in every request (`_meta`, and the same in the headers);
those of the `HANDSHAKE` era agree on one in `initialize` and say it in a header afterwards. Both
are served side by side, without a session. Where it is written, below
https://modelcontextprotocol.io/specification: 2026-07-28/basic/transports/streamable-http,
2026-07-28/basic/versioning, 2025-11-25/basic/transports, 2025-03-26/basic/transports (batches).
"""

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shared.domain.limits import MOST_MESSAGES

MODERN = ("2026-07-28",)
HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
VERSIONS = (*MODERN, *HANDSHAKE)
"""Newest first. The one of 2024-11-05 has another transport, but programs that know it only come
through mcp-remote, which hands on their messages as they are; the official servers agree to it."""
_WITHOUT_HEADER = "2025-03-26"
"""What a request without the header speaks: the one version that has no such header."""
BATCHING = "2025-03-26"
"""The only version in which several messages may come in one array."""
LINKING = VERSIONS[: VERSIONS.index("2025-06-18") + 1]
"""The versions in which a result may have resource links."""

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

_META = "io.modelcontextprotocol/"
_LONGEST_ID = 256
_ENCODED = re.compile(r"=\?base64\?(.*)\?=", re.DOTALL)

Id = str | int


class Fault(Exception):
    """An error of the protocol, not of a tool: a JSON-RPC error. `status` is the HTTP status where
    it is the only answer."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        status: int = 400,
        data: Mapping[str, Any] | None = None,
        id: Id | None = None,  # noqa: A002  # JSON-RPC's name
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.data, self.id = code, message, status, data, id

    def as_message(self) -> dict[str, Any]:
        """The error response; without an id where that of the request could not be read."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = dict(self.data)
        known = {} if self.id is None else {"id": self.id}
        return {"jsonrpc": "2.0", **known, "error": error}


@dataclass(frozen=True)
class Request:
    """A request that is to be answered."""

    id: Id
    method: str
    params: Mapping[str, Any]
    version: str

    @property
    def modern(self) -> bool:
        return self.version in MODERN

    def answer(self, result: Mapping[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": self.id, "result": dict(result)}

    def fault(self, code: int, message: str, *, status: int = 200) -> Fault:
        return Fault(code, message, status=status, id=self.id)


@dataclass(frozen=True)
class Received:
    """What one POST brought: requests, and messages that cannot be requests. Both are empty where
    it was notifications only; `batch` is where they came in an array."""

    requests: tuple[Request, ...] = ()
    faults: tuple[Fault, ...] = ()
    batch: bool = False


def received(body: Any, headers: Mapping[str, str]) -> Received:
    """The messages of a parsed body. Raises Fault where it is nothing that can be answered.

    `headers` are those of the HTTP request; their names are in lower case.
    """
    if not isinstance(body, list):
        request = _request(body, headers)
        return Received() if request is None else Received((request,))
    version = _header_version(headers)
    if version != BATCHING:
        raise Fault(INVALID_REQUEST, f"MCP {version} has no batches: send one message at a time.")
    if not 1 <= len(body) <= MOST_MESSAGES:
        raise Fault(INVALID_REQUEST, f"A batch has 1 to {MOST_MESSAGES} messages.")
    return _batch(body, headers)


def _batch(body: list[Any], headers: Mapping[str, str]) -> Received:
    requests: dict[Id, Request] = {}
    faults = []
    for message in body:
        try:
            request = _request(message, headers)
            if request is None:
                continue
            if request.method == "initialize":
                raise request.fault(INVALID_REQUEST, "initialize does not go into a batch.")
            if request.id in requests:
                raise Fault(INVALID_REQUEST, "Two requests of the batch have the same id.")
            requests[request.id] = request
        except Fault as fault:
            faults.append(fault)
    return Received(tuple(requests.values()), tuple(faults), batch=True)


def _request(message: Any, headers: Mapping[str, str]) -> Request | None:
    """A request; None for a notification, and for a response, of which none is expected."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Fault(INVALID_REQUEST, 'A message is a JSON object with "jsonrpc": "2.0".')
    if "method" not in message and ("result" in message or "error" in message):
        _header_version(headers)
        return None
    method = message.get("method")
    if not isinstance(method, str):
        raise Fault(INVALID_REQUEST, "method is missing, or is no string.")
    if "id" not in message:
        _header_version(headers)
        return None
    id = _id(message["id"])  # noqa: A001  # JSON-RPC's name
    try:
        params = message.get("params")
        if params is None:  # some clients write null where they have none
            params = {}
        if not isinstance(params, dict):
            raise Fault(INVALID_PARAMS, "params is not an object.")
        return Request(id, method, params, _version(method, params, headers))
    except Fault as fault:
        fault.id = id
        raise


def _id(id: Any) -> Id:  # noqa: A002  # JSON-RPC's name
    if isinstance(id, int) and not isinstance(id, bool) and abs(id) < 2**63:
        return id
    if isinstance(id, str) and len(id) <= _LONGEST_ID and not re.search("[\ud800-\udfff]", id):
        return id
    raise Fault(
        INVALID_REQUEST, f"id is not an integer, or a string of at most {_LONGEST_ID} characters."
    )


# --- versions


def _header_version(headers: Mapping[str, str]) -> str:
    """What the header says. Raises Fault for a version that is not spoken here."""
    version = headers.get("mcp-protocol-version", "").strip() or _WITHOUT_HEADER
    if version not in VERSIONS:
        raise _unsupported(version)
    return version


def _version(method: str, params: Mapping[str, Any], headers: Mapping[str, str]) -> str:
    """The version of a request. Raises Fault where it is none of ours, or not whole."""
    meta = params.get("_meta")
    said = meta.get(f"{_META}protocolVersion") if isinstance(meta, dict) else None
    if said is None:
        if method == "initialize":  # it is about to be agreed
            return HANDSHAKE[0]
        version = _header_version(headers)
        if version in MODERN:
            raise Fault(INVALID_PARAMS, f"params._meta has no {_META}protocolVersion.")
        return version
    if not isinstance(said, str):
        raise Fault(INVALID_PARAMS, f"{_META}protocolVersion is no string.")
    if said in MODERN:
        assert isinstance(meta, dict), "it said the version"
        _check_modern(said, method, params, meta, headers)
        return said
    header = headers.get("mcp-protocol-version", "").strip()
    if header != said and (header in MODERN or said not in HANDSHAKE):
        # whoever stands between believes the headers of such a request to be checked
        raise Fault(HEADER_MISMATCH, "The header mcp-protocol-version is not what the body says.")
    if said not in HANDSHAKE:
        raise _unsupported(said)
    return said


def _check_modern(
    version: str,
    method: str,
    params: Mapping[str, Any],
    meta: Mapping[str, Any],
    headers: Mapping[str, str],
) -> None:
    """What every request of this era has, and that its headers say what its body does."""
    expected = {"mcp-protocol-version": version, "mcp-method": method}
    if method == "tools/call":
        expected["mcp-name"] = str(params.get("name", ""))
    for name, value in expected.items():
        if name not in headers:
            raise Fault(HEADER_MISMATCH, f"The header {name} is missing.")
        sent = headers[name].strip()
        if (_decoded(sent) if name == "mcp-name" else sent) != value:
            raise Fault(HEADER_MISMATCH, f"The header {name} is not what the body says.")
    if not isinstance(meta.get(f"{_META}clientCapabilities"), dict):
        raise Fault(INVALID_PARAMS, f"params._meta has no {_META}clientCapabilities.")


def _decoded(value: str) -> str | None:
    """A header's value, which is in base64 where it is not plain ASCII; None where it is neither"""
    match = _ENCODED.fullmatch(value)
    if match is None:
        return value
    try:
        return base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _unsupported(requested: str) -> Fault:
    return Fault(
        UNSUPPORTED_VERSION,
        "Unsupported protocol version",
        data={"supported": list(VERSIONS), "requested": requested[:40]},
    )


def negotiated(params: Mapping[str, Any]) -> str:
    """The version that `initialize` agrees on: the client's, or else our newest of that era."""
    wanted = params.get("protocolVersion")
    return wanted if isinstance(wanted, str) and wanted in HANDSHAKE else HANDSHAKE[0]


# --- results


def completed(request: Request, result: Mapping[str, Any], server: Mapping[str, str]) -> Any:
    """The response with a result, with what its version adds."""
    if request.modern:
        meta = {"_meta": {f"{_META}serverInfo": dict(server)}}
        result = {"resultType": "complete", **meta, **result}
    return request.answer(result)


def as_json(message: Any) -> bytes:
    """ASCII, so that no text can break it."""
    return json.dumps(message, separators=(",", ":")).encode()


def accepts_json(accept: str) -> bool:
    """Whether a client takes JSON; one that does not say takes anything."""
    return not accept.strip() or any(
        kind in ("application/json", "application/*", "*/*") for kind in _kinds(accept)
    )


def _kinds(accept: str) -> Iterator[str]:
    for part in accept.lower().split(","):
        kind, *parameters = (each.strip().replace(" ", "") for each in part.split(";"))
        if not any(re.fullmatch(r"q=0(\.0*)?", each) for each in parameters):
            yield kind
