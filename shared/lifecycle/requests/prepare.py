"""Check a request before anything is spent or written: whether it can work, where it can go, and
what it would cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import capabilities
from shared.domain.errors import InvalidRequest
from shared.domain.media.pictures import Picture
from shared.domain.money import Price
from shared.domain.request import VideoRequest
from shared.lifecycle import expect, succession
from shared.lifecycle.requests import inputs
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream


@dataclass(frozen=True)
class Offer:
    """The deployments that can render a request, and the reservation (micro-USD, at the highest
    price of them)."""

    chosen: list[Upstream]
    price: Price
    amount: int


@dataclass(frozen=True)
class Prepared(Offer):
    """A request that can work, as it is rendered, with its fitted files."""

    request: VideoRequest
    pictures: tuple[Picture, ...]


def prepare(
    services: Services,
    caller: str,
    request: VideoRequest,
    sources: Sequence[Source],
    *,
    offline: bool = False,
    by: str | None = None,
) -> Prepared:
    """Prepare a request, for the successor of its model where that renders. Raises InvalidRequest
    where it can never work. `offline`, an image that is named by its address or its id is taken to
    be good; `by` says who renders it, where an earlier try has found that."""
    check_webhook(services, caller, request.webhook)
    request, files = inputs.gather(services, caller, request, sources, offline=offline)
    if by is None:
        rendered, offer = _offered(services, caller, request)
    else:
        rendered = succession.until(services, request, by)
        offer = offer_for(services, rendered)
    longest = max(upstream.can.input_video_seconds for upstream in offer.chosen)
    return Prepared(**vars(offer), request=rendered, pictures=inputs.fit(rendered, files, longest))


def _offered(services: Services, caller: str, request: VideoRequest) -> tuple[VideoRequest, Offer]:
    """A request as it is rendered, and by whom: by the successor of its model where that renders
    and may; else by the model, unless that is gone for good. Raises InvalidRequest."""
    heir = succession.heir_of(services, request)
    if heir is None:
        return request, offer_for(services, request)
    allowed = succession.allowance(services, caller, request)
    param: str | None = "model"
    try:
        if request.remix is not None:
            why_not: str | None = "has no job that a remix could start from"
        else:
            offer = offer_for(services, heir.request)
            why_not = succession.obstacle(heir, allowed, offer.amount)
    except InvalidRequest as problem:
        why_not, param = f"cannot render it: {problem.message}", problem.param
    if why_not is None and not heir.retired:
        return heir.request, offer
    if not heir.final:
        return request, offer_for(services, request)
    said = succession.refusal(heir, why_not or "")
    raise InvalidRequest(
        f"{said.rstrip('. ')}. Nothing was charged.", code="model_retired", param=param
    )


def offer_for(services: Services, request: VideoRequest) -> Offer:
    """Who can render a request, and for how much. Raises InvalidRequest if nobody can."""
    chosen = _deployments(services, request)
    amounts = {upstream.name: _amount(services, upstream, request) for upstream in chosen}
    dearest = max(chosen, key=lambda upstream: amounts[upstream.name])
    return Offer(chosen, dearest.price, amounts[dearest.name])


def _deployments(services: Services, request: VideoRequest) -> list[Upstream]:
    """The deployments that can render a request. Raises InvalidRequest if none can."""
    offering = services.settings.offering(request.renderer)
    if request.remix is not None:
        offering = [upstream for upstream in offering if upstream.name == request.remix.deployment]
    if not offering:
        models = sorted({upstream.model for upstream in services.settings.upstreams})
        raise InvalidRequest(
            f"model {request.renderer!r} is not offered here. Offered: {', '.join(models)}.",
            param="model",
            code="model_not_found",
        )
    taking = [each for each in offering if request.parameters.keys() <= each.can.parameters.keys()]
    if not taking:
        raise _parameters_refused(request, offering)
    chosen, problems = [], []
    for upstream in taking:
        try:
            capabilities.check(request, upstream.can)
            chosen.append(upstream)
        except InvalidRequest as problem:
            problems.append(problem)
    if not chosen:
        raise problems[0]
    return chosen


def _parameters_refused(request: VideoRequest, offering: list[Upstream]) -> InvalidRequest:
    """No deployment takes all parameters of the request."""
    known = {name for upstream in offering for name in upstream.can.parameters}
    for name in request.parameters:
        if name not in known:
            return InvalidRequest(
                f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter"
            )
    takes = "; ".join(
        f"{each.name} takes {', '.join(each.can.parameters) or 'none'}" for each in offering
    )
    return InvalidRequest(
        f"No deployment of {request.renderer} takes all of {', '.join(request.parameters)}: "
        f"{takes}.",
        param=next(iter(request.parameters)),
    )


def check_webhook(services: Services, caller: str, name: str | None) -> None:
    """Raises InvalidRequest for an endpoint that the caller may not name."""
    offered = [webhook.name for webhook in services.settings.webhooks_of(caller)]
    if name is not None and name not in offered:
        known = f"Yours: {', '.join(offered)}." if offered else "There is none for you."
        raise InvalidRequest(
            f"webhook {name!r} is not an endpoint that you may name. {known}",
            param="webhook",
        )


def _amount(services: Services, upstream: Upstream, request: VideoRequest) -> int:
    """What is reserved. A price by GPU second needs the length of the render: what the price row
    expects, else what such renders are known to take."""
    price, took = upstream.price, 0.0
    if price.unit == "gpu_second":
        took = price.expected_seconds or (
            expect.at_admission(services, upstream.name, request)
            * services.settings.durations.scale
        )
    seconds = request.seconds * request.variants
    return price.amount(
        request.width, request.height, seconds, request.variants, render_seconds=took
    )
