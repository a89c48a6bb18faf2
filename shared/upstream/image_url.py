"""Fetches an image that a caller names by its address, over https, from hosts the operator listed.

It follows no redirect, sends no key, and bounds size and time (`shared.bounded_http`): a caller can
neither reach into our network nor keep a worker busy.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from shared import bounded_http
from shared.bounded_http import NotAnswered
from shared.domain.limits import LONGEST_FETCH, mib
from shared.loopback import LOOPBACK


class NotFetched(Exception):
    """The image cannot or may not be fetched; the message says why, without the address."""


def fetch(url: str, hosts: Collection[str], *, largest: int) -> bytes:
    """The bytes at `url`, whose host must be one of `hosts`. Raises NotFetched."""
    check(url, hosts)
    try:
        reply = bounded_http.request(
            "GET",
            url,
            headers={"accept-encoding": "identity"},
            largest=largest,
            seconds=LONGEST_FETCH,
        )
    except NotAnswered as error:
        raise NotFetched(f"the image could not be fetched: {error}.") from None
    if reply.status != 200:
        raise NotFetched(f"the image's host answered {reply.status}, not 200.")
    if len(reply.body) > largest:
        raise NotFetched(f"the image has more than {mib(largest)}.")
    if not reply.whole:
        raise NotFetched(f"the image took longer than {LONGEST_FETCH:.0f} s.")
    return bytes(reply.body)


def check(url: str, hosts: Collection[str]) -> None:
    """Raises NotFetched for an address that may not be fetched."""
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
