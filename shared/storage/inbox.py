"""The container `inbox`, where other teams drop files, and the rows of files that wait.

Blobs are opened by name with the app's own client: an event's URL is only parsed, never requested.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shared.storage.rows import RowExists, Table, Value, discard

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

LONE_IMAGES = "images"
"""Partition of the images that wait for their prompt."""
UNFINISHED_FILES = "files"
"""Partition of the files that wait for their content."""

PIECE = 4 * 1024 * 1024
"""Bytes that are read at once."""
_CHARSET = re.compile(r"""charset\s*=\s*["']?([^"';\s]+)""", re.IGNORECASE)


@dataclass(frozen=True)
class Dropped:
    """One version of a file in the inbox; `name` is within the container.

    `changed_at` is unix seconds. `copied` is False while the store still copies the file. `charset`
    is the one in its content type, if any.
    """

    name: str
    etag: str
    size: int
    metadata: Mapping[str, str]
    changed_at: float
    copied: bool
    charset: str | None

    @property
    def has_content(self) -> bool:
        return self.copied and self.size > 0


class Gone(Exception):
    """A version of a file is not there any more."""


class Inbox:
    """The dropped files. `account_url` is our own account's blob endpoint."""

    def __init__(self, container: ContainerClient, account_url: str) -> None:
        self._container = container
        self._account_url = account_url

    def position_of(self, url: str) -> tuple[str, str] | None:
        """Container and blob name of a plain URL of our account; None for any other. The Data Lake
        endpoint counts too: events caused by its clients name it."""
        ours = urlsplit(self._account_url)
        host = ours.netloc.lower()
        try:
            parts = urlsplit(url)
            same = parts.scheme == ours.scheme and parts.netloc.lower() in (
                host,
                host.replace(".blob.", ".dfs.", 1),
            )
        except ValueError:
            return None
        root = ours.path.rstrip("/") + "/"
        if not same or parts.query or parts.fragment or not parts.path.startswith(root):
            return None
        container, *segments = unquote(parts.path.removeprefix(root)).split("/")
        if not segments or not all(map(_plain, (container, *segments))):
            return None
        return container, "/".join(segments)

    def find(self, name: str) -> Dropped | None:
        """The file of that name as it is now; None if there is none."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            blob = self._container.get_blob_client(name).get_blob_properties()
        except ResourceNotFoundError:
            return None
        charset = _CHARSET.search(blob.content_settings.content_type or "")
        return Dropped(
            name=name,
            etag=str(blob.etag),
            size=int(blob.size),
            metadata=dict(blob.metadata or {}),
            changed_at=blob.last_modified.timestamp(),
            copied=blob.copy.status != "pending",
            charset=charset and charset[1],
        )

    def read(self, file: Dropped) -> bytes | None:
        """The bytes of exactly this version; None if it was replaced or deleted meanwhile."""
        try:
            return b"".join(self.pieces(file))
        except Gone:
            return None

    def pieces(self, file: Dropped) -> Iterator[bytes]:
        """The bytes of exactly this version, in pieces of at most PIECE. Raises Gone if it was
        replaced or deleted meanwhile."""
        for offset in range(0, file.size, PIECE):
            yield self._piece(file, offset)

    def _piece(self, file: Dropped, offset: int) -> bytes:
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        try:
            return (
                self._container.get_blob_client(file.name)
                .download_blob(
                    offset=offset,
                    length=PIECE,
                    etag=file.etag,
                    match_condition=MatchConditions.IfNotModified,
                    max_concurrency=1,
                )
                .readall()
            )
        except (ResourceModifiedError, ResourceNotFoundError):
            raise Gone(file.name) from None


@dataclass(frozen=True)
class WaitingFile:
    """A file that waits, and the event that announced it. `etag` is the version that waits; empty
    for any version."""

    name: str
    etag: str
    event_id: str


class WaitingFiles:
    """Waiting files of one kind: a `partition` of the table `outbox`."""

    def __init__(self, table: Table, partition: str) -> None:
        self._table = table
        self._partition = partition

    def note(self, file: WaitingFile, now: float) -> None:
        """Record that a file waits; the first time counts."""
        columns: dict[str, Value] = {
            "name": file.name,
            "etag": file.etag,
            "event_id": file.event_id,
            "seen_at": now,
        }
        with suppress(RowExists):
            self._table.insert(self._partition, _key(file.name, file.etag), columns)

    def forget(self, name: str, etag: str = "") -> None:
        discard(self._table, self._partition, _key(name, etag))

    def seen_before(self, before: float, *, limit: int) -> list[WaitingFile]:
        """Files that have waited since before `before`."""
        rows = self._table.range(self._partition, where=f"seen_at lt {before:.6f}", limit=limit)
        return [
            WaitingFile(row.text("name"), row.text("etag"), row.text("event_id")) for row in rows
        ]


def _key(name: str, etag: str) -> str:
    return hashlib.sha256(f"{name}\n{etag}".encode()).hexdigest()


def _plain(segment: str) -> bool:
    """Whether a path segment has no special meaning."""
    return segment not in ("", ".", "..") and segment.isprintable() and "\\" not in segment
