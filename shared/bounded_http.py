"""One request to a server that a caller or an operator named.

It follows no redirect and uses no proxy, and its total bytes and seconds are bounded, even if the
server sends its headers one byte at a time, or nobody says where it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from shared.telemetry.events import silence_urls
from shared.tls import tls

_CONNECT = 5.0


class NotAnswered(Exception):
    """No answer, or none in time; the message says why, without the URL."""


@dataclass
class Reply:
    """An answer. `body` is longer than `largest` if there was more; `whole` is False if it was cut
    off by time."""

    status: int
    body: bytearray = field(default_factory=bytearray)
    whole: bool = False


class _Lookups(ThreadPoolExecutor):
    """Looks up names. One that gets no answer is left to itself: `asyncio.run` would wait for it,
    half a minute and longer, at its end."""

    def shutdown(self, *_: Any, **__: Any) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def request(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
    largest: int,
    seconds: float,
) -> Reply:
    """The answer to a request, read until just past `largest` bytes. Blocks. Raises NotAnswered."""
    import httpx  # on first use: keeps cold starts short

    silence_urls()
    replies: list[Reply] = []

    async def ask() -> None:
        asyncio.get_running_loop().set_default_executor(_Lookups(1))
        async with (
            asyncio.timeout(seconds),
            httpx.AsyncClient(
                timeout=httpx.Timeout(seconds, connect=_CONNECT),
                follow_redirects=False,
                trust_env=False,
                verify=tls(),
            ) as client,
            client.stream(method, url, headers=dict(headers), content=content) as answer,
        ):
            reply = Reply(answer.status_code)
            replies.append(reply)
            async for piece in answer.aiter_raw():
                reply.body += piece
                if len(reply.body) > largest:
                    break
            reply.whole = True

    try:
        asyncio.run(ask())
    except (TimeoutError, httpx.TimeoutException):
        if not replies:
            raise NotAnswered(f"did not answer within {seconds:.0f} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise NotAnswered(f"not reached ({type(error).__name__})") from None
    return replies[0]
