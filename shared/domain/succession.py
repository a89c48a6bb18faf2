"""The succession of a model: who renders in its place, from when on, and what becomes of a request.

An operator names a successor in the settings. It takes over from a date, once every deployment of
the model says that it is gone, or while every one of them has been out for long. The first two are
for good; an outage may pass, and then the model renders again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from shared.domain.quota import DeploymentState, opens_at
from shared.domain.request import Asked, VideoRequest


class Cause(StrEnum):
    """Why a successor renders."""

    DATE = "date"
    GONE = "gone"
    OUT = "out"


@dataclass(frozen=True, kw_only=True)
class Successor:
    """Who renders in place of a model, and when. `sizes` and `seconds` say what is rendered instead
    of what was asked for; what they lack stays as it is. Times are unix seconds, `out_for` is
    scaled."""

    model: str
    sizes: Mapping[str, str] = field(default_factory=dict)
    seconds: Mapping[int, int] = field(default_factory=dict)
    since: float | None = None
    on_410: bool = True
    out_for: float | None = None


@dataclass(frozen=True)
class Succession:
    """A successor renders, since that time."""

    cause: Cause
    since: float

    @property
    def final(self) -> bool:
        """Whether the model will not render again."""
        return self.cause is not Cause.OUT


def in_force(
    successor: Successor, states: Sequence[DeploymentState], now: float
) -> Succession | None:
    """Whether the successor renders now, by the deployments of the model; None while it does not.

    One that is out is tried again by and by. While a try is due the model is not out: whoever asks
    for it then is the try.
    """
    gone = [state.outage.since for state in states if state.gone and state.outage is not None]
    if successor.since is not None and now >= successor.since:
        return Succession(Cause.DATE, successor.since)
    if not states:
        return None
    if successor.on_410 and len(gone) == len(states):
        return Succession(Cause.GONE, max(gone))
    if successor.out_for is None or any(opens_at(state, now) <= now for state in states):
        return None
    since = max(_out_since(state, now) for state in states)
    return Succession(Cause.OUT, since) if since <= now - successor.out_for else None


def _out_since(state: DeploymentState, now: float) -> float:
    """Since when it has taken nothing: an outage, or an operator's pause. One that is closed by the
    settings has no part in it. Now, where that is not known."""
    if state.max_running <= 0 or state.max_creates <= 0:
        return 0.0
    since = [state.outage.since] if state.outage is not None else []
    since += [state.paused_since] if state.paused else []
    return min((at for at in since if at), default=now)


def mapped(request: VideoRequest, successor: Successor) -> VideoRequest:
    """The request as the successor renders it; it remembers what was asked for."""
    size = successor.sizes.get(request.size, request.size)
    width, height = (int(part) for part in size.split("x"))
    seconds = successor.seconds.get(request.seconds, request.seconds)
    return moved(request, successor.model, width=width, height=height, seconds=seconds)


def moved(
    request: VideoRequest, model: str, *, width: int, height: int, seconds: int
) -> VideoRequest:
    """The request as another model renders it, at this size and length."""
    asked = request.asked or Asked(
        width=request.width, height=request.height, seconds=request.seconds
    )
    same = (asked.width, asked.height, asked.seconds) == (width, height, seconds)
    return replace(
        request,
        rendered_by=model,
        width=width,
        height=height,
        seconds=seconds,
        asked=None if same else asked,
    )


def circle(successors: Mapping[str, str]) -> list[str]:
    """Models that succeed each other in a circle, from model to successor; empty for none."""
    for start in successors:
        path = [start]
        while (after := successors.get(path[-1])) is not None:
            if after in path:
                return [*path[path.index(after) :], after]
            path.append(after)
    return []


def differences(asked: VideoRequest, rendered: VideoRequest) -> Iterable[str]:
    """What a successor renders otherwise, in a few words."""
    if asked.size != rendered.size:
        yield f"{rendered.size} instead of {asked.size}"
    if asked.seconds != rendered.seconds:
        yield f"{rendered.seconds} s instead of {asked.seconds} s"
