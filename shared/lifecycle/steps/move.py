"""Move a waiting video to the successor of its model, and its money with it.

The order is: the move on record (the video leaves the line), its money, the video, the work. Each
can be repeated, by whoever finds the move. Once it is on record it is not taken back: its money may
have moved already, by a worker that stands still. It ends with the video, or is carried out.
"""

from dataclasses import replace

from shared.domain import endings, likeness
from shared.domain import succession as rules
from shared.domain.errors import InvalidRequest, LimitReached
from shared.domain.money import usd
from shared.domain.quota import freed, live
from shared.domain.request import VideoRequest
from shared.domain.video import Stage, Video, advance
from shared.domain.work import Move, Work
from shared.lifecycle import expect, line, money, succession
from shared.lifecycle.requests import approvals, ceilings
from shared.lifecycle.requests.prepare import Offer, offer_for
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import Done, decide, done, overtaken, show, update
from shared.lifecycle.succession import Heir
from shared.storage.booking import OverLimit
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit

_CONFLICTS = 8
_LOOK_AGAIN = 60.0
"""Seconds after which a video looks again whether the ceilings have room for its move."""


def move_on(services: Services, work: Work) -> Done | None:
    """Go on with a move, or begin one where a successor renders the model of a waiting video. None
    where it stays in its line.

    Outcomes: again (it stands in no line yet), waiting (for money), decided, and those of
    `overtaken`.
    """
    if work.move is not None:
        return _carry_out(services, work, work.move)
    if services.settings.successor(work.model) is None:
        return None
    states = [each.state for each in line.deployments(services, work.deployments)]
    now = services.clock()
    if any(work.video_id in live(state, now) for state in states):
        return None  # its turn has come
    # one that is not in the settings may come back: then all of the model decide, as for a create
    whole = states if len(states) == len(work.deployments) else None
    if succession.in_force(services, work.model, whole) is None:
        return None  # nearly always: its video need not be read
    stored = services.videos.find(work.caller, work.video_id)
    if stored is None or stored.video.terminal:
        return None
    video = stored.video
    heir = succession.heir_of(services, video.request, whole)
    return None if heir is None else _decide(services, work, video, heir)


def _decide(services: Services, work: Work, video: Video, heir: Heir) -> Done | None:
    offer, why_not = _offer(services, work, video, heir)
    if offer is None:
        if not heir.final:
            return None
        reason = succession.refusal(heir, why_not).rstrip(". ")
        return decide(services, work, endings.no_deployment(reason))
    request = heir.request
    move = Move(
        model=heir.model,
        deployments=tuple(upstream.name for upstream in offer.chosen),
        width=request.width,
        height=request.height,
        seconds=request.seconds,
        reserved=offer.amount,
        price_version=offer.price.version,
        expected=expect.at_admission(services, offer.chosen[0].name, request),
    )
    if _is_over(services, work, move) is not None:
        return _wait(services, work) if heir.final else None

    def begin(current: Work) -> Work:
        # a turn that it had, and that is over, goes with it: a late submit finds nothing to send
        return replace(current, admitted=True, hint=None, attempt=None, move=move)

    begun = update(services, work, begin)
    return overtaken(services, work) if begun is None else _carry_out(services, begun, move)


def _offer(services: Services, work: Work, video: Video, heir: Heir) -> tuple[Offer | None, str]:
    """What the heir offers for a video; None, and why, where it cannot or may not render it."""
    request = heir.request
    if heir.retired:
        return None, ""
    if video.request.remix is not None:
        return None, "has no job that a remix could start from"
    if video.request.inputs and request.size != video.request.size:
        return None, f"renders {request.size}, and its images were made to fit {video.request.size}"
    try:
        offer = offer_for(services, request)
        ceilings.check_job(services, offer.amount)
    except (InvalidRequest, LimitReached) as problem:
        return None, f"cannot render it: {problem.message}"
    why_not = succession.obstacle(
        heir,
        succession.allowance(services, video.caller, video.request),
        offer.amount,
        reserved=work.reserved,
        of_batch=work.batch is not None,
    )
    if why_not is None and offer.amount > work.reserved:
        needs = approvals.refusal(services, work.caller, offer.amount)
        why_not = None if needs is None else f"costs ${usd(offer.amount)}: a person has to approve"
    return (offer, "") if why_not is None else (None, why_not)


def _is_over(services: Services, work: Work, move: Move) -> OverLimit | None:
    """The ceiling that has no room for a move now."""
    release, reserve = money.exchange(services, work, move)
    limits = ceilings.of(services, work.caller, work.day)
    return services.ledger.refusal(reserve, limits, replaces=release)


def _carry_out(services: Services, work: Work, move: Move) -> Done:
    """What is left to do of a move that is on record."""
    release, reserve = money.exchange(services, work, move)
    limits = ceilings.of(services, work.caller, work.day)
    try:
        booked = services.ledger.exchange(release, reserve, limits)
    except OverLimit:
        return _wait(services, work)  # somebody else was faster
    if not booked:  # it has ended meanwhile
        return overtaken(services, work)
    request = _show(services, work, move)
    if request is None:
        return overtaken(services, work)

    def moved(current: Work) -> Work:
        return replace(
            current,
            model=move.model,
            asked=current.asked_model,
            move=None,
            deployments=move.deployments,
            billing=current.billing + 1,
            reserved=move.reserved,
            expected=move.expected,
            kind=expect.kind_of(request),
            facts=likeness.facts(request),
            hint=None,
            troubles=0,
        )

    if update(services, work, moved) is None:
        return overtaken(services, work)
    _let_go(services, work)
    emit(
        Event.VIDEO_MOVED,
        video_id=work.video_id,
        caller=work.caller,
        model=work.asked_model,
        rendered_by=move.model,
        reserved_micro_usd=move.reserved,
        before_micro_usd=work.reserved,
    )
    return done("again", wait=0.0, stage=Stage.WAITING_FOR_QUOTA, progress=0)


def _show(services: Services, work: Work, move: Move) -> VideoRequest | None:
    """Show the caller who renders the video now, and for how much: its request from now on. None
    where it has ended."""
    for _ in range(_CONFLICTS):
        stored = services.videos.find(work.caller, work.video_id)
        if stored is None or stored.video.terminal:
            return None
        video = stored.video
        if video.request.renderer == move.model:
            return video.request  # it says so already, and may be further by now
        if video.request.renderer != work.model:
            return None  # it has moved on since
        request = rules.moved(
            video.request, move.model, width=move.width, height=move.height, seconds=move.seconds
        )
        cost = replace(video.cost, estimated=move.reserved, price_version=move.price_version)
        ends = round(services.clock() + move.expected)
        changed = replace(
            advance(video, Stage.WAITING_FOR_QUOTA),
            request=request,
            cost=cost,
            estimated_completion_at=ends,
        )
        try:
            services.videos.replace(stored, changed)
        except RowChanged:
            continue
        return request
    raise RowChanged(f"{work.video_id} changes too often")


def _let_go(services: Services, work: Work) -> None:
    """Free what the old deployments may have granted the video while it left their line."""
    now = services.clock()
    for stored in line.deployments(services, work.deployments):
        if work.video_id in live(stored.state, now):
            services.deployments.change(
                stored.state, lambda state: freed(state, work.video_id, now)
            )


def _wait(services: Services, work: Work) -> Done:
    """Wait, in no line, until the ceilings have room for the move."""
    wait = services.settings.durations.of(_LOOK_AGAIN)
    wait = min(wait, max(0.0, work.queue_deadline - services.clock()) + 0.25)
    aside = update(
        services, work, lambda current: replace(current, admitted=True, hint=None), asleep=wait
    )
    if aside is None:
        return overtaken(services, work)
    show(services, aside, Stage.WAITING_FOR_QUOTA)
    return done("waiting", wait=wait, stage=Stage.WAITING_FOR_QUOTA, progress=0)
