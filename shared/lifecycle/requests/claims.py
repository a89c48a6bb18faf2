"""Idempotency: which earlier request, if any, a request repeats."""

import os
from dataclasses import dataclass

from shared.domain.errors import Conflict
from shared.domain.ids import created_ms, new_video_id
from shared.domain.limits import KEYS_KEPT, REPEATS_KNOWN
from shared.domain.request import VideoRequest
from shared.lifecycle import money
from shared.lifecycle.services import Services
from shared.storage.idempotency import Claim, by_key, by_request

ADMISSION_UNDONE = "admission_undone"
"""The basis of the ledger where the sweep released the reservation of an unfinished admission."""


@dataclass(frozen=True)
class Repeatable:
    """How a repeat of a request is recognised.

    `key` is the caller's `Idempotency-Key`; without one, `repeated` says that the client's library
    declares a repeat (`x-stainless-retry-count` of 1 or more). `kept` (seconds at scale 1) is for
    keys that identify their content, like an event's id: they are remembered for that long, and
    requests under the same key are not compared.
    """

    route: str = "videos"
    key: str | None = None
    repeated: bool = False
    kept: float | None = None


def earlier(services: Services, caller: str, asked: str, repeatable: Repeatable) -> Claim | None:
    """The claim of an earlier, equal request under the same key. Fetches and decodes no files, and
    ignores later changes of models, prices and ceilings."""
    if repeatable.key is None:
        return None
    claim = services.idempotency.get(caller, by_key(repeatable.route, repeatable.key))
    if claim is None or claim.asked != asked:
        return None
    return claim if services.clock() - claim.at <= _kept(services, repeatable) else None


def _kept(services: Services, repeatable: Repeatable) -> float:
    """For how long a key is remembered, in seconds."""
    return services.settings.durations.of(repeatable.kept or KEYS_KEPT)


def claimed(
    services: Services, caller: str, request: VideoRequest, repeatable: Repeatable, asked: str
) -> tuple[Claim, bool]:
    """The claim of a request, with its video's id, and whether an earlier request made it. Raises
    Conflict for a key that another request has used."""
    now, durations = services.clock(), services.settings.durations
    digest = request.digest()
    video_id = new_video_id(int(now * 1000), os.urandom(10))
    if repeatable.key is None:
        claim = Claim(by_request(repeatable.route, digest), video_id, digest, now)
        known = services.idempotency.get(caller, claim.key) if repeatable.repeated else None
        if known is not None and now - known.at < durations.of(REPEATS_KNOWN):
            return known, True
        # of several at once only the last is remembered, but each makes a video
        services.idempotency.replace(caller, claim)
        return claim, False
    claim = Claim(by_key(repeatable.route, repeatable.key), video_id, digest, now, asked)
    first = services.idempotency.claim(caller, claim)
    if first.video_id == claim.video_id:
        return claim, False
    if now - first.at > _kept(services, repeatable) and not services.work.get(first.video_id):
        return services.idempotency.replace(caller, claim), False
    if first.digest != digest and repeatable.kept is None:
        raise Conflict(
            "This Idempotency-Key was used for a different request; use a new key for a new one.",
            code="idempotency_key_reused",
        )
    return first, True


def was_deleted(services: Services, claim: Claim) -> bool:
    """Whether a claim's video was deleted: its ledger entries remain."""
    work = services.work.get(claim.video_id)
    if work is not None:
        return work.deleted
    month = money.utc_day(created_ms(claim.video_id) / 1000)[:7]
    bases = {entry.basis for entry in services.ledger.entries(month, claim.video_id)}
    return bool(bases) and ADMISSION_UNDONE not in bases
