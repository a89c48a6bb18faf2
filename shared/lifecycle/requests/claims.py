"""Idempotency: which earlier request, if any, a request repeats."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from shared.domain.errors import Conflict
from shared.domain.ids import new_video_id
from shared.domain.limits import KEYS_KEPT, REPEATS_KNOWN
from shared.domain.request import VideoRequest
from shared.lifecycle import money
from shared.lifecycle.services import Services
from shared.storage.idempotency import Claim, by_key, by_request

ADMISSION_UNDONE = "admission_undone"
"""The basis of the ledger where the sweep released the reservation of an unfinished admission."""
_WITHDRAWN = "withdrawn"
"""In place of a digest: the request must not become a video."""


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
    return claim_of(
        services,
        caller,
        new_video_id,
        request.digest(),
        repeatable,
        asked=asked,
        unfinished=_unfinished(services),
    )


def claim_of(
    services: Services,
    caller: str,
    new_id: Callable[[int, bytes], str],
    digest: str,
    repeatable: Repeatable,
    *,
    asked: str = "",
    unfinished: Callable[[str], bool] = lambda _: False,
) -> tuple[Claim, bool]:
    """The claim of a request for anything, with the id of what it makes: a new one, or that of the
    earlier request that it repeats (then True).

    `digest` is equal for equal requests; `new_id` makes an id of milliseconds and ten random bytes.
    A key is remembered beyond its time while what it made is `unfinished`. Raises Conflict for a
    key that another request has used.
    """
    now, durations = services.clock(), services.settings.durations
    made = new_id(int(now * 1000), os.urandom(10))
    if repeatable.key is None:
        claim = Claim(by_request(repeatable.route, digest), made, digest, now)
        known = services.idempotency.get(caller, claim.key) if repeatable.repeated else None
        if known is not None and now - known.at < durations.of(REPEATS_KNOWN):
            return known, True
        # of several at once only the last is remembered, but each makes one of its own
        services.idempotency.put(caller, claim)
        return claim, False
    claim = Claim(by_key(repeatable.route, repeatable.key), made, digest, now, asked)
    first = services.idempotency.claim(caller, claim)
    if first.video_id != made and _is_over(services, repeatable, first, unfinished):
        first = services.idempotency.replace(caller, first, claim)
    if first.video_id == made:
        return claim, False
    _check_same(first, digest, repeatable)
    return first, True


def _unfinished(services: Services) -> Callable[[str], bool]:
    return lambda video_id: services.work.get(video_id) is not None


def _is_over(
    services: Services, repeatable: Repeatable, first: Claim, unfinished: Callable[[str], bool]
) -> bool:
    """Whether a key is not remembered any more; one that was withdrawn always is."""
    if first.digest == _WITHDRAWN:
        return False
    old = services.clock() - first.at > _kept(services, repeatable)
    return old and not unfinished(first.video_id)


def _check_same(first: Claim, digest: str, repeatable: Repeatable) -> None:
    """Raises Conflict for a key that another request has used."""
    if first.digest == _WITHDRAWN:
        raise Conflict("This request was withdrawn. Nothing was charged.", code="withdrawn")
    if first.digest != digest and repeatable.kept is None:
        raise Conflict(
            "This Idempotency-Key was used for a different request; use a new key for a new one.",
            code="idempotency_key_reused",
        )


def check_key(services: Services, caller: str, digest: str, repeatable: Repeatable) -> None:
    """Whether a request may become a video under its key, as far as can be seen without claiming
    it. Raises Conflict."""
    assert repeatable.key is not None, "only a key identifies a request"
    known = services.idempotency.get(caller, by_key(repeatable.route, repeatable.key))
    if known is None or _is_over(services, repeatable, known, _unfinished(services)):
        return
    _check_same(known, digest, repeatable)
    if was_deleted(services, known):
        raise video_deleted()


def is_repeat(services: Services, caller: str, digest: str, repeatable: Repeatable) -> bool:
    """Whether an equal request under the same key was claimed before."""
    if repeatable.key is None:
        return False
    known = services.idempotency.get(caller, by_key(repeatable.route, repeatable.key))
    return known is not None and known.digest == digest


def withdraw(services: Services, caller: str, repeatable: Repeatable) -> str | None:
    """See to it that a request is not admitted any more, whoever may be about to; or the id of the
    video that it has become, or may be becoming."""
    assert repeatable.key is not None, "only a key identifies a request"
    key = by_key(repeatable.route, repeatable.key)
    withdrawn = Claim(key, "", _WITHDRAWN, services.clock())
    return services.idempotency.claim(caller, withdrawn).video_id or None


def to_forget(
    services: Services, caller: str, repeatable: Repeatable, video_id: str
) -> Callable[[], None]:
    """What gives up the claim of a video that never came to be, unless somebody takes it up again
    after this look."""
    assert repeatable.key is not None, "only a key identifies a request"
    key = by_key(repeatable.route, repeatable.key)
    return services.idempotency.to_forget(caller, key, video_id)


def was_deleted(services: Services, claim: Claim) -> bool:
    """Whether a claim's video was deleted: its ledger entries remain."""
    work = services.work.get(claim.video_id)
    if work is not None:
        return work.deleted
    bases = {entry.basis for entry in money.entries_of(services, claim.video_id)}
    return bool(bases) and ADMISSION_UNDONE not in bases


def video_deleted() -> Conflict:
    return Conflict(
        "The video of this request was deleted; use a new Idempotency-Key to make another.",
        code="video_deleted",
    )
