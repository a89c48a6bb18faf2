"""HTTP to an upstream: authentication, limits of size and time, redirects.

Nothing is retried here: a create must not be, and the worker that polls repeats reads.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import httpx
from pydantic import BaseModel, ValidationError

from shared.entra.app_credential import credential
from shared.settings.app import SettingsError, secret
from shared.settings.upstreams import EntraAuth, HeaderAuth, Upstream
from shared.settings.values import LOOPBACK
from shared.telemetry.events import silence_urls
from shared.upstream.protocol import AnswerLost, Content, JobGone, Media, NotSent, Unreadable
from shared.upstream.status_codes import Answer, raise_for_create, raise_for_read

_TIMEOUT = httpx.Timeout(connect=5.0, read=60.0, write=60.0, pool=10.0)
_LARGEST_JSON = 8 * 1024 * 1024
_LONGEST_ANSWER = 90.0
_LONGEST_DOWNLOAD = 900.0
_SHORTEST_KEY = 8
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 2


class UpstreamHttp:
    """The HTTP side of one deployment. Safe to share between threads."""

    def __init__(self, upstream: Upstream, transport: httpx.BaseTransport | None = None) -> None:
        self._upstream = upstream
        self._base = upstream.endpoint + upstream.path_prefix
        self._client = httpx.Client(
            timeout=_TIMEOUT, follow_redirects=False, trust_env=False, transport=transport
        )
        silence_urls()

    def close(self) -> None:
        self._client.close()

    def create(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        trace: str,
        query: Mapping[str, str],
        files: Sequence[tuple[str, Media]] = (),
        of_job: bool = False,
    ) -> Any:
        """POST a create, which costs money: JSON, or a form if there are `files` (part name, file).
        Returns the JSON of a 2xx. With `of_job` the path names a job."""
        try:
            answer = self._exchange("POST", path, trace, query, body, files)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(f"no connection to {self._upstream.name}: {_kind(error)}") from None
        except (httpx.HTTPError, Unreadable) as error:
            raise AnswerLost(f"the answer to a create was lost: {_kind(error)}") from None
        if not 200 <= answer.status < 300:
            raise_for_create(answer, prompt=str(body.get("prompt") or ""), of_job=of_job)
        return _json_or(answer, AnswerLost)

    def read(self, path: str, *, trace: str, query: Mapping[str, str]) -> Any:
        """GET JSON of a job or a list."""
        return _json_or(self._send("GET", path, trace, query), Unreadable)

    def delete(self, path: str, *, trace: str, query: Mapping[str, str]) -> bool:
        """DELETE; False if there was nothing to delete."""
        try:
            self._send("DELETE", path, trace, query)
        except JobGone:
            return False
        return True

    @contextmanager
    def download(self, path: str, *, trace: str, query: Mapping[str, str]) -> Iterator[Content]:
        """GET bytes as a stream.

        Follows redirects itself, at most two and only to HTTPS, without the key: the host of the
        bytes is not the host that issued it.
        """
        url, headers = self._base + path, self._headers(trace)
        params: Mapping[str, str] | None = query
        for _ in range(_MOST_REDIRECTS + 1):
            request = self._client.build_request("GET", url, params=params, headers=headers)
            try:
                answer = self._client.send(request, stream=True)
            except httpx.HTTPError as error:
                _raise_read_error(self._upstream.name, error)
            try:
                if answer.status_code in _REDIRECTS:
                    url = _redirect_target(url, answer.headers.get("location", ""))
                    headers, params = {}, None
                    continue
                if answer.status_code != 200:
                    raise_for_read(self._whole(answer))
                yield Content(
                    length=_length(answer.headers),
                    content_type=answer.headers.get("content-type", "").split(";")[0].strip(),
                    pieces=self._pieces(answer),
                )
                return
            finally:
                answer.close()
        raise Unreadable(f"more than {_MOST_REDIRECTS} redirects")

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        began = monotonic()
        try:
            for piece in answer.iter_bytes():
                yield piece
                if monotonic() - began > _LONGEST_DOWNLOAD:
                    raise Unreadable(f"the download took more than {_LONGEST_DOWNLOAD:.0f} s")
        except httpx.HTTPError as error:
            raise Unreadable(f"the download broke off: {_kind(error)}") from None

    def _send(self, method: str, path: str, trace: str, query: Mapping[str, str]) -> Answer:
        try:
            answer = self._exchange(method, path, trace, query)
        except httpx.HTTPError as error:
            _raise_read_error(self._upstream.name, error)
        if not 200 <= answer.status < 300:
            raise_for_read(answer)
        return answer

    def _exchange(
        self,
        method: str,
        path: str,
        trace: str,
        query: Mapping[str, str],
        body: Mapping[str, Any] | None = None,
        files: Sequence[tuple[str, Media]] = (),
    ) -> Answer:
        form: dict[str, Any] = {"json": body}
        if files:
            parts = [(name, (f.file_name, f.data, f.content_type)) for name, f in files]
            form = {"data": body, "files": parts}
        with self._client.stream(
            method, self._base + path, params=query, headers=self._headers(trace), **form
        ) as answer:
            return self._whole(answer)

    def _whole(self, answer: httpx.Response) -> Answer:
        """`_whole` without our key: some upstreams repeat it in their errors, which are stored,
        logged and shown."""
        read = _whole(answer)
        auth = self._upstream.auth
        name = "authorization" if isinstance(auth, EntraAuth) else auth.name
        key = answer.request.headers.get(name, "").removeprefix("Bearer ")
        if len(key) < _SHORTEST_KEY:
            return read
        return replace(read, body=read.body.replace(key.encode(), b"[key]"))

    def _headers(self, trace: str) -> dict[str, str]:
        auth = self._upstream.auth
        if isinstance(auth, EntraAuth):
            name, value = "Authorization", f"Bearer {self._token(auth)}"
        else:
            name, value = auth.name, self._secret(auth)
            if name.lower() == "authorization":
                value = f"Bearer {value}"
        return {name: value, "x-ms-client-request-id": trace, "accept-encoding": "identity"}

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


def _json_or(answer: Answer, error: type[AnswerLost] | type[Unreadable]) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError:
        kind = answer.headers.get("content-type", "nothing")
        raise error(f"{kind} where JSON was expected") from None


def _redirect_target(url: str, location: str) -> str:
    target = urljoin(url, location)
    parts = urlsplit(target)
    loopback = parts.hostname in LOOPBACK and urlsplit(url).hostname in LOOPBACK
    if not location or not (parts.scheme == "https" or (parts.scheme == "http" and loopback)):
        raise Unreadable("a redirect to something that is not HTTPS")
    return target


def _length(headers: Mapping[str, str]) -> int | None:
    if headers.get("content-encoding", "identity") != "identity":
        return None  # the encoded length, not that of the decoded bytes
    value = headers.get("content-length", "")
    return int(value) if value.isdigit() else None


def _kind(error: Exception) -> str:
    return type(error).__name__


M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], data: Any) -> M:
    """Validate an answer against `model`. Raises Unreadable."""
    try:
        return model.model_validate(data)
    except ValidationError:
        raise Unreadable("the answer is not what this wire promises") from None


def segment(identifier: str) -> str:
    """An upstream's id, escaped as one path segment."""
    return quote(identifier, safe="")
