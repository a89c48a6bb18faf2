"""An image that a caller names by its address: fetched over https from hosts the operator listed.

No redirect is followed, no key is sent, and size and time are bounded, so that a caller can neither
reach into our network nor keep a worker busy.
"""

from collections.abc import Collection
from time import monotonic
from urllib.parse import urlsplit

from shared.settings import LOOPBACK
from shared.telemetry import silence_urls

_CONNECT, _READ = 5.0, 10.0
_LONGEST = 20.0


class NotFetched(Exception):
    """The image could not be fetched, or may not be; the message says why, without the address."""


def fetch(url: str, hosts: Collection[str], *, largest: int) -> bytes:
    """The bytes at `url`, whose host must be one of `hosts`. Raises NotFetched."""
    _check(url, hosts)
    import httpx  # on first use: cold starts are paid by users

    silence_urls()
    timeout = httpx.Timeout(_CONNECT, read=_READ)
    data, began = bytearray(), monotonic()
    try:
        with (
            httpx.Client(timeout=timeout, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", url, headers={"accept-encoding": "identity"}) as answer,
        ):
            if answer.status_code != 200:
                raise NotFetched(f"the image's host answered {answer.status_code}, not 200.")
            for piece in answer.iter_raw():
                data += piece
                if len(data) > largest:
                    raise NotFetched(f"the image has more than {largest // 1024**2} MiB.")
                if monotonic() - began > _LONGEST:
                    raise NotFetched(f"the image took longer than {_LONGEST:.0f} s.")
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotFetched(f"the image could not be fetched ({type(error).__name__}).") from None
    return bytes(data)


def _check(url: str, hosts: Collection[str]) -> None:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise NotFetched("image_url is not a valid address.") from None
    loopback = parts.scheme == "http" and host in LOOPBACK
    if parts.scheme != "https" and not loopback:
        raise NotFetched("image_url must be an https address or a data URL.")
    if parts.username or parts.password:
        raise NotFetched("image_url must not hold a user name or a password.")
    if host not in hosts or (port not in (None, 443) and not loopback):
        listed = ", ".join(sorted(hosts))
        raise NotFetched(
            "images are not fetched from this host. "
            + (f"Allowed: {listed}." if listed else "None is allowed here: send a data URL.")
        )
