"""Requests that the product itself never makes: other paths, other methods, without the key."""

import socket
import ssl
from collections.abc import Iterator, Mapping

import httpx

from local.loopback import BRIEFLY
from shared.telemetry.events import silence_urls
from shared.tls import tls
from shared.upstream.reading import Answer

_TIMEOUT = httpx.Timeout(20.0, connect=5.0)
_LARGEST = 2 * 1024 * 1024
NO_KEY = ""
WRONG_KEY = "wrong-key-of-a-check"
_NOTHING: Mapping[str, str] = {}


class NotReached(Exception):
    """No HTTP answer; the message says at which step it ended."""


class Server:
    """One server. Sends nothing that creates a job: no POST."""

    def __init__(self, endpoint: str, key: str) -> None:
        self._endpoint, self._key = endpoint, key
        self.key_header = "Authorization"
        self._http = httpx.Client(
            timeout=_TIMEOUT,
            follow_redirects=False,
            trust_env=False,
            verify=tls(),
            limits=BRIEFLY,
        )
        silence_urls()

    def close(self) -> None:
        self._http.close()

    def get(
        self, path: str, query: Mapping[str, str] = _NOTHING, *, key: str | None = None
    ) -> Answer:
        """GET a path below the endpoint; with the real key unless another is given. Raises
        NotReached."""
        return self._ask("GET", path, query, key)

    def put(self, path: str) -> Answer:
        """PUT without a body. Raises NotReached."""
        return self._ask("PUT", path, _NOTHING, None)

    def _ask(self, method: str, path: str, query: Mapping[str, str], key: str | None) -> Answer:
        key = self._key if key is None else key
        headers = {"accept-encoding": "identity"}
        if key:
            bearer = self.key_header == "Authorization"
            headers[self.key_header] = f"Bearer {key}" if bearer else key
        try:
            with self._http.stream(
                method, self._endpoint + path, params=dict(query) or None, headers=headers
            ) as answer:
                return Answer(answer.status_code, answer.headers, self._body(answer))
        except httpx.HTTPError as error:
            raise NotReached(_step(error)) from None

    def _body(self, answer: httpx.Response) -> bytes:
        """The body, without the key: some servers repeat it."""
        body = bytearray()
        for piece in answer.iter_bytes():
            body += piece
            if len(body) > _LARGEST:
                break
        return bytes(body).replace(self._key.encode(), b"[key]") if self._key else bytes(body)


def _step(error: Exception) -> str:
    """How far a connection came."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"TLS: the certificate is not trusted ({cause.verify_message})"
        if isinstance(cause, ssl.SSLError):
            return "TLS: the server does not speak it; is this an http:// address?"
        if isinstance(cause, socket.gaierror):
            return "DNS: the name is not known"
        if isinstance(cause, ConnectionRefusedError):
            return "TCP: the connection is refused; is the server up?"
    if isinstance(error, httpx.ConnectTimeout):
        return "TCP: no connection in time; a firewall?"
    if isinstance(error, httpx.TimeoutException):
        return "HTTP: connected, but no answer in time"
    if isinstance(error, httpx.ConnectError):
        return "TCP: no connection"
    return f"HTTP: connected, but no answer ({type(error).__name__}); is this an https:// address?"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
