"""The slots of one deployment: taken before a submit, given back when the job is over."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from shared.domain.outage import TurnedAway, pause_after, turned_away
from shared.domain.quota import DeploymentState, freed, live, submitted, taken
from shared.domain.work import Work
from shared.durable.names import Hint
from shared.lifecycle import line
from shared.lifecycle.services import Services
from shared.storage.deployments import StoredDeployment
from shared.telemetry.events import Event, emit


def slot_of(services: Services, video_id: str) -> DeploymentState | None:
    """The deployment where a video holds a live slot, if any."""
    states, now = [each.state for each in line.deployments(services)], services.clock()
    return next((state for state in states if video_id in live(state, now)), None)


def take(
    services: Services, stored: Iterable[StoredDeployment], video_id: str
) -> DeploymentState | None:
    """Take a video's turn where it holds a slot: it may send now. None where it holds none, or
    where its grant has just ended."""
    now, lease = services.clock(), services.settings.durations.slot_lease

    def may_send(each: StoredDeployment) -> bool:
        submit = each.state.submitting.get(video_id)
        return submit is not None and submit.sending

    # two decisions at once may have granted it two slots: one whose turn it has taken comes first
    for each in sorted(stored, key=may_send, reverse=True):
        if video_id not in live(each.state, now):
            continue
        upstream = services.settings.upstream(each.state.deployment)
        assert upstream is not None, "deployments are made from settings"
        after = services.deployments.change(
            line.limits(services, upstream),
            lambda state: taken(state, video_id, now, lease=lease) or state,
            read=each,
        )
        return after.state if video_id in live(after.state, now) else None
    return None


def free_orphans(services: Services) -> None:
    """Free the slots of videos without work: their worker died between its turn and its end."""
    now, working = services.clock(), services.work.working()
    for stored in line.deployments(services):
        for video_id in live(stored.state, now):
            # one in line may have a grant that it has not seen
            if video_id not in working and services.work.get(video_id) is None:
                emit(Event.SLOT_FREED, video_id=video_id, deployment=stored.state.deployment)
                services.deployments.change(
                    stored.state,
                    lambda state, gone=video_id: freed(state, gone, now),  # type: ignore[misc]
                )


def free(services: Services, work: Work) -> None:
    """Free a video's slot."""
    now = services.clock()
    _change(services, work, lambda state: freed(state, work.video_id, now))


def hand_over(services: Services, work: Work) -> tuple[Hint, ...]:
    """Free a video's slot and call the next ones: the hints for them."""
    free(services, work)
    return line.call_next(services)[1]


def throttle(services: Services, work: Work, pause: float) -> None:
    """Free the slot and pause the deployment, which asked for patience. It answers, so an outage
    is over."""
    now = services.clock()

    def change(state: DeploymentState) -> DeploymentState:
        left = freed(state, work.video_id, now)
        until = max(left.paused_until, now + pause)
        return replace(left, paused_until=until, throttled=left.throttled + 1, outage=None)

    _change(services, work, change)


def turn_away(services: Services, work: Work, sign: TurnedAway) -> DeploymentState | None:
    """Free the slot of a video that a deployment turned away, and pause the deployment; its state
    afterwards, with the outage. None where it is no longer configured."""
    now, durations = services.clock(), services.settings.durations

    def change(state: DeploymentState) -> DeploymentState:
        left = freed(state, work.video_id, now)
        outage = turned_away(left.outage, sign, work.video_id, now)
        until = now + durations.of(pause_after(outage.failures))
        return replace(left, outage=outage, paused_until=max(left.paused_until, until))

    return _change(services, work, change)


def works(services: Services, work: Work) -> None:
    """A deployment has looked at a video's request, so an outage is over."""
    _change(services, work, lambda state: replace(state, outage=None))


def close_submit(
    services: Services, work: Work, *, until: float | None = None, apart: float = 0.0
) -> None:
    """A submit is over; its video keeps the slot. `until` is when its job expires, if it has one:
    then the deployment works. If it may have one that is not known, nobody alike submits for
    `apart` seconds."""
    now = services.clock()

    def change(state: DeploymentState) -> DeploymentState:
        after = submitted(
            state,
            work.video_id,
            now,
            until=until,
            ends=now + work.expected,
            apart=now + apart if apart else None,
        )
        return replace(after, outage=after.outage if until is None else None)

    _change(services, work, change)


def _change(
    services: Services, work: Work, how: Callable[[DeploymentState], DeploymentState]
) -> DeploymentState | None:
    """Change the deployment that has a video's attempt; None where it is no longer configured."""
    upstream = services.settings.upstream(work.deployment or "")
    if upstream is None:
        return None
    return services.deployments.change(line.limits(services, upstream), how).state
