"""The blobs of one container. Finished videos are written in blocks, visible only when complete.

A block blob does not exist until its block list is committed, and the commit fails if the blob
exists: no reader sees half an output, and the first of two writers wins. The metadata has the
sha256, so a repeat can tell that the work is done.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.telemetry.offload import in_context

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

BLOCK = 1024 * 1024
"""Bytes per block, roughly. Each of eight concurrent copies keeps four blocks in memory."""
_BEHIND_THE_END = 416
"""What the store answers where no byte is left."""
_UNDER_WAY = 2
"""Blocks staged at the same time, so the store need not wait for the next one."""


class BlobGone(Exception):
    """A blob is not there (any more)."""


@dataclass(frozen=True)
class StoredBlob:
    """A committed blob: its length, and the facts committed with it."""

    size: int
    sha256: str
    facts: Mapping[str, str]


class BlobWriter:
    """One attempt to write a blob. The store drops the blocks of attempts that never commit."""

    def __init__(self, container: ContainerClient, name: str) -> None:
        self._client = container.get_blob_client(name)
        self._attempt = uuid.uuid4().hex[:12]
        self._blocks: list[str] = []

    @contextmanager
    def behind(self) -> Iterator[Callable[[bytes], None]]:
        """A function that stages blocks in background threads. A call waits until at most one
        earlier block is under way, and raises what an earlier one raised. Every block is staged
        when the context ends without an error."""
        with ThreadPoolExecutor(_UNDER_WAY, thread_name_prefix="block") as threads:
            under_way: deque[Future[None]] = deque()
            stage = in_context(self._stage)

            def write(block: bytes) -> None:
                while len(under_way) >= _UNDER_WAY:
                    under_way.popleft().result()
                name = f"{self._attempt}-{len(self._blocks):08d}"
                self._blocks.append(base64.b64encode(name.encode()).decode())
                under_way.append(threads.submit(stage, self._blocks[-1], block))

            yield write
            for staged in under_way:
                staged.result()

    def _stage(self, block_id: str, block: bytes) -> None:
        self._client.stage_block(block_id, block, length=len(block))

    def commit(self, *, sha256: str, content_type: str, facts: Mapping[str, str]) -> bool:
        """Make the blob visible; False if another attempt was first. Only after `behind` ended
        without an error: the store refuses a list with a missing block."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError
        from azure.storage.blob import BlobBlock, ContentSettings

        try:
            self._client.commit_block_list(
                [BlobBlock(block_id) for block_id in self._blocks],
                content_settings=ContentSettings(content_type=content_type),
                metadata={"sha256": sha256, **facts},
                match_condition=MatchConditions.IfMissing,
            )
        except (ResourceExistsError, ResourceModifiedError):
            return False
        return True


class Blobs:
    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    def check(self) -> None:
        """Raise unless the container exists and is readable."""
        self._container.get_container_properties()

    def writer(self, name: str) -> BlobWriter:
        return BlobWriter(self._container, name)

    def find(self, name: str) -> StoredBlob | None:
        from azure.core.exceptions import ResourceNotFoundError

        try:
            blob = self._container.get_blob_client(name).get_blob_properties()
        except ResourceNotFoundError:
            return None
        facts = dict(blob.metadata or {})
        return StoredBlob(blob.size, facts.pop("sha256", ""), facts)

    def read(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a blob from `offset`, in pieces of about a megabyte."""
        reader = self._container.get_blob_client(name).download_blob(
            offset=offset, length=length, max_concurrency=1
        )
        return iter(reader.chunks())

    def blocks(self, name: str, *, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """The bytes of a blob from `offset`, each block by a request of its own: who stops early
        has read no more, while `read` begins with 32 MiB of what has no length. Raises BlobGone."""
        from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

        end = None if length is None else offset + length
        while end is None or offset < end:
            wanted = BLOCK if end is None else min(BLOCK, end - offset)
            try:
                block = b"".join(self.read(name, offset=offset, length=wanted))
            except ResourceNotFoundError:
                raise BlobGone(name) from None
            except HttpResponseError as error:
                if error.status_code != _BEHIND_THE_END:
                    raise
                return
            if block:
                yield block
            offset += len(block)
            if len(block) < wanted:
                return

    def put(self, name: str, data: bytes, *, content_type: str) -> None:
        """Write a blob in one piece, replacing any other of that name."""
        from azure.storage.blob import ContentSettings

        self._container.upload_blob(
            name, data, overwrite=True, content_settings=ContentSettings(content_type=content_type)
        )

    def get(self, name: str) -> tuple[bytes, str] | None:
        """Bytes and content type of a blob that fits into memory; None if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            blob = self._container.get_blob_client(name).download_blob()
        except ResourceNotFoundError:
            return None
        return blob.readall(), blob.properties.content_settings.content_type or ""

    def put_json(self, name: str, document: Mapping[str, Any]) -> None:
        """Write or replace a small JSON blob."""
        data = json.dumps(document, indent=2, ensure_ascii=False).encode()
        self.put(name, data, content_type="application/json")

    def get_json(self, name: str) -> dict[str, Any] | None:
        """The content of a small JSON blob; None if there is none."""
        stored = self.get(name)
        if stored is None:
            return None
        parsed: dict[str, Any] = json.loads(stored[0])
        return parsed

    def delete_all(self, prefix: str) -> int:
        """Delete every blob whose name starts with `prefix`; returns how many."""
        from azure.core.exceptions import ResourceNotFoundError

        count = 0
        for name in list(self._container.list_blob_names(name_starts_with=prefix)):
            try:
                self._container.delete_blob(name)
                count += 1
            except ResourceNotFoundError:
                continue
        return count
