"""Deleting a finished video: the histories of its workers go too."""

import asyncio
from typing import Any, cast

import pytest

from shared.durable.sdk import Client
from triggers import videos


def test_a_worker_that_is_just_ending_does_not_keep_the_others_histories(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    asked: list[str] = []

    class Durable:
        async def purge_instance_history(self, instance: str) -> Any:
            asked.append(instance)
            if instance == "video_1-2":  # as the SDK says it
                raise Exception("The operation failed with an unexpected status code 412")

    asyncio.run(videos._purge(cast("Client", Durable()), "video_1"))
    assert asked == [f"video_1-{epoch}" for epoch in range(1, 6)]
    said = {id(each): each.getMessage() for each in caplog.records}  # pytest may keep one twice
    assert [line.split()[:2] for line in said.values()] == [
        ["event=purge_failed", "video_id=video_1"]
    ]
