"""The models on offer, from the settings, and the state of their deployments.

The state follows from the date of retirement and from the deployment's row, which records how the
last requests to it went; nothing is sent to it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import formatdate

from shared.answers import models as answers
from shared.answers.models import Lifecycle
from shared.domain import parameters
from shared.domain.capabilities import Capabilities
from shared.domain.errors import NotFound
from shared.domain.money import UNITS, Price, Unit, usd
from shared.domain.outage import Outage
from shared.domain.profiles import lacks
from shared.domain.quota import live
from shared.lifecycle import line, succession
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream

_PUBLISHED = {"sora": 1746144000, "sora-2": 1759708800}
"""2025-05-02 and 2025-10-06: the first versions of the two on Azure."""


@dataclass(frozen=True)
class Deployment:
    """One upstream as it is now. Times are unix seconds."""

    upstream: Upstream
    lifecycle: Lifecycle
    retires_at: int | None
    outage: Outage | None
    paused_until: float | None
    """When it is tried next, after a 429 or in an outage."""
    paused: bool = False
    """Paused by an operator."""
    running: int = 0
    """Jobs that hold a slot."""
    throttled: int = 0

    @property
    def takes_requests(self) -> bool:
        return self.lifecycle is not Lifecycle.RETIRED and self.outage is None


def list_models(services: Services) -> answers.ModelList:
    """All models, in the order of the settings; one point read per deployment."""
    by_model: dict[str, list[Deployment]] = {}
    for deployment in deployments(services):
        by_model.setdefault(deployment.upstream.model, []).append(deployment)
    return answers.ModelList(
        object="list",
        data=[_model(services, name, rendering) for name, rendering in by_model.items()],
    )


def get_model(services: Services, wanted: str) -> answers.Model:
    """One model. Raises NotFound."""
    models = {model.id: model for model in list_models(services).data}
    if wanted not in models:
        raise NotFound(
            f"Model {wanted[:80]!r} is not offered here. Offered: {', '.join(sorted(models))}.",
            param="model",
            code="model_not_found",
        )
    return models[wanted]


def deployments(services: Services) -> list[Deployment]:
    """Every configured deployment as it is now."""
    now = services.clock()
    known = []
    for upstream, stored in zip(
        services.settings.upstreams, line.deployments(services), strict=True
    ):
        state = stored.state
        retires_at = None if upstream.retires_at is None else upstream.retires_at.timestamp()
        known.append(
            Deployment(
                upstream=upstream,
                lifecycle=_lifecycle(retires_at, gone=state.gone, now=now),
                retires_at=None if retires_at is None else int(retires_at),
                outage=state.outage,
                paused_until=state.paused_until if state.paused_until > now else None,
                paused=state.paused,
                running=len(live(state, now)),
                throttled=state.throttled,
            )
        )
    return known


def _lifecycle(retires_at: float | None, *, gone: bool, now: float) -> Lifecycle:
    if gone or (retires_at is not None and retires_at <= now):
        return Lifecycle.RETIRED
    return Lifecycle.ACTIVE if retires_at is None else Lifecycle.RETIRING


def retirement_headers(services: Services, model: str) -> dict[str, str]:
    """The headers of an answer about a model that retires or has retired by the settings: since
    when it is not to be used (RFC 9745), and when it stops to answer (RFC 8594)."""
    at = succession.retirement(services, model)
    if at is None:
        return {}
    return {"deprecation": f"@{int(at)}", "sunset": formatdate(int(at), usegmt=True)}


def _model(services: Services, name: str, rendering: list[Deployment]) -> answers.Model:
    """A model with its deployments in the order of the settings."""
    upstreams = [deployment.upstream for deployment in rendering]
    all_can = [upstream.can for upstream in upstreams]
    best = next(each for each in Lifecycle if each in {of.lifecycle for of in rendering})
    retires_at = succession.retirement(services, name)
    return answers.Model(
        id=name,
        object="model",
        created=_PUBLISHED.get(name, 0),
        owned_by="durable-video",
        lifecycle=max(
            best,
            _lifecycle(retires_at, gone=False, now=services.clock()),
            key=list(Lifecycle).index,
        ),
        retires_at=None if retires_at is None else int(retires_at),
        successor=_successor(services, name),
        capabilities=answers.Capabilities(
            modes=_modes(all_can),
            sizes=_sizes(upstreams),
            size_rules=_size_rules(all_can),
            default_size=all_can[0].default_size,
            default_seconds=all_can[0].default_seconds,
            prompt_characters=max(can.prompt_characters for can in all_can),
            input_images=max(can.images for can in all_can),
            input_video_seconds=max(can.input_video_seconds for can in all_can),
            parameters=_parameters(all_can),
        ),
        deployments=[_shown(deployment) for deployment in rendering],
    )


def _successor(services: Services, name: str) -> answers.Successor | None:
    successor, minute = services.settings.successor(name), services.settings.durations.minute
    if successor is None:
        return None
    since, out = successor.since, successor.out_for
    return answers.Successor(
        model=successor.model,
        renders=succession.in_force(services, name) is not None,
        takes_over_at=None if since is None else int(since),
        on_410=successor.on_410,
        after_out_minutes=None if out is None else out / minute,
        sizes=dict(successor.sizes),
        seconds={str(asked): seconds for asked, seconds in successor.seconds.items()},
    )


def _modes(all_can: list[Capabilities]) -> list[answers.Mode]:
    possible: dict[answers.Mode, bool] = {
        "text": True,
        "image": any(can.images for can in all_can),
        "video": any(can.input_video_seconds for can in all_can),
        "remix": any(can.remix for can in all_can),
    }
    return [mode for mode, can in possible.items() if can]


def _sizes(upstreams: list[Upstream]) -> list[answers.Size]:
    """Every size that at least one deployment lists, or has as its default, at the highest price,
    which is reserved."""
    listed = [size for upstream in upstreams for size in upstream.can.listed]
    return [_size(size, upstreams) for size in dict.fromkeys(listed)]


def _size(size: str, upstreams: list[Upstream]) -> answers.Size:
    width, height = (int(part) for part in size.split("x"))
    taking = [upstream for upstream in upstreams if upstream.can.takes_size(width, height)]
    pixels = width * height
    lengths = {
        seconds
        for can in (upstream.can for upstream in taking)
        for seconds in can.seconds
        if seconds <= can.max_seconds(pixels)
    }
    return answers.Size(
        size=size,
        seconds=sorted(lengths),
        max_variants=max(upstream.can.max_variants(pixels) for upstream in taking),
        usd_per_second=per_second([upstream.price for upstream in taking], width, height),
    )


def per_second(prices: Iterable[Price], width: int, height: int) -> str | None:
    """What a second of an output costs at a size, by the dearest price; None unless all are by its
    length."""
    several = list(prices)
    if any(price.unit not in ("second", "megapixel_second") for price in several):
        return None
    return usd(max(price.amount(width, height, 1) for price in several))


def _size_rules(all_can: list[Capabilities]) -> list[answers.SizeRule]:
    rules = dict.fromkeys(can.size_rule for can in all_can if can.size_rule is not None)
    return [answers.SizeRule(**vars(rule)) for rule in rules]


def _parameters(all_can: list[Capabilities]) -> dict[str, answers.Parameter]:
    """What at least one deployment takes, with the widest bounds."""
    return {
        name: answers.Parameter(
            type=parameter.type,
            minimum=parameter.minimum,
            maximum=parameter.maximum,
            max_length=parameter.max_length,
            enum=list(parameter.enum) or None,
        )
        for name, parameter in parameters.of_all([can.parameters for can in all_can]).items()
    }


def _rate(price: Price, unit: Unit) -> str | None:
    return usd(price.rate) if price.unit == unit else None


def _shown(deployment: Deployment) -> answers.Deployment:
    upstream, price = deployment.upstream, deployment.upstream.price
    return answers.Deployment(
        name=upstream.name,
        dialect=upstream.dialect,
        lifecycle=deployment.lifecycle,
        retires_at=deployment.retires_at,
        available=deployment.takes_requests,
        parameters=list(upstream.can.parameters),
        lacks=lacks(upstream.speaks),
        notice=line.outage_text(deployment.outage) if deployment.outage else None,
        price=answers.Price(
            currency="USD",
            version=price.version,
            **{f"usd_per_{unit}": _rate(price, unit) for unit in UNITS},
            reference_pixels=price.reference_pixels,
            gpus=price.gpus if price.unit == "gpu_second" else None,
            expected_seconds=price.expected_seconds,
            failed_render=price.failed_render,
        ),
        limits=answers.Limits(
            max_running=upstream.max_running, max_creates_per_minute=upstream.max_creates_per_minute
        ),
    )
