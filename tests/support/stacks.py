"""A whole running stack for end-to-end tests, and a client's view of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.loopback import BRIEFLY, NO_TLS
from local.stack import API_KEY, Stack

UNFINISHED = ("queued", "in_progress")


@dataclass
class Client:
    """A caller of the API."""

    stack: Stack
    http: httpx.Client
    patience: float = 120
    """Seconds that `wait` waits, where a test does not say it."""

    def create(self, **body: Any) -> dict[str, Any]:
        answer = self.http.post(f"{self.stack.api}/videos", json=body)
        assert answer.status_code == 200, answer.text
        made: dict[str, Any] = answer.json()
        return made

    def get(self, video_id: str) -> dict[str, Any]:
        answer = self.http.get(f"{self.stack.api}/videos/{video_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def wait(
        self,
        video_id: str,
        *,
        seconds: float | None = None,
        until: Callable[[dict[str, Any]], bool] | None = None,
    ) -> dict[str, Any]:
        """Until a video has ended, or is as `until` says."""
        limit = time.monotonic() + (seconds or self.patience)
        reached, pause = (until, 0.05) if until else (ended, 0.15)  # an end does not pass by
        while not reached(video := self.get(video_id)):
            assert time.monotonic() < limit, video
            time.sleep(pause)
        return video


def ended(video: dict[str, Any]) -> bool:
    return video["status"] not in UNFINISHED


def client(stack: Stack, key: str | None = API_KEY) -> Client:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    http = httpx.Client(
        headers=headers, timeout=120, trust_env=False, verify=NO_TLS, limits=BRIEFLY
    )
    return Client(stack, http)


@contextmanager
def local_caller(stack: Stack) -> Iterator[Client]:
    """The local caller of a running app; if a part of the stack has ended, the test fails."""
    caller = client(stack)
    with closing(caller.http):
        yield caller
    if stack.ended():
        pytest.fail(f"{stack.ended()[0].name} ended:\n{stack.ended()[0].last_lines(40)}")
