"""A container in memory, with what the app asks of the real one: for `Blobs` and `Inbox` as they
are. `tests/shared/storage` holds it to what Azurite does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import RLock
from typing import Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobProperties, ContentSettings

_PIECES = 50
"""A download comes in about so many, or in sevens of bytes: no reader counts on its borders."""


@dataclass(frozen=True)
class _Stored:
    data: bytes
    settings: ContentSettings
    metadata: Mapping[str, str]
    etag: str
    changed_at: datetime


@dataclass
class MemoryContainer:
    """A `ContainerClient`."""

    url: str = ""
    stored: dict[str, _Stored] = field(default_factory=dict)
    staged: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Blob -> its blocks that no list has named yet."""
    lock: RLock = field(default_factory=RLock)
    _versions: Iterator[int] = field(default_factory=itertools.count)

    def get_container_properties(self) -> None:
        pass

    def get_blob_client(self, name: str) -> MemoryBlob:
        return MemoryBlob(self, name)

    def upload_blob(self, name: str, data: bytes, **options: Any) -> None:
        self.get_blob_client(name).upload_blob(data, **options)

    def download_blob(self, name: str) -> MemoryDownload:
        return self.get_blob_client(name).download_blob()

    def delete_blob(self, name: str) -> None:
        self.get_blob_client(name).delete_blob()

    def list_blob_names(self, *, name_starts_with: str | None = None) -> Iterator[str]:
        return iter(sorted(name for name in self.stored if name.startswith(name_starts_with or "")))

    def write(
        self,
        name: str,
        data: bytes,
        settings: ContentSettings | None,
        metadata: Mapping[str, str] | None,
    ) -> None:
        for each in (metadata or {}).items():
            "".join(each).encode("latin-1")  # they are headers
        version = f'"0x{next(self._versions):X}"'
        known = dict(metadata or {})
        now = datetime.now(UTC).replace(microsecond=0)
        self.stored[name] = _Stored(data, settings or ContentSettings(), known, version, now)
        self.staged.pop(name, None)


@dataclass(frozen=True)
class MemoryBlob:
    """A `BlobClient`."""

    container: MemoryContainer
    blob_name: str

    @property
    def url(self) -> str:
        return f"{self.container.url}/{quote(self.blob_name, safe='~/')}"

    def stage_block(self, block_id: str, data: bytes, *, length: int) -> None:
        assert len(data) == length
        with self.container.lock:
            self.container.staged.setdefault(self.blob_name, {})[block_id] = bytes(data)

    def commit_block_list(
        self,
        blocks: Sequence[BlobBlock],
        *,
        content_settings: ContentSettings,
        metadata: Mapping[str, str],
        match_condition: MatchConditions,
    ) -> None:
        assert match_condition is MatchConditions.IfMissing
        with self.container.lock:
            if self.blob_name in self.container.stored:
                raise ResourceExistsError("The specified blob already exists.")
            staged = self.container.staged.get(self.blob_name, {})
            try:
                data = b"".join(staged[str(block.id)] for block in blocks)
            except KeyError:
                raise _failed(400, "The specified block list is invalid.") from None
            self.container.write(self.blob_name, data, content_settings, metadata)

    def upload_blob(
        self,
        data: bytes | str,
        *,
        overwrite: bool = False,
        content_settings: ContentSettings | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        with self.container.lock:
            if not overwrite and self.blob_name in self.container.stored:
                raise ResourceExistsError("The specified blob already exists.")
            self.container.write(
                self.blob_name,
                data.encode() if isinstance(data, str) else bytes(data),
                content_settings,
                metadata,
            )

    def set_http_headers(self, content_settings: ContentSettings) -> None:
        with self.container.lock:
            found = self._found()
            self.container.write(self.blob_name, found.data, content_settings, found.metadata)

    def delete_blob(self) -> None:
        with self.container.lock:
            self._found()
            del self.container.stored[self.blob_name]

    def get_blob_properties(self) -> BlobProperties:
        found = self._found()
        properties = BlobProperties(name=self.blob_name, metadata=dict(found.metadata))
        properties.size = len(found.data)
        properties.etag = found.etag
        properties.last_modified = found.changed_at
        properties.content_settings = found.settings
        return properties

    def download_blob(
        self,
        *,
        offset: int | None = None,
        length: int | None = None,
        etag: str | None = None,
        match_condition: MatchConditions | None = None,
        max_concurrency: int = 1,
    ) -> MemoryDownload:
        with self.container.lock:
            found = self._found()
            properties = self.get_blob_properties()
        if match_condition is MatchConditions.IfNotModified and etag != found.etag:
            raise ResourceModifiedError("The condition specified was not met.")
        if offset is not None and offset >= len(found.data):
            raise _failed(416, "The range specified is invalid.")
        first = offset or 0
        end = None if length is None else first + length
        return MemoryDownload(found.data[first:end], properties)

    def _found(self) -> _Stored:
        with suppress(KeyError):
            return self.container.stored[self.blob_name]
        raise ResourceNotFoundError("The specified blob does not exist.")


@dataclass(frozen=True)
class MemoryDownload:
    """A `StorageStreamDownloader`."""

    data: bytes
    properties: BlobProperties

    def readall(self) -> bytes:
        return self.data

    def chunks(self) -> Iterator[bytes]:
        size = max(7, len(self.data) // _PIECES)
        return (self.data[at : at + size] for at in range(0, len(self.data), size))


def _failed(status: int, message: str) -> HttpResponseError:
    error = HttpResponseError(message)
    error.status_code = status
    return error
