"""The table `idempotency`: what a request became, so a repeat makes no second one.

The row key is what makes two requests the same: the caller's `Idempotency-Key` on a route, or,
without one, the request itself.
"""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from shared.storage.rows import Row, RowChanged, RowExists, Table, Value

_CONFLICTS = 5


@dataclass(frozen=True)
class Claim:
    """A request that became (or is becoming) a video; `at` is in unix seconds. Other routes keep
    the id of what they make in the same place: `video_id` is then that of a file, for example.

    `digest` covers what is rendered, with the contents of its files; `asked` covers what was sent,
    with an image's address instead of the image. Requests without a key, and rows of earlier
    versions, have no `asked`.
    """

    key: str
    video_id: str
    digest: str
    at: float
    asked: str = ""


def by_key(route: str, idempotency_key: str) -> str:
    """The row key of a caller's own key on a route."""
    return "k_" + hashlib.sha256(f"{route}\n{idempotency_key}".encode()).hexdigest()


def by_request(route: str, digest: str) -> str:
    """The row key of a request without a key."""
    return "r_" + hashlib.sha256(f"{route}\n{digest}".encode()).hexdigest()


class Idempotency:
    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, caller: str, key: str) -> Claim | None:
        row = self._table.get(caller, key)
        return None if row is None else _claim(row)

    def claim(self, caller: str, claim: Claim) -> Claim:
        """The claim now on record for its key: this one, or an earlier one. Raises RowChanged where
        it comes and goes."""
        for _ in range(_CONFLICTS):
            try:
                self._table.insert(caller, claim.key, _columns(claim))
            except RowExists:
                known = self.get(caller, claim.key)
                if known is not None:
                    return known
                continue  # it was forgotten meanwhile
            return claim
        raise RowChanged(claim.key)

    def put(self, caller: str, claim: Claim) -> None:
        """Put this claim on record, whatever was there before."""
        self._table.put(caller, claim.key, _columns(claim))

    def replace(self, caller: str, old: Claim, claim: Claim) -> Claim:
        """Put this claim in place of an old one. The claim now on record: this one, or that of
        another try that was faster."""
        row = self._table.get(caller, claim.key)
        if row is None:
            return self.claim(caller, claim)
        if row.text("video_id") != old.video_id:
            return _claim(row)
        try:
            self._table.replace(row, _columns(claim))
        except RowChanged:
            return self.claim(caller, claim)
        return claim

    def renew(self, caller: str, claim: Claim) -> bool:
        """See to it that nobody who has looked at this claim before now forgets it. Whether it is
        still, or again, the one on record. Raises RowChanged where it comes and goes."""
        for _ in range(_CONFLICTS):
            row = self._table.get(caller, claim.key)
            if row is None:
                return self.claim(caller, claim).video_id == claim.video_id
            if row.text("video_id") != claim.video_id:
                return False
            with suppress(RowChanged):
                self._table.replace(row, _columns(claim))
                return True
        raise RowChanged(claim.key)

    def to_forget(self, caller: str, key: str, video_id: str) -> Callable[[], None]:
        """What deletes the claim of a video that was never admitted, unless somebody renews it, or
        another video takes it, after this look."""
        row = self._table.get(caller, key)

        def forget() -> None:
            if row is not None and row.text("video_id") == video_id:
                with suppress(RowChanged):
                    self._table.delete(row)

        return forget


def _columns(claim: Claim) -> dict[str, Value]:
    return {
        "video_id": claim.video_id,
        "digest": claim.digest,
        "at": claim.at,
        "asked": claim.asked,
    }


def _claim(row: Row) -> Claim:
    return Claim(
        row.key,
        row.text("video_id"),
        row.text("digest"),
        row.decimal("at"),
        row.text("asked"),
    )
