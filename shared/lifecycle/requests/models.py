"""What can be asked for: models out of the settings, and how their deployments are.

How a deployment is follows from its date of retirement and from what the last requests to it said
(its row, the quota authority); nothing is sent to it to ask.
"""

from dataclasses import dataclass
from enum import StrEnum

from shared.domain.outage import Outage
from shared.lifecycle import line
from shared.lifecycle.services import Services
from shared.settings.upstreams import Upstream


class Lifecycle(StrEnum):
    ACTIVE = "active"
    RETIRING = "retiring"
    """It has a date."""
    RETIRED = "retired"
    """The date has come, or it says that the model is gone."""


@dataclass(frozen=True)
class Deployment:
    """One upstream as it is now. Times are unix seconds."""

    upstream: Upstream
    lifecycle: Lifecycle
    retires_at: int | None
    outage: Outage | None
    """What is known while it turns everybody away."""
    paused_until: float | None
    """When it is tried next, where it asked for patience or has an outage."""
    paused: bool = False
    """Whether an operator has paused it."""

    @property
    def takes_requests(self) -> bool:
        return self.lifecycle is not Lifecycle.RETIRED and self.outage is None


@dataclass(frozen=True)
class SizeOffer:
    """What a size allows: lengths in seconds, and micro-USD for one second of one output."""

    size: str
    seconds: tuple[int, ...]
    max_variants: int
    per_second: int


@dataclass(frozen=True)
class Model:
    """A public model name and the deployments that render it, in the order of the settings."""

    id: str
    deployments: tuple[Deployment, ...]

    @property
    def lifecycle(self) -> Lifecycle:
        """That of its best deployment."""
        found = {each.lifecycle for each in self.deployments}
        return next(lifecycle for lifecycle in Lifecycle if lifecycle in found)

    @property
    def retires_at(self) -> int | None:
        """When the last of its deployments retires; None where one has no date."""
        dates = [each.retires_at for each in self.deployments]
        return None if None in dates else max(date for date in dates if date is not None)

    def sizes(self) -> list[SizeOffer]:
        """Everything that at least one deployment takes; the price is the highest, because that
        is what is reserved."""
        offers: dict[str, SizeOffer] = {}
        for upstream in (each.upstream for each in self.deployments):
            can = upstream.can
            for size in can.sizes:
                width, height = (int(part) for part in size.split("x"))
                pixels = width * height
                seconds = {s for s in can.seconds if s <= can.max_seconds(pixels)}
                before = offers.get(size, SizeOffer(size, (), 0, 0))
                offers[size] = SizeOffer(
                    size,
                    tuple(sorted({*before.seconds, *seconds})),
                    max(before.max_variants, can.max_variants(pixels)),
                    max(before.per_second, upstream.price.amount(width, height, 1)),
                )
        return list(offers.values())


def models(services: Services) -> list[Model]:
    """All models, in the order of the settings: one point read for each deployment."""
    found: dict[str, list[Deployment]] = {}
    for deployment in deployments(services):
        found.setdefault(deployment.upstream.model, []).append(deployment)
    return [Model(model, tuple(each)) for model, each in found.items()]


def deployments(services: Services) -> list[Deployment]:
    """Every configured deployment as it is now."""
    now = services.clock()
    found = []
    for upstream, stored in zip(
        services.settings.upstreams, line.deployments(services), strict=True
    ):
        state = stored.state
        retires_at = None if upstream.retires_at is None else upstream.retires_at.timestamp()
        found.append(
            Deployment(
                upstream=upstream,
                lifecycle=_lifecycle(retires_at, gone=state.gone, now=now),
                retires_at=None if retires_at is None else int(retires_at),
                outage=state.outage,
                paused_until=state.paused_until if state.paused_until > now else None,
                paused=state.paused,
            )
        )
    return found


def _lifecycle(retires_at: float | None, *, gone: bool, now: float) -> Lifecycle:
    if gone or (retires_at is not None and retires_at <= now):
        return Lifecycle.RETIRED
    return Lifecycle.ACTIVE if retires_at is None else Lifecycle.RETIRING
