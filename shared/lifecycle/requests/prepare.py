"""Check a request before anything is spent or written: whether it can work, where it can go, and
what it would cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from shared.domain import capabilities
from shared.domain.errors import InvalidRequest
from shared.domain.media.pictures import Picture
from shared.domain.money import Price
from shared.domain.request import VideoRequest
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
    price = max((upstream.price for upstream in chosen), key=lambda price: _amount(price, request))
    return Prepared(request, ready, chosen, price, _amount(price, request))


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
    chosen, problems = [], []
    for upstream in offering:
        try:
            capabilities.check(request, upstream.can)
            chosen.append(upstream)
        except InvalidRequest as problem:
            problems.append(problem)
    if not chosen:
        raise problems[0]
    return chosen


def _check_webhook(services: Services, caller: str, request: VideoRequest) -> None:
    offered = [webhook.name for webhook in services.settings.webhooks_of(caller)]
    if request.webhook is not None and request.webhook not in offered:
        known = f"Yours: {', '.join(offered)}." if offered else "There is none for you."
        raise InvalidRequest(
            f"webhook {request.webhook!r} is not an endpoint that you may name. {known}",
            param="webhook",
        )


def _amount(price: Price, request: VideoRequest) -> int:
    return price.amount(request.width, request.height, request.seconds, request.variants)
