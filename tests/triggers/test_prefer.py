"""`Prefer: wait=N`: held back without a thread, never longer than said, for few at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import azure.functions as func
import pytest

from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Stage, Status, Video
from triggers.web import prefer

QUEUED = Video(
    id="video_" + "0" * 32,
    caller="key:a",
    request=VideoRequest(model="sora-2", prompt="p", width=720, height=1280, seconds=4),
    status=Status.QUEUED,
    stage=Stage.ACCEPTED,
    progress=0,
    created_at=0,
    cost=Cost(estimated=1, actual=None, state=CostState.RESERVED, price_version="v"),
)
ENDED = replace(QUEUED, status=Status.CANCELLED, stage=None)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made, none of them for real."""
    pauses: list[float] = []
    real = asyncio.sleep

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        await real(0)

    monkeypatch.setattr("triggers.web.prefer.asyncio.sleep", sleep)
    return pauses


def get(prefer: str) -> func.HttpRequest:
    return func.HttpRequest("GET", "http://x", headers={"prefer": prefer}, body=b"")


@pytest.mark.parametrize(
    ("wanted", "pauses", "applied"),
    [
        ("", [], None),
        ("respond-async", [], None),
        ("wait=0", [], None),
        ("wait=-3", [], None),
        ("wait=5", [2, 2, 1], "wait=5"),
        ("respond-async, Wait=3; foo", [2, 1], "wait=3"),
        ("wait=600", [2] * 10, "wait=20"),
    ],
)
def test_waits_as_long_as_was_asked_and_at_most_20_seconds(
    slept: list[float], wanted: str, pauses: list[float], applied: str | None
) -> None:
    answered = asyncio.run(prefer.until_ended(get(wanted), QUEUED, lambda: QUEUED))
    assert slept == pauses
    assert answered == (QUEUED, {"preference-applied": applied} if applied else {})


def test_answers_as_soon_as_the_video_has_ended(slept: list[float]) -> None:
    reads = iter([QUEUED, None, ENDED])
    video, headers = asyncio.run(prefer.until_ended(get("wait=20"), QUEUED, lambda: next(reads)))
    assert (video, headers) == (ENDED, {"preference-applied": "wait=20"})
    assert slept == [2, 2, 2]


def test_an_ended_video_is_answered_at_once(slept: list[float]) -> None:
    video, headers = asyncio.run(prefer.until_ended(get("wait=20"), ENDED, lambda: ENDED))
    assert (video, headers, slept) == (ENDED, {"preference-applied": "wait=20"}, [])


def test_the_ninth_is_not_held_back(slept: list[float]) -> None:
    async def nine() -> list[bool]:
        asked = [prefer.until_ended(get("wait=4"), QUEUED, lambda: QUEUED) for _ in range(9)]
        return [bool(headers) for _, headers in await asyncio.gather(*asked)]

    assert asyncio.run(nine()) == [True] * 8 + [False]
    assert asyncio.run(prefer.until_ended(get("wait=2"), QUEUED, lambda: QUEUED))[1]
