"""Who may submit next: the limits hold whatever happens, and nobody waits beside a free slot."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.quota import Lane, Waiting, decide, freed, granted, opens_at, submitted


def lane(name: str = "a", **values: object) -> Lane:
    return replace(
        Lane(deployment=name, max_running=2, max_creates=2, window=60.0),
        **values,  # type: ignore[arg-type]
    )


def video(number: int, caller: str = "key:x", deployments: tuple[str, ...] = ("a",)) -> Waiting:
    return Waiting(video_id=f"video_{number:032x}", caller=caller, deployments=deployments)


def test_first_come_first_served_within_a_caller() -> None:
    (grant,) = decide([video(2), video(1)], [lane()], 0.0)
    assert grant.video_id == video(1).video_id


def test_a_caller_with_less_running_goes_first() -> None:
    busy = lane("b", running={"v": 100.0}, callers={"v": "key:x"}, submitting="v")
    (grant,) = decide([video(1, "key:x"), video(2, "key:y")], [lane(), busy], 0.0)
    assert grant.video_id == video(2).video_id


def test_one_submit_at_a_time() -> None:
    first = granted(lane(), video(1), 0.0, lease=100)
    assert decide([video(2)], [first], 1.0) == []
    after = submitted(first, video(1).video_id, 2.0)
    assert len(decide([video(2)], [after], 2.0)) == 1


def test_a_pause_and_an_outage_grant_nothing() -> None:
    assert decide([video(1)], [lane(paused_until=5.0)], 4.9) == []
    assert len(decide([video(1)], [lane(paused_until=5.0)], 5.0)) == 1
    assert decide([video(1)], [lane(out="410 retired")], 1e9) == []
    assert decide([video(1)], [lane(max_running=0)], 1e9) == []


def test_a_video_goes_only_where_it_may() -> None:
    (grant,) = decide([video(1, deployments=("b",))], [lane("a"), lane("b")], 0.0)
    assert grant.deployment == "b"


def test_a_video_that_holds_a_slot_gets_no_other() -> None:
    holding = granted(lane("a"), video(1), 0.0, lease=100)
    assert decide([video(1, deployments=("a", "b"))], [holding, lane("b")], 1.0) == []


events = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "submit", "free", "wait", "decide"]),
        st.integers(0, 3),
        st.floats(0.0, 40.0),
    ),
    max_size=60,
)


@settings(max_examples=200)
@given(events)
def test_limits_hold_in_every_window_and_order_within_a_caller(
    happenings: list[tuple[str, int, float]],
) -> None:
    lanes = {name: lane(name) for name in ("a", "b")}
    waiting: list[Waiting] = []
    grants: dict[str, list[str]] = {}
    posts: dict[str, list[float]] = {"a": [], "b": []}
    running: dict[str, set[str]] = {"a": set(), "b": set()}
    now, arrivals = 1000.0, 0
    for what, which, delay in happenings:
        if what == "arrive":
            arrivals += 1
            waiting.append(video(arrivals, f"key:{which}", ("a", "b")))
        elif what == "wait":
            now += delay
        elif what == "submit":
            for name, current in lanes.items():
                if current.submitting:
                    posts[name].append(now)
                    lanes[name] = submitted(current, current.submitting, now, until=now + 1e6)
        elif what == "free":
            for name, current in lanes.items():
                done = sorted(set(current.running) - {current.submitting})[:1]
                for video_id in done:
                    lanes[name] = freed(current, video_id, now)
                    running[name].discard(video_id)
        for grant in decide(waiting, lanes.values(), now):
            chosen = next(v for v in waiting if v.video_id == grant.video_id)
            waiting.remove(chosen)
            earlier = [v for v in waiting if v.caller == chosen.caller]
            assert all(chosen.video_id < other.video_id for other in earlier)
            lanes[grant.deployment] = granted(lanes[grant.deployment], chosen, now, lease=1e6)
            running[grant.deployment].add(chosen.video_id)
            grants.setdefault(chosen.caller, []).append(chosen.video_id)
        for name, current in lanes.items():
            assert len(running[name]) <= 2
            assert not waiting or opens_at(current, now) > now  # no free lane beside a line
            recent = [at for at in posts[name] if at > now - 60.0]
            assert len(recent) <= 2
