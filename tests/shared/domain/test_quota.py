"""Who may submit next: the limits hold whatever happens, and nobody waits beside a free slot."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.outage import Outage, TurnedAway, turned_away
from shared.domain.quota import (
    DeploymentState,
    Grant,
    QueuedVideo,
    Submit,
    decide,
    forecast,
    freed,
    granted,
    live,
    opens_at,
    opens_by_itself,
    submitted,
    taken,
)

GRANT = 20.0
SLOT = 5400.0


def state(name: str = "a", **values: object) -> DeploymentState:
    return replace(
        DeploymentState(deployment=name, max_running=2, max_creates=2, window=60.0),
        **values,  # type: ignore[arg-type]
    )


def video(
    number: int, caller: str = "key:x", deployments: tuple[str, ...] = ("a",), prompt: str = ""
) -> QueuedVideo:
    return QueuedVideo(
        video_id=f"video_{number:032x}",
        caller=caller,
        deployments=deployments,
        expected=40.0,
        facts=f"{prompt} 720x1280 4 1" if prompt else "",
    )


def telling(**values: object) -> DeploymentState:
    """A deployment whose list tells prompts apart, and that has room."""
    return replace(state(shown=("prompt",), max_running=9, max_creates=9), **values)  # type: ignore[arg-type]


def served(
    at: DeploymentState, who: QueuedVideo, now: float, *, lasts: float = 1e6
) -> DeploymentState:
    """A whole submit at one moment."""
    after = taken(granted(at, who, now, lease=GRANT), who.video_id, now, lease=SLOT)
    assert after is not None
    return submitted(after, who.video_id, now, until=now + lasts)


def test_first_come_first_served_within_a_caller() -> None:
    (grant,) = decide([video(2), video(1)], [state()], 0.0)
    assert grant.video_id == video(1).video_id


def test_a_line_of_a_batch_waits_behind_its_callers_other_videos_and_no_others() -> None:
    batch = replace(video(1), of_batch=True)
    (grant,) = decide([batch, video(2)], [state()], 0.0)
    assert grant.video_id == video(2).video_id
    (grant,) = decide([batch, video(2, "key:y")], [state()], 0.0)
    assert grant.video_id == batch.video_id


def test_batches_of_several_callers_take_turns() -> None:
    waiting = [replace(video(number, "key:x"), of_batch=True) for number in range(1, 5)]
    waiting += [replace(video(number, "key:y"), of_batch=True) for number in range(5, 9)]
    at, order = state(max_running=99, max_creates=99), []
    for now in range(4):
        (grant,) = decide(waiting, [at], float(now))
        who = next(each for each in waiting if each.video_id == grant.video_id)
        waiting.remove(who)
        at = served(at, who, float(now), lasts=0.5)
        order.append(who.caller)
    assert order == ["key:x", "key:y", "key:x", "key:y"]


def test_a_caller_with_less_running_goes_first() -> None:
    busy = state("b", running={"v": 100.0}, callers={"v": "key:x"}, submitting={"v": Submit()})
    (grant,) = decide([video(1, "key:x"), video(2, "key:y")], [state(), busy], 0.0)
    assert grant.video_id == video(2).video_id


def test_among_equals_the_turn_goes_round() -> None:
    """Not to the one who came first: its line may be endless."""
    at = state(max_creates=100, max_running=100)
    line = [video(number, f"key:{'abc'[number // 10]}") for number in range(30)]
    callers = []
    for _ in range(6):
        (grant,) = decide(line, [at], 0.0)
        who = next(each for each in line if each.video_id == grant.video_id)
        line.remove(who)
        callers.append(who.caller)
        at = freed(served(at, who, 0.0), who.video_id, 0.0)
    assert callers == ["key:a", "key:b", "key:c"] * 2


def test_one_submit_at_a_time() -> None:
    first = granted(state(), video(1), 0.0, lease=100)
    assert decide([video(2)], [first], 1.0) == []
    after = submitted(first, video(1).video_id, 2.0)
    assert len(decide([video(2)], [after], 2.0)) == 1


def of(grants: list[Grant]) -> list[int]:
    """The numbers of the videos with a grant."""
    return [int(grant.video_id.removeprefix("video_"), 16) for grant in grants]


def test_submits_that_the_list_tells_apart_are_in_flight_together() -> None:
    """An equal one follows, and does not hold up those behind it."""
    line = [video(1, prompt="a"), video(2, prompt="a"), video(3, prompt="b"), video(4, prompt="c")]
    assert of(decide(line, [telling()], 0.0)) == [1, 3, 4]
    at = granted(telling(), line[0], 0.0, lease=GRANT)
    assert of(decide(line[1:], [at], 1.0)) == [3, 4]
    assert of(decide(line[1:], [submitted(at, line[0].video_id, 2.0)], 2.0)) == [2, 3, 4]


def test_what_is_not_known_of_a_submit_keeps_it_alone() -> None:
    unknown, known = video(1), video(2, prompt="a")
    assert of(decide([unknown, known], [telling()], 0.0)) == [1]
    assert decide([known], [granted(telling(), unknown, 0.0, lease=GRANT)], 1.0) == []
    assert decide([unknown], [granted(telling(), known, 0.0, lease=GRANT)], 1.0) == []


def test_without_a_list_all_are_in_flight_together() -> None:
    """No lost answer can be traced there, so nothing is gained by waiting."""
    line = [video(number, prompt="a") for number in range(1, 4)]
    assert of(decide(line, [telling(shown=None)], 0.0)) == [1, 2, 3]


def test_an_unanswered_submit_blocks_its_likes_and_nobody_else() -> None:
    line = [video(1, prompt="a"), video(2, prompt="a"), video(3, prompt="b")]
    at = taken(granted(telling(), line[0], 0.0, lease=GRANT), line[0].video_id, 1.0, lease=SLOT)
    assert at is not None
    at = submitted(at, line[0].video_id, 100.0, apart=220.0)
    assert of(decide(line[1:], [at], 219.0)) == [3]
    assert of(decide(line[1:], [at], 220.0)) == [2, 3]


def test_grants_and_creates_in_flight_count_under_the_rate() -> None:
    line = [video(number, prompt=f"p{number}") for number in range(1, 6)]
    assert of(decide(line, [telling(max_creates=3)], 0.0)) == [1, 2, 3]
    at = granted(telling(max_creates=2), line[0], 0.0, lease=GRANT)
    at = served(at, line[1], 1.0)
    assert decide(line[2:], [at], 2.0) == []
    assert of(decide(line[2:], [at], GRANT)) == [3]  # the grant has ended, nothing was sent


def test_a_grant_that_nobody_takes_ends_and_costs_nothing() -> None:
    idle = state(max_running=1, max_creates=1)
    held = granted(idle, video(1), 0.0, lease=GRANT)
    assert opens_at(held, 1.0) == GRANT
    (grant,) = decide([video(1)], [held], GRANT)  # no create was counted
    assert grant.video_id == video(1).video_id
    assert taken(held, video(1).video_id, GRANT, lease=SLOT) is None  # too late to send
    assert taken(held, video(1).video_id, GRANT - 1, lease=SLOT) is not None


def test_a_turn_taken_twice_counts_once() -> None:
    once = taken(granted(state(), video(1), 0.0, lease=GRANT), video(1).video_id, 1.0, lease=SLOT)
    assert once is not None
    assert once.submitting[video(1).video_id].sending
    assert taken(once, video(1).video_id, 2.0, lease=SLOT) == once


def test_a_create_counts_from_the_end_of_its_submit() -> None:
    """The upstream saw it somewhere between; only the later time keeps every window."""
    sending = taken(
        granted(state(max_creates=1), video(1), 0.0, lease=GRANT),
        video(1).video_id,
        1.0,
        lease=SLOT,
    )
    assert sending is not None
    assert opens_at(submitted(sending, video(1).video_id, 50.0), 50.0) == 110.0


def test_a_slot_is_free_when_its_render_is_over() -> None:
    full = served(served(state(max_creates=9), video(1), 0.0), video(2), 0.0)
    assert decide([video(3)], [full], 1.0) == []
    assert opens_at(full, 1.0) == 1e6
    assert len(decide([video(3)], [freed(full, video(1).video_id, 1.0)], 1.0)) == 1


def test_an_outage_is_probed_by_one_video_after_another() -> None:
    """Once its pause is over; a video that was turned away comes after all others."""
    line = [video(1), video(2), video(3)]
    refusal = TurnedAway(status=403, message="no")
    outage = turned_away(None, refusal, video(1).video_id, 0.0)
    probed = state(outage=outage, paused_until=5.0, max_creates=9, max_running=9)
    assert decide(line, [probed], 4.9) == []
    (probe,) = decide(line, [probed], 5.0)
    assert probe.video_id == video(2).video_id
    sending = granted(probed, video(2), 5.0, lease=GRANT)
    assert decide(line, [sending], 6.0) == []  # one at a time
    again = replace(freed(sending, video(2).video_id, 6.0), paused_until=16.0)
    again = replace(again, outage=turned_away(outage, refusal, video(2).video_id, 6.0))
    assert [each.video_id for each in decide(line, [again], 16.0)] == [video(3).video_id]
    assert [each.video_id for each in decide(line[:2], [again], 16.0)] == [video(1).video_id]
    third = replace(again, outage=turned_away(again.outage, refusal, video(3).video_id, 17.0))
    assert third.outage is not None
    for number in (1, 2, 3, 1):  # all were turned away: whoever has waited longest tries next
        (probe,) = decide(line, [third], 99.0)
        assert probe.video_id == video(number).video_id
        assert third.outage is not None
        third = replace(third, outage=turned_away(third.outage, refusal, probe.video_id, 99.0))
    turns = [turn.video.video_id for turn in forecast(line, [again], 6.0)]
    assert turns[0] == video(3).video_id
    assert sorted(turns) == [each.video_id for each in line]


def test_a_pause_and_an_outage_grant_nothing() -> None:
    assert decide([video(1)], [state(paused_until=5.0)], 4.9) == []
    assert len(decide([video(1)], [state(paused_until=5.0)], 5.0)) == 1
    gone = Outage(status=410, message="retired", since=0.0, final=True)
    assert decide([video(1)], [state(outage=gone)], 1e9) == []
    assert decide([video(1)], [state(paused=True)], 1e9) == []
    assert decide([video(1)], [state(max_running=0)], 1e9) == []


def test_a_video_goes_only_where_it_may() -> None:
    (grant,) = decide([video(1, deployments=("b",))], [state("a"), state("b")], 0.0)
    assert grant.deployment == "b"


def test_a_pool_serves_where_it_can_start_first() -> None:
    full = served(served(state("a"), video(1), 0.0), video(2), 0.0)
    (grant,) = decide([video(3, deployments=("a", "b"))], [full, state("b")], 1.0)
    assert grant.deployment == "b"


def test_a_video_that_holds_a_slot_gets_no_other() -> None:
    holding = granted(state("a"), video(1), 0.0, lease=100)
    assert decide([video(1, deployments=("a", "b"))], [holding, state("b")], 1.0) == []


def test_only_time_keeps_a_lane_closed() -> None:
    spent = served(served(state(max_running=9), video(1), 0.0), video(2), 5.0)
    assert opens_by_itself(spent, 6.0)
    assert opens_at(spent, 6.0) == 60.0
    full = served(served(state(), video(1), 0.0), video(2), 5.0)
    assert not opens_by_itself(full, 6.0)


def test_the_forecast_is_what_deciding_would_give() -> None:
    """The turns to come, against the decisions themselves in virtual time."""
    states = [state("a"), state("b", max_creates=1, paused_until=1010.0)]
    line = [video(number, f"key:{number % 3}", ("a", "b")) for number in range(20)]
    told = [(turn.video.video_id, turn.at) for turn in forecast(line, states, 1000.0)]
    stepped = in_virtual_time(line, states, 1000.0, render=40.0)
    assert told == stepped


def in_virtual_time(
    line: list[QueuedVideo], states: list[DeploymentState], now: float, *, render: float
) -> list[tuple[str, float]]:
    """Who is submitted when, if renders take as long as that and nothing else takes time."""
    line, by_name = list(line), {each.deployment: each for each in states}
    ends: list[tuple[float, str, str]] = []
    starts = []
    while line:
        for at, name, video_id in [end for end in ends if end[0] <= now]:
            by_name[name] = freed(by_name[name], video_id, at)
            ends.remove((at, name, video_id))
        grants = decide(line, by_name.values(), now)
        for grant in grants:
            who = next(each for each in line if each.video_id == grant.video_id)
            line.remove(who)
            by_name[grant.deployment] = served(by_name[grant.deployment], who, now)
            ends.append((now + render, grant.deployment, who.video_id))
            starts.append((who.video_id, now))
        if not grants:
            by_itself = [
                opens_at(each, now) for each in by_name.values() if opens_by_itself(each, now)
            ]
            now = min([*by_itself, *(at for at, _, _ in ends)])
    return starts


@dataclass
class World:
    """The upstream and the workers, as they are whatever the deployments say."""

    states: dict[str, DeploymentState] = field(
        default_factory=lambda: {
            "a": state("a", max_creates=3, max_running=3, shown=("prompt",)),
            "b": state("b", max_running=1),
        }
    )
    now: float = 1000.0
    waiting: list[QueuedVideo] = field(default_factory=list)
    granted: dict[str, QueuedVideo] = field(default_factory=dict)
    """Granted, and not yet known to its worker."""
    sending: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Video -> its deployment, and when it took its turn."""
    in_flight: dict[str, list[QueuedVideo]] = field(default_factory=lambda: {"a": [], "b": []})
    running: dict[str, set[str]] = field(default_factory=lambda: {"a": set(), "b": set()})
    posts: dict[str, list[float]] = field(default_factory=lambda: {"a": [], "b": []})
    arrived: int = 0
    passed_over: dict[str, int] = field(default_factory=dict)

    def arrive(self, caller: int) -> None:
        self.arrived += 1
        where = (("a", "b"), ("a",), ("b",))[self.arrived % 3]
        prompt = "pqr"[self.arrived // 3 % 3]
        self.waiting.append(video(self.arrived, f"key:{caller}", where, prompt))

    def take(self) -> None:
        """The workers of the granted come, in time or too late."""
        for name, video_id in [
            (name, v) for name, at in self.states.items() for v in at.submitting
        ]:
            if video_id not in self.granted:
                continue
            after = taken(self.states[name], video_id, self.now, lease=SLOT)
            if after is None:
                continue  # too late here; it may have been granted another one meanwhile
            self.in_flight[name].append(self.granted.pop(video_id))
            self.states[name] = after
            self.sending[video_id] = (name, self.now)

    def send(self) -> None:
        """The upstream gets the POST of those who may send, and they say so."""
        for video_id, (name, _) in list(self.sending.items()):
            self.posts[name].append(self.now)
            self.running[name].add(video_id)
            self.states[name] = submitted(
                self.states[name], video_id, self.now, until=self.now + 1e6
            )
            del self.sending[video_id]
            self.in_flight[name] = [v for v in self.in_flight[name] if v.video_id != video_id]

    def free(self) -> None:
        for name, at in self.states.items():
            for video_id in sorted(self.running[name])[:1]:
                self.running[name].discard(video_id)
                self.states[name] = freed(at, video_id, self.now)

    def lose(self) -> None:
        """Every worker that was granted something is gone; it lines up anew when its grant ends."""
        for video_id, who in list(self.granted.items()):
            if all(video_id not in live(at, self.now) for at in self.states.values()):
                del self.granted[video_id]
                self.waiting.append(who)

    def decide(self) -> None:
        self.lose()
        for grant in decide(self.waiting, self.states.values(), self.now):
            who = next(each for each in self.waiting if each.video_id == grant.video_id)
            self.waiting.remove(who)
            at = self.states[grant.deployment]
            busy = {
                submit.likeness for v, submit in at.submitting.items() if v in live(at, self.now)
            }
            behind = [
                each
                for each in self.waiting
                if each.caller == who.caller
                and grant.deployment in each.deployments
                and at.likeness(each) not in busy
            ]
            assert all(who.video_id < each.video_id for each in behind), "order within a caller"
            self._nobody_starves(grant.deployment, who)
            self.states[grant.deployment] = granted(at, who, self.now, lease=GRANT)
            self.granted[who.video_id] = who

    def _nobody_starves(self, name: str, who: QueuedVideo) -> None:
        """At four callers: nobody is passed over more than five times as often as there are
        callers, on a deployment that he could use."""
        waiting = {each.caller for each in self.waiting if name in each.deployments}
        for caller in {f"key:{number}" for number in range(4)} - {who.caller}:
            key = f"{name} {caller}"
            self.passed_over[key] = self.passed_over.get(key, 0) + 1 if caller in waiting else 0
            assert self.passed_over[key] <= 5 * 4, f"{key} starves"
        self.passed_over[f"{name} {who.caller}"] = 0

    def check(self) -> None:
        for name, at in self.states.items():
            flying = self.in_flight[name]
            assert len(self.running[name]) + len(flying) <= at.max_running
            assert len({each.facts for each in flying}) == len(flying), "two alike in flight"
            assert name == "a" or len(flying) <= 1, "this list tells nobody apart"
            posts = self.posts[name]
            for begin in posts:
                window = [post for post in posts if begin <= post < begin + at.window]
                assert len(window) <= at.max_creates, f"{name}: {window}"
            busy = {
                submit.likeness for v, submit in at.submitting.items() if v in live(at, self.now)
            }
            line = [
                each
                for each in self.waiting
                if name in each.deployments and at.likeness(each) not in busy
            ]
            assert not line or opens_at(at, self.now) > self.now, "a free deployment beside a line"


EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["arrive", "arrive", "take", "send", "free", "wait", "jump back"]),
        st.integers(0, 3),
        st.floats(0.0, 40.0),
    ),
    min_size=5,
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(EVENTS)
def test_any_interleaving_keeps_every_promise(events: list[tuple[str, int, float]]) -> None:
    """Arrivals, grants that are taken, are late or expire, renders that end, and clocks that are
    set back: after each of them the limits hold in every window, the order within a caller is
    kept, nobody starves, and no free slot stands beside a line."""
    world = World()
    for what, which, seconds in events:
        if what == "arrive":
            world.arrive(which)
        elif what == "take":
            world.take()
        elif what == "send":
            world.send()
        elif what == "free":
            world.free()
        else:
            world.now += seconds if what == "wait" else -seconds
        world.decide()
        world.check()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=30, max_size=120), st.integers(1, 30))
def test_a_caller_with_a_stuck_job_is_served_all_the_same(arrivals: list[int], stuck: int) -> None:
    """One caller's job holds a slot for ever, so that he never has the fewest running."""
    at = served(state(max_creates=10**6), video(0, "key:9"), 0.0)
    mine = video(stuck, "key:9")
    line = [mine, *(video(number + 100, f"key:{who}") for number, who in enumerate(arrivals))]
    for turn in range(len(line)):
        (grant,) = decide(line, [at], float(turn))
        who = next(each for each in line if each.video_id == grant.video_id)
        if who == mine:
            assert turn <= 5 * 5
            return
        line.remove(who)
        at = freed(served(at, who, float(turn)), who.video_id, float(turn))
    raise AssertionError("never served")


def test_a_thousand_in_line_are_decided_and_forecast_quickly() -> None:
    """Both are worked out by whoever frees a slot."""
    import time

    line = [video(number, f"key:{number % 20}") for number in range(1000)]
    began = time.process_time()
    decide(line, [state()], 0.0)
    assert len(list(forecast(line, [state()], 0.0))) == 1000
    assert time.process_time() - began < 5.0, "seconds of this process; 0.2 are usual"
