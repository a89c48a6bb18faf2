"""HTTP to an upstream: authentication, limits of size and time, redirects.

Nothing is retried here: a create must not be, and the worker that polls repeats reads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any, NoReturn
from urllib.parse import quote, urljoin, urlsplit

import httpx

from shared.domain.parameters import as_text
from shared.entra.app_credential import credential
from shared.loopback import LOOPBACK
from shared.settings.app import SettingsError, secret
from shared.settings.upstreams import EntraAuth, HeaderAuth, Upstream
from shared.telemetry.events import silence_urls
from shared.tls import tls
from shared.upstream import reading
from shared.upstream.protocol import (
    AnswerLost,
    Content,
    JobGone,
    Media,
    NotSent,
    Unreadable,
    check_time,
)
from shared.upstream.reading import Answer
from shared.upstream.status_codes import raise_for_create, raise_for_read

_TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=60.0, pool=10.0)
_LARGEST_JSON = 8 * 1024 * 1024
_LARGEST_LINK = 64 * 1024
_LONGEST_ANSWER = 90.0
_LONGEST_DOWNLOAD = 900.0
_SHORTEST_KEY = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 2
_KEPT_OPEN = 1.0
"""How long, in seconds, a connection waits for its next read. Servers close an idle one after 2 s
(gunicorn) or 5 s (uvicorn, Node), and a request that meets the end of its connection is lost."""
_NOT_SO = frozenset({400, 404, 422})
"""What servers answer that do not know a query of a download."""


_NOTHING: Mapping[str, str] = {}


class UpstreamHttp:
    """The HTTP side of one deployment. Safe to share between threads."""

    def __init__(self, upstream: Upstream, transport: httpx.BaseTransport | None = None) -> None:
        self._upstream = upstream
        self._base = upstream.endpoint + upstream.speaks.path_prefix
        client = partial(
            httpx.Client,
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            verify=tls(),
            transport=transport,
        )
        self._reads = client(limits=httpx.Limits(keepalive_expiry=_KEPT_OPEN))
        # A create has a connection of its own: one that its server is closing loses the answer.
        self._creates = client(limits=httpx.Limits(max_keepalive_connections=0))
        silence_urls()

    def close(self) -> None:
        self._reads.close()
        self._creates.close()

    def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        trace: str,
        query: Mapping[str, str] = _NOTHING,
        files: Sequence[tuple[str, Media]] = (),
        form: bool = False,
        of_job: bool = False,
    ) -> Any:
        """POST a create, which costs money: JSON, or a form if one is asked for or there are
        `files` (part name, file). Returns the JSON of a 2xx. With `of_job` the path names a job."""
        sent: dict[str, Any] = _form(body, files) if form or files else {"json": body}
        sent["extensions"] = {"trace": _in_time}
        try:
            answer = self._exchange(self._creates, "POST", path, trace, query, **sent)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(f"no connection to {self._upstream.name}: {_kind(error)}") from None
        except (httpx.HTTPError, Unreadable) as error:
            raise AnswerLost(f"the answer to a create was lost: {_kind(error)}") from None
        if not answer.ok:
            raise_for_create(answer, prompt=str(body.get("prompt") or ""), of_job=of_job)
        return _json_or(answer, AnswerLost)

    def get(self, path: str, *, trace: str, query: Mapping[str, str] = _NOTHING) -> Answer:
        """GET a job or a list: the answer, whatever its status."""
        return self._send("GET", path, trace, query)

    def read(self, path: str, *, trace: str, query: Mapping[str, str] = _NOTHING) -> Any:
        """GET the JSON of a job or a list. Raises for any status but a 2xx."""
        answer = self.get(path, trace=trace, query=query)
        if not answer.ok:
            raise_for_read(answer)
        return _json_or(answer, Unreadable)

    def delete(self, path: str, *, trace: str, query: Mapping[str, str] = _NOTHING) -> bool:
        """DELETE; False if there was nothing to delete."""
        answer = self._send("DELETE", path, trace, query)
        try:
            if not answer.ok:
                raise_for_read(answer)
        except JobGone:
            return False
        return True

    @contextmanager
    def download(
        self, path: str, *, trace: str, queries: Sequence[Mapping[str, str]] = (_NOTHING,)
    ) -> Iterator[Content]:
        """GET bytes as a stream; with each of the queries, until one is not refused.

        Follows redirects itself, at most two and only to HTTPS, without the key: the host of the
        bytes is not the host that issued it. JSON with an address in it is a redirect, any other
        JSON is an error.
        """
        answer = self._followed(self._base + path, queries[0], trace)
        for query in queries[1:]:
            if answer.status_code in _NOT_SO:
                answer.close()
                answer = self._followed(self._base + path, query, trace)
        try:
            if answer.status_code != 200 or _small_json(answer) is not None:
                raise_for_read(self._whole(answer))
            yield Content(
                length=_length(answer.headers),
                content_type=answer.headers.get("content-type", "").split(";")[0].strip(),
                pieces=self._pieces(answer),
            )
        finally:
            answer.close()

    def _followed(self, url: str, query: Mapping[str, str], trace: str) -> httpx.Response:
        """The open answer at the end of the redirects."""
        headers, params = self._headers(trace), dict(query) or None
        for _ in range(_MOST_REDIRECTS + 1):
            request = self._reads.build_request("GET", url, params=params, headers=headers)
            try:
                answer = self._reads.send(request, stream=True)
            except httpx.HTTPError as error:
                _raise_read_error(self._upstream.name, error)
            location = _location(answer)
            if location is None:
                return answer
            answer.close()
            url = self._redirect_target(url, location)
            headers, params = {}, None
        raise Unreadable(f"more than {_MOST_REDIRECTS} redirects")

    def _redirect_target(self, url: str, location: str) -> str:
        """HTTPS, or the same plain server that the operator configured."""
        try:
            target = urljoin(url, location)
            parts, before = urlsplit(target), urlsplit(url)
            httpx.URL(target)  # raises InvalidURL
        except (ValueError, httpx.InvalidURL):
            raise Unreadable("a redirect to something that is no address") from None
        plain = parts.scheme == "http" and (
            (parts.hostname in LOOPBACK and before.hostname in LOOPBACK)
            or (self._upstream.plain_http and parts.netloc == urlsplit(self._base).netloc)
        )
        if not location or not parts.hostname or not (parts.scheme == "https" or plain):
            raise Unreadable("a redirect to something that is not HTTPS")
        return target

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        began, begins = monotonic(), b""
        try:
            for piece in answer.iter_bytes():
                begins = begins or piece.lstrip()[:1]
                if begins in (b"<", b"{"):  # no video and no picture begins so
                    raise Unreadable("a page or JSON where a file was expected")
                yield piece
                if monotonic() - began > _LONGEST_DOWNLOAD:
                    raise Unreadable(f"the download took more than {_LONGEST_DOWNLOAD:.0f} s")
        except httpx.HTTPError as error:
            raise Unreadable(f"the download broke off: {_kind(error)}") from None

    def _send(self, method: str, path: str, trace: str, query: Mapping[str, str]) -> Answer:
        try:
            return self._exchange(self._reads, method, path, trace, query)
        except httpx.HTTPError as error:
            _raise_read_error(self._upstream.name, error)

    def _exchange(
        self,
        client: httpx.Client,
        method: str,
        path: str,
        trace: str,
        query: Mapping[str, str],
        **body: Any,
    ) -> Answer:
        headers, params = self._headers(trace), dict(query) or None
        with client.stream(
            method, self._base + path, params=params, headers=headers, **body
        ) as answer:
            return self._whole(answer)

    def _whole(self, answer: httpx.Response) -> Answer:
        """`_whole` without our key: some upstreams repeat it in their errors, which are stored,
        logged and shown."""
        read = _whole(answer)
        name = self._upstream.key_header
        key = answer.request.headers.get(name, "").removeprefix("Bearer ") if name else ""
        if len(key) < _SHORTEST_KEY:
            return read
        return replace(read, body=read.body.replace(key.encode(), b"[key]"))

    def _headers(self, trace: str) -> dict[str, str]:
        return {
            **self._upstream.speaks.headers,
            **self._key(),
            "x-ms-client-request-id": trace,
            "accept-encoding": "identity",
        }

    def _key(self) -> dict[str, str]:
        name, auth = self._upstream.key_header, self._upstream.auth
        if isinstance(auth, EntraAuth):
            return {"Authorization": f"Bearer {self._token(auth)}"}
        if name is None or not isinstance(auth, HeaderAuth):
            return {}
        value = self._secret(auth).strip()
        if not (value.isascii() and value.isprintable()):
            raise NotSent(f"{auth.secret_setting} is not a key: it is not printable ASCII")
        return {name: f"Bearer {value}" if name.lower() == "authorization" else value}

    def _token(self, auth: EntraAuth) -> str:
        """Raises NotSent: a new identity may not get a token yet."""
        from azure.core.exceptions import AzureError

        try:
            return credential().get_token(auth.scope).token
        except AzureError as error:
            raise NotSent(f"no token for {self._upstream.name}: {_kind(error)}") from None

    def _secret(self, auth: HeaderAuth) -> str:
        """Raises NotSent if the app setting is missing."""
        try:
            return secret(auth.secret_setting)
        except SettingsError as error:
            raise NotSent(str(error)) from None


def _in_time(event: str, _what: object) -> None:
    """Look at the clock at the last moment: connected, the head is sent, and no byte of the body
    (https://www.encode.io/httpcore/extensions/#trace). A create without its body is none."""
    if event == "http11.send_request_body.started":
        check_time()


def _raise_read_error(name: str, error: httpx.HTTPError) -> NoReturn:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        raise NotSent(f"no connection to {name}: {_kind(error)}") from None
    raise Unreadable(f"{name} did not answer: {_kind(error)}") from None


def _whole(answer: httpx.Response) -> Answer:
    """Read a JSON-sized answer. Raises Unreadable if it is too large or takes too long."""
    began, body = monotonic(), bytearray()
    for piece in answer.iter_bytes():
        body += piece
        if len(body) > _LARGEST_JSON:
            raise Unreadable(f"an answer of more than {_LARGEST_JSON:,} bytes")
        if monotonic() - began > _LONGEST_ANSWER:
            raise Unreadable(f"an answer that took more than {_LONGEST_ANSWER:.0f} s")
    return Answer(answer.status_code, answer.headers, bytes(body))


def _location(answer: httpx.Response) -> str | None:
    """Where the file is, if not in this answer."""
    if answer.status_code in _REDIRECTS:
        return str(answer.headers.get("location", ""))
    return reading.link(_small_json(answer)) or None


def _small_json(answer: httpx.Response) -> dict[str, Any] | None:
    """The object that was answered instead of a file; None for a file of any type."""
    length = _length(answer.headers)
    if "json" not in answer.headers.get("content-type", "") or length is None:
        return None
    if answer.status_code != 200 or length > _LARGEST_LINK:
        return None
    try:
        data = reading.parsed(answer.read())
    except httpx.HTTPError as error:
        raise Unreadable(f"the download broke off: {_kind(error)}") from None
    return data if isinstance(data, dict) else None


def _form(body: Mapping[str, Any], files: Sequence[tuple[str, Media]]) -> dict[str, Any]:
    """A multipart form: every field is text, and a part of its own."""
    fields = [(name, (None, as_text(value))) for name, value in body.items()]
    parts = [(name, (file.file_name, file.data, file.content_type)) for name, file in files]
    return {"files": [*fields, *parts]}


def _json_or(answer: Answer, error: type[AnswerLost] | type[Unreadable]) -> Any:
    if answer.data is None:
        kind = answer.headers.get("content-type", "nothing")
        raise error(f"{kind} where JSON was expected")
    return answer.data


def _length(headers: Mapping[str, str]) -> int | None:
    if headers.get("content-encoding", "identity") != "identity":
        return None  # the encoded length, not that of the decoded bytes
    value = headers.get("content-length", "")
    return int(value) if value.isdigit() else None


def _kind(error: Exception) -> str:
    return type(error).__name__


def segment(identifier: str) -> str:
    """An upstream's id, escaped as one path segment."""
    return quote(identifier, safe="")
