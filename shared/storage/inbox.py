"""The container `inbox`, where other teams drop files, and the images in it that lack a prompt.

Blobs are opened by name, through the app's own client: the URL in an event is only taken apart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from shared.storage.rows import RowChanged, RowExists, Table, Value

if TYPE_CHECKING:
    from azure.storage.blob import ContainerClient

_IMAGES = "images"


@dataclass(frozen=True)
class Dropped:
    """A file in the inbox: `name` within the container, and the version that was found."""

    name: str
    etag: str
    size: int
    metadata: Mapping[str, str]


class Inbox:
    """The dropped files. `account_url` is the blob endpoint of our own account."""

    def __init__(self, container: ContainerClient, account_url: str) -> None:
        self._container = container
        self._account_url = account_url

    def place_of(self, url: str) -> tuple[str, str] | None:
        """Container and blob name that a URL stands for, if it is a plain one of our account."""
        ours = urlsplit(self._account_url)
        try:
            parts = urlsplit(url)
            same = (parts.scheme, parts.netloc.lower()) == (ours.scheme, ours.netloc.lower())
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
        return Dropped(name, str(found.etag), int(found.size), dict(found.metadata or {}))

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
class LoneImage:
    """A version of an image whose prompt was not there when its event came."""

    name: str
    etag: str
    event_id: str


class LoneImages:
    """The rows of lone images, in the table `outbox` (PartitionKey `images`)."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def note(self, lone: LoneImage, now: float) -> None:
        """Remember since when an image has been waiting."""
        columns: dict[str, Value] = {
            "name": lone.name,
            "etag": lone.etag,
            "event_id": lone.event_id,
            "seen_at": now,
        }
        with suppress(RowExists):
            self._table.insert(_IMAGES, _key(lone.name, lone.etag), columns)

    def forget(self, name: str, etag: str) -> None:
        row = self._table.get(_IMAGES, _key(name, etag))
        if row is not None:
            with suppress(RowChanged):
                self._table.delete(row)

    def seen_before(self, before: float, *, limit: int) -> list[LoneImage]:
        """Images that have been waiting since before that time."""
        rows = self._table.range(_IMAGES, where=f"seen_at lt {before:.6f}", limit=limit)
        return [LoneImage(row.text("name"), row.text("etag"), row.text("event_id")) for row in rows]


def _key(name: str, etag: str) -> str:
    return hashlib.sha256(f"{name}\n{etag}".encode()).hexdigest()


def _plain(segment: str) -> bool:
    """Whether a part of a path can only mean itself."""
    return segment not in ("", ".", "..") and segment.isprintable() and "\\" not in segment
