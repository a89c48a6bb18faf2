"""The container `inbox`, where other teams drop files, and those in it that wait for something.

Blobs are opened by name, through the app's own client: the URL in an event is only taken apart.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shared.storage.rows import RowChanged, RowExists, Table, Value

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

LONE_IMAGES = "images"
"""Partition of the images that wait for their prompt."""
UNFINISHED_FILES = "files"
"""Partition of the files that wait for their content."""

_CHARSET = re.compile(r"""charset\s*=\s*["']?([^"';\s]+)""", re.IGNORECASE)


@dataclass(frozen=True)
class Dropped:
    """A file in the inbox: `name` within the container, and the version that was found.

    `changed_at` is unix seconds. `copied` is False while the store still copies it. `charset` is
    what its content type says, if it does.
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


class Inbox:
    """The dropped files. `account_url` is the blob endpoint of our own account."""

    def __init__(self, container: ContainerClient, account_url: str) -> None:
        self._container = container
        self._account_url = account_url

    def position_of(self, url: str) -> tuple[str, str] | None:
        """Container and blob name that a URL stands for, if it is a plain one of our account: of
        its blobs, or of its Data Lake endpoint, which events of such clients name."""
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
        """What lies there under that name now; None for nothing."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            found = self._container.get_blob_client(name).get_blob_properties()
        except ResourceNotFoundError:
            return None
        said = _CHARSET.search(found.content_settings.content_type or "")
        return Dropped(
            name=name,
            etag=str(found.etag),
            size=int(found.size),
            metadata=dict(found.metadata or {}),
            changed_at=found.last_modified.timestamp(),
            copied=found.copy.status != "pending",
            charset=said and said[1],
        )

    def read(self, file: Dropped) -> bytes | None:
        """The bytes of that very version; None when it was replaced or deleted meanwhile."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceModifiedError, ResourceNotFoundError

        blob = self._container.get_blob_client(file.name)
        try:
            reader = blob.download_blob(
                etag=file.etag, match_condition=MatchConditions.IfNotModified, max_concurrency=1
            )
            return reader.readall()
        except (ResourceModifiedError, ResourceNotFoundError):
            return None


@dataclass(frozen=True)
class WaitingFile:
    """A file that waits for something, and the event that told of it. `etag` is the version that
    waits, empty where any does."""

    name: str
    etag: str
    event_id: str


class WaitingFiles:
    """The rows of waiting files of one kind, a `partition` of the table `outbox`."""

    def __init__(self, table: Table, partition: str) -> None:
        self._table = table
        self._partition = partition

    def note(self, file: WaitingFile, now: float) -> None:
        """Remember since when a file has been waiting."""
        columns: dict[str, Value] = {
            "name": file.name,
            "etag": file.etag,
            "event_id": file.event_id,
            "seen_at": now,
        }
        with suppress(RowExists):
            self._table.insert(self._partition, _key(file.name, file.etag), columns)

    def forget(self, name: str, etag: str = "") -> None:
        row = self._table.get(self._partition, _key(name, etag))
        if row is not None:
            with suppress(RowChanged):
                self._table.delete(row)

    def seen_before(self, before: float, *, limit: int) -> list[WaitingFile]:
        """Files that have been waiting since before that time."""
        rows = self._table.range(self._partition, where=f"seen_at lt {before:.6f}", limit=limit)
        return [
            WaitingFile(row.text("name"), row.text("etag"), row.text("event_id")) for row in rows
        ]


def _key(name: str, etag: str) -> str:
    return hashlib.sha256(f"{name}\n{etag}".encode()).hexdigest()


def _plain(segment: str) -> bool:
    """Whether a part of a path can only mean itself."""
    return segment not in ("", ".", "..") and segment.isprintable() and "\\" not in segment
