"""A model that retires while videos wait for it: who moves to its successor, with what money."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.domain.errors import ApprovalRequired, InvalidRequest, LimitReached
from shared.domain.ledger import Amounts, Entry, Kind
from shared.domain.request import Allowance, Input, Remix, VideoRequest
from shared.domain.video import CostState, Stage, Status, Video
from shared.domain.work import Attempt, Intent, Phase, Work, phase
from shared.lifecycle import line, money
from shared.lifecycle.background.sweep import sweep
from shared.lifecycle.requests.admit import BatchLine, admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.views import video_object
from shared.lifecycle.services import Services
from shared.lifecycle.steps import take_turn as take_turn_module
from shared.lifecycle.steps.finish_video import finish_video
from shared.lifecycle.steps.move import move_on
from shared.lifecycle.steps.take_turn import take_turn
from shared.settings.callers import Caller
from tests.support import heirs
from tests.support.clock import Clock
from tests.support.heirs import DEAR, HEIR
from tests.support.memory import all_in_memory

CALLER = "key:local"
OLD_PRICE, CHEAP_PRICE, DEAR_PRICE = 400_000, 200_000, 1_200_000
"""Micro-USD of four seconds."""
YES = Allowance(allowed=True)


@dataclass
class World:
    """An app on tables in memory, with `sora-2` and its successor."""

    services: Services
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.services = replace(self.services, clock=self.clock)

    def order(
        self, number: int = 0, *, batch: bool = False, most: int | None = None, **changes: Any
    ) -> str:
        """Admit a video of four seconds, and let it join the line."""
        shape = {"width": 720, "height": 1280, "seconds": 4, **changes}
        request = VideoRequest(model="sora-2", prompt=f"clip {number}", **shape)
        of = BatchLine("batch_1", OLD_PRICE) if batch else None
        admitted = admit(self.services, CALLER, request, line=of, most=most)
        self.look(admitted.video.id)
        return admitted.video.id

    def look(self, video_id: str, epoch: int = 1) -> str:
        outcome: str = take_turn(self.services, video_id, epoch, f"h{epoch}").result["outcome"]
        return outcome

    def video(self, video_id: str) -> Video:
        stored = self.services.videos.find(CALLER, video_id)
        assert stored is not None
        return stored.video

    def work(self, video_id: str) -> Work:
        work = self.services.work.get(video_id)
        assert work is not None
        return work

    def entries(self, video_id: str) -> list[Entry]:
        return money.entries_of(self.services, video_id)

    def booked(self, video_id: str) -> Amounts:
        return sum((each.change for each in self.entries(video_id)), Amounts())

    def end(self, video_id: str) -> Video:
        """Carry out the end that is decided."""
        assert finish_video(self.services, video_id, 1).result["outcome"] == "done"
        return self.video(video_id)


Make = Callable[..., World]


@pytest.fixture
def make(services_with: Callable[..., Services], upstreams: Callable[..., str]) -> Make:
    def made(successor: Any = None, settings: Any = None, **changes: Any) -> World:
        ups = heirs.upstreams(upstreams(), {} if successor is None else successor, **changes)
        return World(all_in_memory(services_with(UPSTREAMS=ups, **(settings or {}))))

    return made


def waiting(world: World, *, closed: bool = True, **changes: Any) -> str:
    """A video in the line of `sora-2`, which takes nobody just now."""
    if closed:
        heirs.change(world.services, lambda state: replace(state, paused_until=world.clock.now + 1))
    video_id = world.order(**changes)
    assert phase(world.work(video_id)) is Phase.WAITING
    return video_id


# --- who moves, and with what money


def test_a_waiting_video_moves_to_a_cheaper_successor_as_it_was_asked_for(make: Make) -> None:
    world = make()
    video_id = waiting(world)
    heirs.retire(world.services)
    assert world.look(video_id) == "again"  # it stands in no line now: it looks again at once
    assert world.look(video_id) == "granted"
    work, video = world.work(video_id), world.video(video_id)
    assert (work.model, work.asked_model, work.deployment) == (HEIR, "sora-2", "ltx")
    assert (video.request.model, video.request.renderer) == ("sora-2", HEIR)
    assert (video.request.size, video.request.seconds) == ("720x1280", 4)
    assert video.cost.estimated == CHEAP_PRICE
    assert world.booked(video_id) == Amounts(reserved=CHEAP_PRICE)
    shown = video_object(world.services, video)
    assert (shown.model, shown.rendered_by, shown.asked) == ("sora-2", HEIR, None)


def test_the_ledger_says_who_was_asked_for_and_who_renders(make: Make) -> None:
    world = make()
    video_id = waiting(world)
    heirs.retire(world.services)
    world.look(video_id)
    entries = {(each.attempt, each.kind): each for each in world.entries(video_id)}
    assert entries.keys() == {(1, Kind.RESERVE), (1, Kind.RELEASE), (2, Kind.RESERVE)}
    assert {each.model for each in entries.values()} == {"sora-2"}
    assert entries[2, Kind.RESERVE].rendered_by == HEIR
    assert entries[2, Kind.RESERVE].price_version == "ltx@1"
    assert entries[2, Kind.RESERVE].amount == CHEAP_PRICE


def test_a_dearer_successor_needs_an_allowance_and_without_one_the_video_fails_uncharged(
    make: Make,
) -> None:
    world = make(price=DEAR)
    video_id = waiting(world)
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"
    video = world.end(video_id)
    assert (video.status, video.cost.state) == (Status.FAILED, CostState.RELEASED)
    assert video.error is not None
    assert (video.error.code, video.error.charged) == ("no_deployment", False)
    for part in (
        "sora-2 was retired on 2026-09-21 (410)",
        "its successor ltx-2 costs $1.20, more than is reserved ($0.40)",
        "allow_successor",
    ):
        assert part in video.error.message
    assert world.booked(video_id) == Amounts()
    assert world.services.work.get(video_id) is None


def test_with_an_allowance_it_moves_and_more_is_reserved(make: Make) -> None:
    world = make(price=DEAR)
    video_id = waiting(world, allow_successor=YES)
    heirs.retire(world.services)
    assert [world.look(video_id), world.look(video_id)] == ["again", "granted"]
    assert world.booked(video_id) == Amounts(reserved=DEAR_PRICE)


@pytest.mark.parametrize(("most", "moves"), [(1_200_000, True), (1_199_999, False)])
def test_an_allowance_has_a_limit_of_price(make: Make, most: int, moves: bool) -> None:
    world = make(price=DEAR)
    video_id = waiting(world, allow_successor=Allowance(allowed=True, most=most))
    heirs.retire(world.services)
    assert world.look(video_id) == ("again" if moves else "decided")
    if not moves:
        error = world.end(video_id).error
        assert error is not None
        assert "more than allow_successor allows ($1.199999)" in error.message


@pytest.mark.parametrize(("most", "moves"), [(DEAR_PRICE, True), (DEAR_PRICE - 1, False)])
@pytest.mark.parametrize("allowed", [YES, Allowance(allowed=True, most=5_000_000)])
def test_what_a_request_may_cost_holds_for_the_successor_as_well(
    make: Make, allowed: Allowance, most: int, moves: bool
) -> None:
    world = make(price=DEAR)
    video_id = waiting(world, allow_successor=allowed, most=most)
    heirs.retire(world.services)
    assert world.look(video_id) == ("again" if moves else "decided")


@pytest.mark.parametrize(("most", "moves"), [(DEAR_PRICE, True), (DEAR_PRICE - 1, False)])
@pytest.mark.parametrize("entry", [True, {"max_usd": 5}])
def test_it_holds_also_where_its_callers_entry_allows_successors_only_afterwards(
    make: Make, entry: Any, most: int, moves: bool
) -> None:
    world = make(price=DEAR)
    video_id = waiting(world, most=most)
    local = Caller(key_sha256=[], allow_successor=entry)
    later = world.services.settings.model_copy(update={"callers": {"local": local}})
    world.services = replace(world.services, settings=later)
    heirs.retire(world.services)
    assert world.look(video_id) == ("again" if moves else "decided")


@pytest.mark.parametrize(("alone", "moves"), [(1.2, True), (1.0, False)])
def test_a_successor_that_a_person_would_have_to_approve_renders_nothing_by_itself(
    make: Make, alone: float, moves: bool
) -> None:
    local = {"local": {"key_sha256": [], "approval_above_usd": alone}}
    world = make(price=DEAR, settings={"CALLERS": json.dumps(local)})
    video_id = waiting(world, allow_successor=YES)
    heirs.retire(world.services)
    assert world.look(video_id) == ("again" if moves else "decided")
    if not moves:
        error = world.end(video_id).error
        assert error is not None
        assert "a person has to approve" in error.message


def test_who_approves_is_told_which_model_would_render(make: Make) -> None:
    """Also where the model retires, at the same price, after an approval was asked for."""
    local = {"local": {"key_sha256": [], "approval_above_usd": 0.1}}
    world = make(
        {"sizes": {"720x1280": "480x854"}}, price="0.10", settings={"CALLERS": json.dumps(local)}
    )

    def asks() -> dict[str, Any]:
        with pytest.raises(ApprovalRequired) as refused:
            admit(world.services, CALLER, request(allow_successor=YES), Repeatable(key="k"))
        assert refused.value.approval is not None
        stored = world.services.approvals.get(refused.value.approval.id)
        assert stored is not None
        return dict(stored.approval.asks)

    before = asks()
    assert (before["model"], before["rendered_by"]) == ("sora-2", "sora-2")
    assert before["size"] == "720x1280"
    heirs.retire(world.services)
    after = asks()
    assert (after["model"], after["rendered_by"]) == ("sora-2", HEIR)
    assert after["size"] == "480x854"


def test_a_limit_below_what_is_reserved_keeps_nobody_from_a_cheaper_successor(make: Make) -> None:
    world = make()
    video_id = waiting(world, allow_successor=Allowance(allowed=True, most=1))
    heirs.retire(world.services)
    assert world.look(video_id) == "again"


@pytest.mark.parametrize(
    ("entry", "moves"),
    [
        (None, False),
        (True, True),
        (False, False),
        ({"max_usd": 1.2}, True),
        ({"max_usd": 1}, False),
    ],
)
def test_the_entry_of_a_caller_speaks_for_requests_that_say_nothing(
    make: Make, entry: Any, moves: bool
) -> None:
    local = {"local": {"key_sha256": [], "allow_successor": entry}}
    world = make(price=DEAR, settings={"CALLERS": json.dumps(local)})
    video_id = waiting(world)
    heirs.retire(world.services)
    assert world.look(video_id) == ("again" if moves else "decided")


def test_who_forbids_successors_gets_none_even_a_cheaper_one(make: Make) -> None:
    world = make()
    video_id = waiting(world, allow_successor=Allowance(allowed=False))
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"
    error = world.end(video_id).error
    assert error is not None
    assert "forbids successors" in error.message


MAPS = {"sizes": {"720x1280": "480x854"}, "seconds": {"4": 5}}


def test_another_size_and_length_need_an_allowance_and_the_answer_says_what_was_asked_for(
    make: Make,
) -> None:
    world = make(MAPS)
    refused, allowed = waiting(world), waiting(world, number=1, allow_successor=YES)
    heirs.retire(world.services)
    assert world.look(refused) == "decided"
    error = world.end(refused).error
    assert error is not None
    assert "renders 480x854 instead of 720x1280; 5 s instead of 4 s" in error.message
    assert [world.look(allowed), world.look(allowed)] == ["again", "granted"]
    shown = video_object(world.services, world.video(allowed))
    assert (shown.size, shown.seconds) == ("480x854", "5")
    assert shown.asked is not None
    assert (shown.asked.size, shown.asked.seconds) == ("720x1280", "4")
    assert world.booked(allowed) == Amounts(reserved=250_000)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"seconds": 8}, "seconds 8 is not supported by ltx-2"),
        ({"width": 1280, "height": 720}, "size 1280x720 is not supported by ltx-2"),
    ],
)
def test_what_the_successor_cannot_render_fails_with_its_reason(
    make: Make, changes: Any, why: str
) -> None:
    world = make()
    video_id = waiting(world, allow_successor=YES, **changes)
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"
    error = world.end(video_id).error
    assert error is not None
    assert f"its successor ltx-2 cannot render it: {why}" in error.message
    assert world.booked(video_id) == Amounts()


def with_request(world: World, video_id: str, **changes: Any) -> None:
    """As if it had been admitted like this."""
    stored = world.services.videos.get(CALLER, video_id)
    assert stored is not None
    request = replace(stored.video.request, **changes)
    world.services.videos.replace(stored, replace(stored.video, request=request))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"remix": Remix(video_id="video_0", deployment="sora-2", job_id="job")},
            "has no job that a remix could start from",
        ),
        ({"parameters": {"seed": 7}}, "Unknown parameter: 'seed'"),
        (
            {"inputs": (Input(content_type="image/png", sha256="", frame_index=30),)},
            "takes an image as its first frame only",
        ),
    ],
)
def test_a_remix_a_parameter_and_a_placed_image_do_not_move(
    make: Make, changes: Any, why: str
) -> None:
    world = make(
        heir={
            "capabilities": {
                "sizes": ["720x1280"],
                "seconds": [4],
                "images": 1,
                "placed_inputs": False,
            }
        }
    )
    video_id = waiting(world, allow_successor=YES)
    with_request(world, video_id, **changes)
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"
    error = world.end(video_id).error
    assert error is not None
    assert why in error.message
    assert world.booked(video_id) == Amounts()


@pytest.mark.parametrize("same", [True, False])
def test_a_video_with_an_image_moves_only_at_its_size(make: Make, same: bool) -> None:
    world = make({} if same else {"sizes": {"720x1280": "480x854"}})
    video_id = waiting(world, allow_successor=YES)
    with_request(world, video_id, inputs=(Input(content_type="image/png", sha256=""),))
    heirs.retire(world.services)
    assert world.look(video_id) == ("again" if same else "decided")
    if not same:
        error = world.end(video_id).error
        assert error is not None
        assert "its images were made to fit 720x1280" in error.message


def test_a_line_of_a_batch_moves_only_within_what_the_batch_has_set_aside(make: Make) -> None:
    world = make(price=DEAR)
    video_id = waiting(world, batch=True, allow_successor=YES)
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"
    error = world.end(video_id).error
    assert error is not None
    assert "more than the budget of its batch has set aside" in error.message


# --- when


def test_without_a_successor_it_fails_uncharged_with_the_date(make: Make) -> None:
    world = make({}, old={"retires_at": "2026-10-15T00:00:00Z"})
    settings = world.services.settings
    plain = [each.model_copy(update={"successor": None}) for each in settings.upstreams]
    world.services = replace(
        world.services, settings=settings.model_copy(update={"upstreams": plain})
    )
    video_id = waiting(world)
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"
    video = world.end(video_id)
    assert video.error is not None
    assert "the model of sora-2 was retired on 2026-10-15" in video.error.message
    assert (video.cost.state, world.booked(video_id)) == (CostState.RELEASED, Amounts())


@pytest.mark.parametrize("how", ["from", "retires_at"])
def test_from_a_date_on_it_takes_over_although_the_model_still_answers(
    make: Make, how: str
) -> None:
    at = int(Clock().now) + 300
    text = datetime.fromtimestamp(at, UTC).isoformat()
    world = make({"from": text}) if how == "from" else make({}, old={"retires_at": text})
    video_id = waiting(world)
    assert world.look(video_id) == "waiting"
    world.clock.now = at
    assert [world.look(video_id), world.look(video_id)] == ["again", "granted"]
    assert world.work(video_id).deployment == "ltx"


def test_a_model_of_a_past_date_gives_no_turn_to_anybody(make: Make) -> None:
    """The sweep finds the deployment open, and calls the videos to move instead."""
    at = int(Clock().now) + 300
    world = make({"from": datetime.fromtimestamp(at, UTC).isoformat()})
    video_id = waiting(world)
    world.clock.now = at
    _, hints = line.call_next(world.services)
    assert [hint["event"] for hint in hints] == [world.work(video_id).hint]
    states = [each.state for each in line.deployments(world.services)]
    assert all(not state.running for state in states)


def test_410_moves_nobody_where_that_is_not_wanted(make: Make) -> None:
    world = make({"on_410": False})
    video_id = waiting(world)
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"


def test_an_outage_is_waited_for_and_a_long_one_moves_them(make: Make) -> None:
    world = make({"after_out_minutes": 30})
    minute = world.services.settings.durations.minute
    video_id = waiting(world)
    since = world.clock.now
    heirs.out(world.services, since)
    world.clock.now = since + 29 * minute
    assert world.look(video_id) == "waiting"
    world.clock.now = since + 30 * minute
    assert [world.look(video_id), world.look(video_id)] == ["again", "granted"]


def test_an_operators_pause_counts_from_its_beginning(make: Make) -> None:
    world = make({"after_out_minutes": 30})
    minute, began = world.services.settings.durations.minute, world.clock.now
    video_id = waiting(world)
    paused = {"paused": True, "paused_since": began}
    heirs.change(world.services, lambda state: replace(state, **paused))  # type: ignore[arg-type]
    world.clock.now = began + 29 * minute
    assert world.look(video_id) == "waiting"
    world.clock.now = began + 30 * minute
    assert world.look(video_id) == "again"


def test_whoever_may_not_move_waits_while_the_model_may_come_back(make: Make) -> None:
    world = make({"after_out_minutes": 30}, price=DEAR)
    video_id = waiting(world)
    heirs.out(world.services, world.clock.now - 3600, until=world.clock.now + 1)
    assert world.look(video_id) == "waiting"
    heirs.back(world.services)
    assert world.look(video_id) == "granted"
    assert world.work(video_id).deployment == "sora-2"


def test_the_try_that_is_due_stays_with_the_model(make: Make) -> None:
    """Otherwise nobody would ever find out that it is back."""
    world = make({"after_out_minutes": 30})
    heirs.out(world.services, world.clock.now - 3600, until=world.clock.now - 1)
    probe, other = world.order(1), world.order(2)
    assert world.work(probe).deployment == "sora-2"
    world.services.deployments._recent.clear()
    later = world.order(3)
    assert (world.work(later).model, world.work(other).model) == (HEIR, HEIR)


def test_a_video_whose_own_deployment_is_gone_moves_although_the_model_has_another(
    make: Make, upstreams: Callable[..., str]
) -> None:
    second = {**json.loads(upstreams())[0], "name": "second"}
    world = make(more=(second,))
    heirs.change(world.services, lambda state: replace(state, paused_until=9e9), "second")
    video_id = waiting(world)
    work = world.work(video_id)
    left = world.services.work.replace(replace(work, hint=None))
    world.services.work.replace(replace(left, deployments=("sora-2",)))
    heirs.retire(world.services)
    assert world.look(video_id) == "again"


def test_a_video_whose_other_deployment_was_taken_out_of_the_settings_moves_with_the_rest(
    make: Make,
) -> None:
    """Its model gives no turns any more, so nothing would ever come of waiting."""
    world = make()
    video_id = waiting(world)
    work = world.work(video_id)
    left = world.services.work.replace(replace(work, hint=None))
    world.services.work.replace(replace(left, deployments=("sora-2", "removed")))
    assert world.look(video_id) == "waiting"
    heirs.retire(world.services)
    assert world.look(video_id) == "again"
    assert world.work(video_id).model == HEIR


# --- who succeeds a successor


THIRD = {
    "name": "wan",
    "model": "wan-3",
    "prices": {"version": "wan@1", "usd_per_second": "0.01"},
    "capabilities": {"sizes": ["480x480"], "seconds": [2], "images": 0},
}


def chained(make: Make, upstreams: Callable[..., str]) -> World:
    base = {each["name"]: each for each in json.loads(upstreams())}["sora"]
    maps = {"sizes": {"480x854": "480x480"}, "seconds": {"5": 2}}
    return make(
        MAPS,
        heir={"successor": {"model": "wan-3", **maps}},
        more=({**base, **THIRD},),
    )


def test_a_successor_that_was_succeeded_itself_passes_on(
    make: Make, upstreams: Callable[..., str]
) -> None:
    world = chained(make, upstreams)
    video_id = waiting(world, allow_successor=YES)
    heirs.retire(world.services)
    heirs.retire(world.services, "ltx")
    assert [world.look(video_id), world.look(video_id)] == ["again", "granted"]
    request = world.video(video_id).request
    assert (request.renderer, request.size, request.seconds) == ("wan-3", "480x480", 2)
    assert request.asked is not None
    assert (request.asked.width, request.asked.seconds) == (720, 4)


def test_one_that_has_moved_moves_again(make: Make, upstreams: Callable[..., str]) -> None:
    world = chained(make, upstreams)
    heirs.change(world.services, lambda state: replace(state, paused_until=9e9), "ltx")
    video_id = waiting(world, allow_successor=YES)
    heirs.retire(world.services)
    assert [world.look(video_id), world.look(video_id)] == ["again", "waiting"]
    heirs.retire(world.services, "ltx")
    assert [world.look(video_id), world.look(video_id)] == ["again", "granted"]
    video = world.video(video_id)
    assert (video.request.model, video.request.renderer) == ("sora-2", "wan-3")
    assert video.request.asked is not None
    assert world.booked(video_id) == Amounts(reserved=20_000)
    assert {each.model for each in world.entries(video_id)} == {"sora-2"}


def test_a_successor_that_is_gone_as_well_is_no_successor(make: Make) -> None:
    world = make()
    video_id = waiting(world)
    heirs.retire(world.services)
    heirs.retire(world.services, "ltx")
    assert world.look(video_id) == "decided"
    error = world.end(video_id).error
    assert error is not None
    assert "its successor ltx-2 is gone as well" in error.message


# --- what is not moved


def test_what_was_sent_never_moves(make: Make) -> None:
    """Not even while it is not known whether a job came of it."""
    world = make()
    video_id = world.order()
    assert world.work(video_id).deployment == "sora-2"
    intent = Intent(at=world.clock.now, by="x")
    world.services.work.replace(
        replace(world.work(video_id), attempt=Attempt(deployment="sora-2", intent=intent), posts=1)
    )
    heirs.retire(world.services)
    assert world.look(video_id) == "granted"  # to submit_job, which looks for its job
    work = world.work(video_id)
    assert (work.model, work.move, work.intent) == ("sora-2", None, intent)


def test_a_model_that_is_gone_between_two_reads_is_succeeded_all_the_same(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first read shows a deployment that is throttled, the second one that is gone."""
    world = make()
    video_id = waiting(world)

    def first_read(*arguments: Any) -> Any:
        monkeypatch.setattr(take_turn_module, "move_on", move_on)
        outcome = move_on(*arguments)
        heirs.retire(world.services)
        return outcome

    monkeypatch.setattr(take_turn_module, "move_on", first_read)
    assert world.look(video_id) == "again"
    assert world.work(video_id).model == HEIR


def test_while_a_model_renders_itself_a_look_does_not_read_the_video(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make({"after_out_minutes": 5})
    video_id = waiting(world)

    def never(*_: Any) -> None:
        raise AssertionError("it costs a request for each look of a long line")

    monkeypatch.setattr(world.services.videos, "find", never)
    assert world.look(video_id) == "waiting"


# --- the budget


def test_a_budget_without_room_is_waited_for(make: Make) -> None:
    world = make(price=DEAR, settings={"BUDGET_USD_PER_DAY": "1.59"})
    first = waiting(world, allow_successor=YES)
    second = waiting(world, number=1, allow_successor=YES)
    heirs.retire(world.services)
    assert world.look(first) == "waiting"
    assert (world.work(first).move, world.work(first).hint) == (None, None)
    assert world.booked(first) == Amounts(reserved=OLD_PRICE)
    shown = video_object(world.services, world.video(first))
    assert shown.notice is not None
    assert "Its successor ltx-2 renders the videos" in shown.notice
    cancel_video(world.services, world.video(second))
    assert [world.look(first), world.look(first)] == ["again", "granted"]


def test_a_budget_that_never_has_room_ends_at_the_deadline_uncharged(make: Make) -> None:
    world = make(price=DEAR, settings={"BUDGET_USD_PER_DAY": "1"})
    video_id = waiting(world, allow_successor=YES)
    heirs.retire(world.services)
    assert world.look(video_id) == "waiting"
    world.clock.now = world.work(video_id).queue_deadline + 1
    assert world.look(video_id) == "decided"
    video = world.end(video_id)
    assert video.error is not None
    assert video.error.code == "queue_timeout"
    assert "as soon as the ceilings have room" in video.error.message
    assert world.booked(video_id) == Amounts()


def test_the_ceiling_of_one_video_is_never_waited_for(make: Make) -> None:
    world = make(price=DEAR, settings={"MAX_JOB_USD": "1"})
    video_id = waiting(world, allow_successor=YES)
    heirs.retire(world.services)
    assert world.look(video_id) == "decided"


def test_a_cheaper_move_passes_a_budget_that_is_exceeded_already(make: Make) -> None:
    world = make()
    video_id = waiting(world)
    settings = world.services.settings.model_copy(update={"budget_usd_per_day": 0.01})
    world.services = replace(world.services, settings=settings)
    heirs.retire(world.services)
    assert world.look(video_id) == "again"
    assert world.booked(video_id) == Amounts(reserved=CHEAP_PRICE)


# --- new requests


def request(**changes: Any) -> VideoRequest:
    shape = {"width": 720, "height": 1280, "seconds": 4, **changes}
    return VideoRequest(model="sora-2", prompt="new", **shape)


def test_a_new_request_is_admitted_under_the_successor(make: Make) -> None:
    world = make(price=DEAR)
    heirs.retire(world.services)
    video = admit(world.services, CALLER, request()).video
    assert (video.request.model, video.request.renderer) == ("sora-2", HEIR)
    assert video.cost.estimated == DEAR_PRICE
    assert [each.rendered_by for each in world.entries(video.id)] == [HEIR]
    assert world.look(video.id) == "granted"
    assert world.work(video.id).deployment == "ltx"


@pytest.mark.parametrize(
    ("successor", "changes", "said"),
    [
        (MAPS, {}, "renders 480x854 instead of 720x1280; 5 s instead of 4 s, which needs"),
        ({}, {"allow_successor": Allowance(allowed=False)}, "forbids successors"),
        ({}, {"allow_successor": Allowance(allowed=True, most=10)}, "allows ($0.00001)"),
        ({}, {"seconds": 8}, "seconds 8 is not supported by ltx-2"),
        ({}, {"remix": Remix(video_id="v", deployment="sora-2", job_id="j")}, "a remix could"),
    ],
)
def test_a_new_request_that_it_may_not_render_is_refused_with_the_reason(
    make: Make, successor: Any, changes: Any, said: str
) -> None:
    world = make(successor)
    heirs.retire(world.services)
    with pytest.raises(InvalidRequest, match="Nothing was charged") as refused:
        admit(world.services, CALLER, request(**changes))
    assert refused.value.code == "model_retired"
    assert said in refused.value.message
    assert world.services.work.all() == []


def test_during_an_outage_such_a_request_waits_for_the_model(make: Make) -> None:
    world = make({"after_out_minutes": 1, **MAPS})
    heirs.out(world.services, world.clock.now - 3600)
    video = admit(world.services, CALLER, request()).video
    assert video.request.renderer == "sora-2"
    assert world.look(video.id) == "waiting"


def test_a_repeat_goes_on_with_the_model_that_the_first_try_found(make: Make) -> None:
    """The first try died after the row of its work; then the model retired."""
    world = make()
    again = Repeatable(key="k")

    def dies(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    broken = replace(world.services)
    object.__setattr__(broken, "ledger", type("L", (), {"write": dies})())
    with pytest.raises(KeyboardInterrupt):
        admit(broken, CALLER, request(), again)
    heirs.retire(world.services)
    video = admit(world.services, CALLER, request(), again).video
    assert (video.request.renderer, video.cost.estimated) == ("sora-2", OLD_PRICE)
    assert world.work(video.id).model == "sora-2"
    assert world.look(video.id) == "again"  # and moves like any other
    assert world.booked(video.id) == Amounts(reserved=CHEAP_PRICE)


def test_the_same_request_is_the_same_before_and_after(make: Make) -> None:
    world = make(MAPS)
    again = Repeatable(key="k")
    first = admit(world.services, CALLER, request(allow_successor=YES), again).video
    heirs.retire(world.services)
    world.look(first.id)
    second = admit(world.services, CALLER, request(allow_successor=YES), again)
    assert (second.video.id, second.replayed) == (first.id, True)


def test_ceilings_hold_for_new_requests_at_the_successors_price(make: Make) -> None:
    world = make(price=DEAR, settings={"BUDGET_USD_PER_DAY": "1"})
    heirs.retire(world.services)
    with pytest.raises(LimitReached):
        admit(world.services, CALLER, request())
    assert world.services.work.all() == []


def test_what_callers_are_told_of_a_video_that_may_not_move_yet(make: Make) -> None:
    world = make({"after_out_minutes": 1}, price=DEAR)
    video_id = waiting(world)
    heirs.out(world.services, world.clock.now - 3600)
    assert world.look(video_id) == "waiting"
    world.services.deployments._recent.clear()
    notice = video_object(world.services, world.video(video_id)).notice
    assert notice is not None
    assert notice.startswith("sora-2 has been out since 2")
    assert world.video(video_id).stage is Stage.WAITING_FOR_QUOTA


# --- what operators see


@pytest.mark.parametrize(
    ("days", "told"), [(31.5, False), (30, True), (6, True), (-1, True), (-3, False)]
)
def test_the_sweep_says_what_retires_soon(
    make: Make, caplog: pytest.LogCaptureFixture, days: float, *, told: bool
) -> None:
    at = datetime.fromtimestamp(Clock().now + days * 86400, UTC)
    world = make({"from": at.isoformat()})
    sweep(world.services)
    said = [line for line in caplog.messages if line.startswith("event=model_retires ")]
    assert bool(said) is told
    if told:
        assert "model=sora-2 days_left=" in said[0]
        assert said[0].endswith(f"successor={HEIR}")


def test_while_a_model_is_out_the_sweep_calls_those_who_may_move(make: Make) -> None:
    world = make({"after_out_minutes": 30})
    video_id = waiting(world)
    assert line.call_to_move(world.services) == ()
    heirs.out(world.services, world.clock.now - 3600)
    (hint,) = line.call_to_move(world.services)
    assert hint["event"] == world.work(video_id).hint
