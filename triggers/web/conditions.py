"""Conditional requests (RFC 9110, 13), by ETag or date.

On Azure a repeated header arrives as one, its values joined with commas.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from shared.domain.errors import PreconditionFailed

_TAG = re.compile(r'\s*(W/)?(?:"([^"]*)"|([^\s,"]+))\s*(?:,|$)', re.IGNORECASE)
"""One tag of a list; some clients leave the quotes out."""


@dataclass(frozen=True)
class Content:
    """The content that conditions are about: its tag without quotes, and when it was written, in
    unix seconds. It never changes."""

    tag: str
    since: int

    @property
    def headers(self) -> dict[str, str]:
        date = format_datetime(datetime.fromtimestamp(self.since, UTC), usegmt=True)
        return {"etag": f'"{self.tag}"', "last-modified": date}

    def is_named(self, headers: Mapping[str, str]) -> bool:
        """Whether a condition names this tag, which clients know only from our answers."""
        conditions = (headers.get(name, "") for name in ("if-none-match", "if-match"))
        return any(tag == self.tag for text in conditions for tag, _ in _tags(text))

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Whether the client already has the content, for a 304. Raises PreconditionFailed if the
        request is about other content."""
        self._check(headers.get("if-match", ""), headers.get("if-unmodified-since", ""))
        tags = headers.get("if-none-match", "").strip()
        if tags:
            return tags == "*" or any(tag == self.tag for tag, _ in _tags(tags))
        since = _seconds(headers.get("if-modified-since", ""))
        return since is not None and self.since <= since

    def range_counts(self, headers: Mapping[str, str]) -> bool:
        """Whether a Range counts: there is no If-Range, or it names this content."""
        wanted = headers.get("if-range", "").strip()
        if not wanted:
            return True
        date = None if '"' in wanted else _seconds(wanted)
        if date is not None:
            return date == self.since
        return [(self.tag, False)] == _tags(wanted)

    def _check(self, tags: str, date: str) -> None:
        before = _seconds(date)
        if tags.strip():
            met = tags.strip() == "*" or (self.tag, False) in _tags(tags)
        else:
            met = before is None or self.since <= before
        if not met:
            raise PreconditionFailed("The content is not the one that the request is about.")


def _tags(text: str) -> list[tuple[str, bool]]:
    """Tags without quotes, and whether each is weak."""
    return [(quoted or bare, bool(weak)) for weak, quoted, bare in _TAG.findall(text)]


def _seconds(text: str) -> int | None:
    """An HTTP date as unix seconds; None for an invalid one, which is ignored."""
    try:
        date = parsedate_to_datetime(text)
        return int(date.replace(tzinfo=date.tzinfo or UTC).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
