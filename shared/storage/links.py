"""Short-lived links to one blob, only for the Location of a content redirect.

In Azure a user delegation key of the managed identity signs them (no account key exists); with
Azurite, and only there, the key in the connection string does.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.domain.limits import LINK_MINUTES

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, UserDelegationKey

_LIFETIME = timedelta(minutes=LINK_MINUTES)
_CLOCK_SKEW = timedelta(minutes=5)
_KEY_LIFETIME = timedelta(hours=1)


class LinkSigner:
    """Signs links to blobs of one account. Safe to share between threads."""

    def __init__(self, service: BlobServiceClient, *, account_key: str | None) -> None:
        self._service = service
        self._account_key = account_key
        self._lock = threading.Lock()
        self._delegation: tuple[UserDelegationKey, datetime] | None = None

    @property
    def origin(self) -> str:
        """The scheme, host and port of every link."""
        parts = urlsplit(self._service.url)
        return f"{parts.scheme}://{parts.netloc}"

    def link(
        self, container: str, blob: str, content_type: str, *, now: datetime | None = None
    ) -> str:
        """A URL that reads this one blob, as that type, for `LINK_MINUTES`."""
        from azure.storage.blob import BlobSasPermissions, generate_blob_sas

        now = now or datetime.now(UTC)
        account = self._service.account_name
        assert account is not None, "every storage account has a name"
        token = generate_blob_sas(
            account_name=account,
            container_name=container,
            blob_name=blob,
            account_key=self._account_key,
            user_delegation_key=None if self._account_key else self._key(now),
            permission=BlobSasPermissions(read=True),
            start=now - _CLOCK_SKEW,
            expiry=now + _LIFETIME,
            cache_control="no-store",
            content_type=content_type,
        )
        return f"{self._service.get_blob_client(container, blob).url}?{token}"

    def _key(self, now: datetime) -> UserDelegationKey:
        with self._lock:
            if self._delegation is None or self._delegation[1] < now + _LIFETIME:
                until = now + _KEY_LIFETIME
                key = self._service.get_user_delegation_key(now - _CLOCK_SKEW, until)
                self._delegation = (key, until)
            return self._delegation[0]
