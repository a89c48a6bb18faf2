"""Approvals: a request above its caller's `approval_above_usd` needs one, from a person.

It is asked for by the request itself, which is refused, and given by another caller. Then the same
request, under the same key, is admitted, at the approved price at most. Nothing is reserved before.
See docs/decisions/0028.
"""

from dataclasses import replace

from shared.answers import approvals as answers
from shared.domain import approval as rules
from shared.domain.approval import Approval
from shared.domain.errors import ApprovalRequired, AskedApproval, Conflict, NotAllowed, NotFound
from shared.domain.limits import APPROVALS_KEPT
from shared.domain.money import micro_usd, usd
from shared.lifecycle.requests import ceilings, claims
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.prepare import Prepared
from shared.lifecycle.services import Services, is_storage_fault
from shared.storage.approvals import StoredApproval
from shared.storage.idempotency import Claim
from shared.storage.rows import RowChanged, RowExists
from shared.telemetry.events import Event, emit

_PAGES = "approvals"
_CONFLICTS = 8


def refusal(services: Services, caller: str, amount: int) -> ApprovalRequired | None:
    """Why a request of this price (micro-USD) is not admitted without an approval; None where it
    needs none."""
    known = services.settings.caller(caller)
    if known is None or known.approval_above_usd < 0:
        return None
    alone = micro_usd(known.approval_above_usd)
    if amount <= alone:
        return None
    return ApprovalRequired(
        f"This video would cost ${usd(amount)}; above ${usd(alone)} a person has to approve yours "
        "(approval_above_usd). Create it on its own and under a key (Idempotency-Key; request_id "
        "in MCP) to get the link for that. Nothing was charged."
    )


def check(services: Services, caller: str, prepared: Prepared, repeatable: Repeatable) -> bool:
    """See to it that a request may be admitted; returns whether that took an approval.

    Raises ApprovalRequired, with a link where one was asked for; or, where it would not be admitted
    anyway, what says so.
    """
    refused = refusal(services, caller, prepared.amount)
    if refused is None:
        return False
    if repeatable.key is None or repeatable.kept is not None:
        raise refused  # without a key of its caller's, its repeat could not be told from another
    digest = prepared.request.digest()
    wanted = rules.approval_id(caller, repeatable.route, repeatable.key, digest)
    stored = services.approvals.get(wanted)
    if stored is not None and _holds(services, stored.approval, prepared.amount):
        return True
    claims.check_key(services, caller, digest, repeatable)
    if (why := ceilings.refusal(services, caller, prepared)) is not None:
        raise why  # approving it would not help
    if stored is None:
        ceilings.check_questions(services, caller)  # each leaves a row behind
    asked = _asked(services, caller, wanted, prepared, stored)
    raise ApprovalRequired(
        f"This video would cost ${usd(prepared.amount)}, and a person has to approve that "
        f"(approval_above_usd): give them the link {_url(services, asked)} and send the same "
        "request again, with the same Idempotency-Key, once they have. Nothing was charged.",
        AskedApproval(
            id=asked.id,
            url=_url(services, asked),
            amount=asked.amount,
            expires_at=int(asked.expires_at),
        ),
    )


def used(services: Services, caller: str, repeatable: Repeatable, claim: Claim) -> None:
    """Note what became of the approval of a request, if it had one. Its prompt goes: the video has
    it. The video is on record already, so nothing is raised where that cannot be written now: its
    repeats note it too."""
    known = services.settings.caller(caller)
    if known is None or known.approval_above_usd < 0:
        return
    if repeatable.key is None or repeatable.kept is not None:
        return
    wanted = rules.approval_id(caller, repeatable.route, repeatable.key, claim.digest)
    try:
        stored = services.approvals.get(wanted)
        if stored is None or stored.approval.video_id or not stored.approval.approved_by:
            return
        approval = stored.approval
        without = {**approval.asks, "prompt": None, "parameters": {}}
        noted = replace(approval, asks=without, video_id=claim.video_id)
        services.approvals.replace(stored, noted)
    except Exception as error:
        if not is_storage_fault(error):
            raise
        return
    emit(
        Event.APPROVAL_USED,
        video_id=claim.video_id,
        approval=approval.id,
        approver=approval.approved_by,
        amount_micro_usd=approval.amount,
    )


def show(services: Services, viewer: str, approval_id: str) -> answers.Approval:
    """An approval, for those who may give it and for the caller who asks. Raises NotFound."""
    return _shown(services, viewer, _found(services, viewer, approval_id).approval)


def approve(services: Services, approver: str, approval_id: str, amount: int) -> answers.Approval:
    """Give an approval, for the price (micro-USD) that the approver was shown. Giving it again
    changes nothing.

    Raises NotFound, NotAllowed for the caller who asks, Conflict where somebody else has given it
    or the price is another one now, and RowChanged where it comes and goes.
    """
    for _ in range(_CONFLICTS):
        stored = _found(services, approver, approval_id)
        if not _is_to_give(services, approver, stored.approval, amount):
            return _shown(services, approver, stored.approval)
        given = replace(stored.approval, approved_by=approver, expires_at=_expiry(services))
        try:
            services.approvals.replace(stored, given)
        except RowChanged:  # by the same approver's first try, by another, or by the price
            continue
        emit(
            Event.APPROVAL_GIVEN,
            approval=given.id,
            caller=given.caller,
            approver=approver,
            amount_micro_usd=given.amount,
        )
        return _shown(services, approver, given)
    raise RowChanged(approval_id)


def _is_to_give(services: Services, approver: str, asked: Approval, amount: int) -> bool:
    """Whether an approval is still to be given; False where it was given by the same approver, or
    was used. Raises NotAllowed or Conflict."""
    if not services.settings.may_approve(approver, asked.caller):
        raise NotAllowed("Whoever asks for an approval cannot give it: somebody else has to.")
    if asked.amount != amount:
        raise Conflict(
            f"The price is ${usd(asked.amount)} now, not ${usd(amount)}: look at it again.",
            code="price_changed",
            param="estimated",
        )
    if asked.approved_by == approver or asked.video_id is not None:
        return False
    if asked.approved_by is not None and _holds(services, asked, amount):
        raise Conflict("Somebody else has approved it already.", code="already_approved")
    return True


def forget_expired(services: Services) -> int:
    """Delete approvals whose time is over; returns how many."""
    return services.approvals.forget(services.clock())


def _asked(
    services: Services,
    caller: str,
    approval_id: str,
    prepared: Prepared,
    stored: StoredApproval | None,
) -> Approval:
    """The approval that is asked for, on record. Asking again prolongs nothing. Raises RowChanged
    where it comes and goes."""
    for _ in range(_CONFLICTS):
        now, amount = services.clock(), prepared.amount
        fresh = Approval(
            id=approval_id,
            caller=caller,
            asks=rules.asks(prepared.request),
            amount=amount,
            asked_at=now,
            expires_at=_expiry(services),
        )
        if stored is not None and _is_pending(stored.approval, now):
            asked = stored.approval
            if (asked.amount, asked.asks) == (amount, fresh.asks):  # or a successor renders it now
                return asked
            fresh = replace(fresh, asked_at=asked.asked_at, expires_at=asked.expires_at)
        try:
            if stored is None:
                services.approvals.insert(fresh)
            else:
                services.approvals.replace(stored, fresh)
        except (RowExists, RowChanged):  # another try, or whoever approves, was first
            stored = services.approvals.get(approval_id)
            if stored is not None and _holds(services, stored.approval, amount):
                return stored.approval
            continue
        emit(Event.APPROVAL_ASKED, approval=approval_id, caller=caller, amount_micro_usd=amount)
        return fresh
    raise RowChanged(approval_id)


def _is_pending(approval: Approval, now: float) -> bool:
    return approval.approved_by is None and now < approval.expires_at


def _holds(services: Services, approval: Approval, amount: int) -> bool:
    """Whether an approval was given, by somebody who may still give it, for this price or more."""
    return (
        approval.approved_by is not None
        and services.clock() < approval.expires_at
        and amount <= approval.amount
        and services.settings.may_approve(approval.approved_by, approval.caller)
    )


def _found(services: Services, viewer: str, approval_id: str) -> StoredApproval:
    stored = services.approvals.get(approval_id) if rules.is_approval_id(approval_id) else None
    if (
        stored is None
        or services.clock() >= stored.approval.expires_at
        or not (
            viewer == stored.approval.caller
            or services.settings.may_approve(viewer, stored.approval.caller)
        )
    ):
        raise NotFound(
            "There is no such approval for you: it has expired, or it is somebody else's to give.",
            param="approval_id",
        )
    return stored


def _expiry(services: Services) -> float:
    return services.clock() + services.settings.durations.of(APPROVALS_KEPT)


def _url(services: Services, approval: Approval) -> str:
    return f"{services.settings.public_base_url}/{_PAGES}/{approval.id}"


def _shown(services: Services, viewer: str, approval: Approval) -> answers.Approval:
    given = approval.approved_by is not None and _holds(services, approval, approval.amount)
    return answers.Approval(
        id=approval.id,
        object="approval",
        status="used" if approval.video_id else "approved" if given else "pending",
        caller=approval.caller,
        currency="USD",
        estimated=usd(approval.amount),
        **approval.asks,
        asked_at=int(approval.asked_at),
        expires_at=int(approval.expires_at),
        approved_by=approval.approved_by if given or approval.video_id else None,
        video_id=approval.video_id,
        yours_to_approve=services.settings.may_approve(viewer, approval.caller),
    )
