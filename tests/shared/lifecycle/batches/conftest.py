"""A batch on tables in memory, and a world that renders its videos."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from shared.domain.batch import Batch
from shared.domain.files import Purpose
from shared.domain.ids import new_file_id
from shared.domain.ledger import Kind
from shared.domain.video import Cost, CostState, Status, Video
from shared.lifecycle import money
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.batches.advance import Advanced, advance_batch
from shared.lifecycle.batches.revive import silent_batches
from shared.lifecycle.requests import batches, files
from shared.lifecycle.requests.batches import NewBatch
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.services import Services
from shared.storage.ledger import Ledger
from tests.support.memory import all_in_memory

CALLER = "key:local"
PRICE = 400_000
"""Micro-USD of four seconds."""


def line(number: int, **body: Any) -> dict[str, Any]:
    return {
        "custom_id": f"clip-{number}",
        "method": "POST",
        "url": "/v1/videos",
        "body": {"model": "sora-2", "prompt": f"clip {number}", "seconds": "4", **body},
    }


def jsonl(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(each) + "\n" for each in lines).encode()


@dataclass
class World:
    """One app, whose worker may die, and upstreams that render as they are told."""

    services: Services
    now: float = 1_800_000_000.0
    epoch: int = 1
    batch_id: str = ""
    files: int = 0
    started: set[str] = field(default_factory=set)
    """The videos whose workers were started."""

    def __post_init__(self) -> None:
        self.services = replace(self.services, clock=self.clock)

    def clock(self) -> float:
        return self.now

    def put(self, data: bytes, caller: str = CALLER) -> str:
        """A file of the caller; its id."""
        self.files += 1
        file_id = new_file_id(int(self.now * 1000), self.files.to_bytes(10, "big"))
        files.keep(
            self.services,
            caller,
            file_id,
            filename="film.jsonl",
            purpose=Purpose.BATCH,
            pieces=[data],
            content_type=files.JSONL,
        )
        return file_id

    def create(self, data: bytes, **asked: Any) -> Batch:
        return self.take(self.order(self.put(data), **asked))

    def order(self, file_id: str, **asked: Any) -> batches.Created:
        """Ask for a batch, always under the same key."""
        new = NewBatch(input_file_id=file_id, **asked)
        return batches.create(self.services, CALLER, new, Repeatable("batches", "key"))

    def take(self, created: batches.Created) -> Batch:
        self.batch_id, self.epoch = created.batch.id, created.batch.epoch
        return created.batch

    @property
    def batch(self) -> Batch:
        found = batches.find(self.services, CALLER, self.batch_id)
        assert found is not None
        return found

    def advance(self) -> Advanced:
        """One step of the worker."""
        advanced = advance_batch(self.services, self.batch_id, self.epoch)
        self.started |= {each.video.id for each in advanced.admitted}
        return advanced

    def turn(self) -> Advanced:
        """Steps until the worker sleeps, or is done."""
        for _ in range(50):
            advanced = self.advance()
            if advanced.result["outcome"] != "again" or advanced.result.get("wait"):
                return advanced
        raise AssertionError("it never sleeps")

    def elsewhere(self) -> World:
        """The same app in another process."""
        ledger = Ledger(self.services.ledger._table)
        return replace(self, services=replace(self.services, ledger=ledger))

    def restart(self) -> None:
        """The process is gone with all that it knew, and the sweep finds the batch, unless another
        worker is alive."""
        self.services = replace(self.elsewhere().services, clock=self.clock)
        self.now += 100
        silent_batches(self.services)
        self.epoch = self.batch.epoch

    def running(self) -> list[Video]:
        found = [self.services.videos.get(CALLER, work.video_id) for work in self.works()]
        return [stored.video for stored in found if stored is not None]

    def works(self) -> Sequence[Any]:
        return self.services.work.all()

    def end(self, video: Video, *, settled: int | None = PRICE) -> None:
        """The render of a video ends: paid for, or failed at no cost."""
        work = self.services.work.get(video.id)
        assert work is not None
        paid = settled is not None
        kind = Kind.SETTLE if paid else Kind.RELEASE
        self.services.ledger.write(money.entry(self.services, work, kind, settled or 0, "test"))
        stored = self.services.videos.get(CALLER, video.id)
        assert stored is not None
        cost = Cost(
            estimated=PRICE,
            actual=settled or 0,
            state=CostState.SETTLED if paid else CostState.RELEASED,
            price_version="test",
        )
        ended = replace(
            stored.video,
            status=Status.COMPLETED if paid else Status.FAILED,
            stage=None,
            completed_at=int(self.now),
            cost=cost,
        )
        self.services.videos.replace(stored, ended)
        self.services.work.delete(work)

    def end_all(self) -> None:
        for video in self.running():
            self.end(video)

    def finish(self, *, renders: bool = True) -> Batch:
        """Turns until the batch has ended; what was begun is rendered between them."""
        for _ in range(200):
            if self.turn().result["outcome"] == "done":
                return self.batch
            self.now += 60
            sweep(self.services)
            if renders:
                self.end_all()
        raise AssertionError(self.batch)

    def booked(self) -> int:
        """What the ledger has for all videos of all months."""
        rows = self.services.ledger._table.rows.values()  # type: ignore[attr-defined]
        return sum(
            row.number("reserved_micro_usd")
            + row.number("settled_micro_usd")
            + row.number("unknown_micro_usd")
            for row in rows
            if row.key == "t_m"
        )

    def videos(self) -> list[Video]:
        return self.services.videos.page(CALLER, after=None, limit=1000)

    def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        assert file_id is not None
        file = files.find(self.services, CALLER, file_id)
        assert file is not None
        text = files.content(self.services, file).decode()
        return [json.loads(each) for each in text.splitlines()]


@pytest.fixture
def settled_services(services_with: Callable[..., Services]) -> Services:
    """Services whose ceilings hold nothing up."""
    return services_with()


@pytest.fixture
def world(settled_services: Services) -> World:
    return World(all_in_memory(settled_services))
