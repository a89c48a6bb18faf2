"""CloudEvents 1.0 to an Event Grid topic, as the app's managed identity.

For the loopback topic of a local run, the same client uses a fixed key: azure-core refuses to send
tokens over plain http.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from shared.delivery.outcome import Undelivered
from shared.domain.announcement import EVENT_PREFIX, Announcement
from shared.entra.app_credential import credential

if TYPE_CHECKING:
    from azure.core.messaging import CloudEvent
    from azure.eventgrid import EventGridPublisherClient

LOOPBACK_KEY = "loopback"
"""Not a secret: anyone who reaches loopback may publish there."""


class Topic:
    """One topic. Safe to share between threads; nothing is built before the first event."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def send(self, announcement: Announcement, *, source: str) -> int:
        """Publish an announcement; returns the answer's status. Raises Undelivered."""
        from azure.core.exceptions import AzureError, HttpResponseError

        try:
            self._client.send(cloud_event(announcement, source))
        except HttpResponseError as error:
            status = error.status_code  # None if the identity got no token
            raise Undelivered(
                f"answered {status}" if status else "no token", status=status
            ) from None
        except AzureError as error:
            raise Undelivered(f"not reached ({type(error).__name__})") from None
        return 200

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    @cached_property
    def _client(self) -> EventGridPublisherClient:
        from azure.core.credentials import AzureKeyCredential
        from azure.eventgrid import EventGridPublisherClient

        # settings allow http only for loopback
        loopback = urlsplit(self._endpoint).scheme == "http"
        return EventGridPublisherClient(
            self._endpoint,
            AzureKeyCredential(LOOPBACK_KEY) if loopback else credential(),
            # the outbox repeats failed attempts
            retry_total=0,
            permit_redirects=False,
            connection_timeout=5,
            read_timeout=10,
        )


def cloud_event(announcement: Announcement, source: str) -> CloudEvent[object]:
    """The announcement as a CloudEvent, the same for every attempt."""
    from azure.core.messaging import CloudEvent

    return CloudEvent(
        source=source,
        type=EVENT_PREFIX + announcement.name,
        id=announcement.id,
        time=datetime.fromtimestamp(announcement.at, UTC),
        subject=announcement.subject,
        datacontenttype="application/json",
        data=dict(announcement.data),
    )
