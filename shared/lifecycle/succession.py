"""Which successor renders in place of a model now, and what it may do with a request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from shared.domain import succession as rules
from shared.domain.errors import Unavailable
from shared.domain.money import usd
from shared.domain.quota import DeploymentState
from shared.domain.request import Allowance, VideoRequest
from shared.domain.succession import Cause, Succession
from shared.lifecycle.services import Services


@dataclass(frozen=True)
class Heir:
    """Who renders a request in place of its model, and why: for good, or while an outage lasts."""

    request: VideoRequest
    """As it is rendered."""
    why: str
    """What has become of the model, for people."""
    final: bool
    retired: bool
    """Whether the heir is gone as well, and nobody succeeds it."""

    @property
    def model(self) -> str:
        return self.request.renderer

    @property
    def sentence(self) -> str:
        """The beginning of what callers are told."""
        return f"{self.why}, and its successor {self.model}"


def heir_of(
    services: Services, request: VideoRequest, states: Sequence[DeploymentState] | None = None
) -> Heir | None:
    """The heir of the model that renders a request; None while that renders itself. `states` are
    the deployments that it may go to; None: all of the model, as of half a second ago. Where the
    successor has been succeeded for good as well, it is the last in the row; one that is only out
    takes the request, which waits there, or moves on from there."""
    begun = in_force(services, request.renderer, states)
    successor = services.settings.successor(request.renderer)
    if begun is None or successor is None:
        return None
    rendered = rules.mapped(request, successor)
    while (after := in_force(services, rendered.renderer)) is not None and after.final:
        successor = services.settings.successor(rendered.renderer) or successor
        rendered = rules.mapped(rendered, successor)
    others = recent(services, rendered.renderer)
    return Heir(
        request=rendered,
        why=_why(services, request.renderer, begun),
        final=begun.final,
        retired=bool(others) and all(state.gone for state in others),
    )


def renderer(services: Services, model: str) -> str:
    """The model that renders what is asked of a model now: itself, or the last of its heirs."""
    while in_force(services, model) is not None:
        successor = services.settings.successor(model)
        if successor is None:
            break
        model = successor.model
    return model


def until(services: Services, request: VideoRequest, model: str) -> VideoRequest:
    """The request as a model in the row of its successors renders it. Raises Unavailable where the
    settings do not lead there any more."""
    rendered = request
    while rendered.renderer != model:
        successor = services.settings.successor(rendered.renderer)
        if successor is None:
            raise Unavailable(
                "The settings changed while the request was admitted; nothing was charged."
            )
        rendered = rules.mapped(rendered, successor)
    return rendered


def in_force(
    services: Services, model: str, states: Sequence[DeploymentState] | None = None
) -> Succession | None:
    """The succession of a model as it is now; None where it renders itself."""
    successor = services.settings.successor(model)
    if successor is None:
        return None
    if states is None:
        states = recent(services, model)
    return rules.in_force(successor, states, services.clock())


def recent(services: Services, model: str) -> list[DeploymentState]:
    """The deployments of a model as they were half a second ago at most."""
    minute = services.settings.durations.minute
    wanted = [upstream.idle(minute) for upstream in services.settings.offering(model)]
    return [stored.state for stored in services.deployments.recent(wanted)]


def allowance(services: Services, caller: str, request: VideoRequest) -> Allowance | None:
    """What a request says of successors; where it says nothing, or only for how much, its caller's
    entry as it is now."""
    said = request.allow_successor
    if said is not None and said.allowed is not None:
        return said
    known = services.settings.caller(caller)
    entry = None if known is None else known.allowance
    return entry if entry is None or said is None else entry.within(said.most)


def within(request: VideoRequest, most: int) -> VideoRequest:
    """The request, whose successors may not cost more than that (micro-USD) either."""
    said = request.allow_successor or Allowance(allowed=None)
    return replace(request, allow_successor=said.within(most))


def obstacle(
    heir: Heir,
    allowed: Allowance | None,
    amount: int,
    *,
    reserved: int | None = None,
    of_batch: bool = False,
) -> str | None:
    """Why the heir may not render a request for `amount` micro-USD, in words that go on after its
    name; None where it may. `reserved` is what an accepted video has reserved: it may not cost more
    unless that is allowed, and that of a batch never."""
    if allowed is not None and not allowed.allowed:
        return "may not render it: the request, or its caller's entry, forbids successors"
    others = "; ".join(rules.differences(_asked(heir.request), heir.request))
    if others and allowed is None:
        return f"renders {others}, which needs allow_successor"
    dearer = reserved is not None and amount > reserved
    if dearer and (of_batch or allowed is None):
        needs = "the budget of its batch has set aside" if of_batch else "is reserved"
        more = "" if of_batch else "; that needs allow_successor"
        return f"costs ${usd(amount)}, more than {needs} (${usd(reserved or 0)}){more}"
    most = None if allowed is None else allowed.most
    if most is not None and amount > most and (reserved is None or dearer):
        return f"costs ${usd(amount)}, more than allow_successor allows (${usd(most)})"
    return None


def refusal(heir: Heir, why_not: str) -> str:
    """What a caller is told whose request the heir cannot or may not render."""
    if heir.retired:
        why_not = "is gone as well"
    return f"{heir.sentence} {why_not}"


def notice(services: Services, model: str) -> str:
    """What a waiting video is told while its model has an heir; empty without one."""
    begun = in_force(services, model)
    successor = services.settings.successor(model)
    if begun is None or successor is None:
        return ""
    return (
        f"{_why(services, model, begun)}. Its successor {successor.model} renders the videos that "
        "may move to it, as soon as the ceilings have room for them. Waiting costs nothing."
    )


def succeeded(services: Services, states: Iterable[DeploymentState], *, final: bool) -> set[str]:
    """The models that an heir renders, for good or by an outage, by all deployments as read."""
    by_name = {state.deployment: state for state in states}
    found = set()
    for model in dict.fromkeys(up.model for up in services.settings.upstreams if up.successor):
        mine = [by_name[up.name] for up in services.settings.offering(model) if up.name in by_name]
        begun = in_force(services, model, mine)
        if begun is not None and begun.final is final:
            found.add(model)
    return found


def retirement(services: Services, model: str) -> float | None:
    """When a model retires or has retired by the settings, in unix seconds: the last of its
    deployments, or when its successor takes over, whatever is first."""
    offering = services.settings.offering(model)
    ends = [up.retires_at.timestamp() for up in offering if up.retires_at is not None]
    successor = services.settings.successor(model)
    dates = [max(ends)] if ends and len(ends) == len(offering) else []
    if successor is not None and successor.since is not None:
        dates.append(successor.since)
    return min(dates, default=None)


def _asked(request: VideoRequest) -> VideoRequest:
    """The request at the size and length that were asked for."""
    if request.asked is None:
        return request
    asked = request.asked
    return rules.moved(
        request, request.renderer, width=asked.width, height=asked.height, seconds=asked.seconds
    )


def _why(services: Services, model: str, begun: Succession) -> str:
    if begun.cause is Cause.OUT:
        since = f" since {_time(begun.since)}" if begun.since else ""
        return f"{model} has been out{since}"
    date = retirement(services, model)
    if begun.cause is Cause.DATE or date is None:
        date = begun.since
    answers = " (410)" if begun.cause is Cause.GONE else ""
    return f"{model} was retired{f' on {_day(date)}' if date else ''}{answers}"


def _day(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}"


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
