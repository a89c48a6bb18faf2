"""Check a request before anything is spent or written: whether it can work, where it can go, and
what it would cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import capabilities
from shared.domain.errors import InvalidRequest
from shared.domain.media.pictures import Picture
from shared.domain.money import Price
from shared.domain.request import VideoRequest
from shared.lifecycle import expect
from shared.lifecycle.requests import inputs
from shared.lifecycle.requests.inputs import Source
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream


@dataclass(frozen=True)
class Prepared:
    """A request that can work: its fitted files, the deployments that can render it, and the
    reservation (micro-USD, at the highest price of them)."""

    request: VideoRequest
    pictures: tuple[Picture, ...]
    chosen: list[Upstream]
    price: Price
    amount: int


def prepare(
    services: Services, caller: str, request: VideoRequest, sources: Sequence[Source]
) -> Prepared:
    """Prepare a request. Raises InvalidRequest where it can never work."""
    _check_webhook(services, caller, request)
    request, files = inputs.gather(services, request, sources)
    chosen = _deployments(services, request)
    ready = inputs.fit(request, files, max(upstream.can.input_video_seconds for upstream in chosen))
    amounts = {upstream.name: _amount(services, upstream, request) for upstream in chosen}
    dearest = max(chosen, key=lambda upstream: amounts[upstream.name])
    return Prepared(request, ready, chosen, dearest.price, amounts[dearest.name])


def _deployments(services: Services, request: VideoRequest) -> list[Upstream]:
    """The deployments that can render a request. Raises InvalidRequest if none can."""
    offering = services.settings.offering(request.model)
    if request.remix is not None:
        offering = [upstream for upstream in offering if upstream.name == request.remix.deployment]
    if not offering:
        models = sorted({upstream.model for upstream in services.settings.upstreams})
        raise InvalidRequest(
            f"model {request.model!r} is not offered here. Offered: {', '.join(models)}.",
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
        f"No deployment of {request.model} takes all of {', '.join(request.parameters)}: {takes}.",
        param=next(iter(request.parameters)),
    )


def _check_webhook(services: Services, caller: str, request: VideoRequest) -> None:
    offered = [webhook.name for webhook in services.settings.webhooks_of(caller)]
    if request.webhook is not None and request.webhook not in offered:
        known = f"Yours: {', '.join(offered)}." if offered else "There is none for you."
        raise InvalidRequest(
            f"webhook {request.webhook!r} is not an endpoint that you may name. {known}",
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
