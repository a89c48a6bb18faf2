"""What becomes of a batch's lines, and of its money."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.domain.batch import Status, Stop
from shared.domain.errors import Conflict, InvalidRequest, LimitReached, RateLimited, TooDear
from shared.domain.ledger import Kind
from shared.domain.video import Status as VideoStatus
from shared.domain.work import Attempt, Intent, Phase
from shared.lifecycle import money
from shared.lifecycle.batches import check, lines
from shared.lifecycle.requests import admit as admit_module
from shared.lifecycle.requests import batches, files
from shared.lifecycle.requests.batches import Again
from shared.lifecycle.requests.claims import ADMISSION_UNDONE, Repeatable
from shared.lifecycle.requests.prepare import Prepared, prepare
from shared.lifecycle.services import Services
from shared.storage.work import WorkTable
from tests.shared.lifecycle.batches.conftest import CALLER, PRICE, World, jsonl, line
from tests.support.dying import StopsAt
from tests.support.memory import all_in_memory


def film(count: int) -> bytes:
    return jsonl(*(line(number) for number in range(1, count + 1)))


def admitted_but(error: Exception) -> Callable[..., None]:
    """An admission that goes through, and of which its worker hears this."""

    def admit(*asked: Any) -> None:
        admit_module.admit(*asked)
        raise error

    return admit


def all_but_the_first(error: Exception) -> Callable[..., Any]:
    """An admission that refuses the first clip."""

    def admit(services: Services, caller: str, request: Any, *asked: Any) -> Any:
        if request.prompt == "clip 1":
            raise error
        return admit_module.admit(services, caller, request, *asked)

    return admit


def test_a_budget_admits_not_a_micro_dollar_more(world: World) -> None:
    for budget, begun in ((3 * PRICE, 3), (3 * PRICE - 1, 2), (PRICE - 1, 0), (9 * PRICE, 5)):
        other = World(all_in_memory(world.services))
        other.create(film(5), budget=budget)
        batch = other.finish()
        assert (batch.completed, batch.committed) == (begun, begun * PRICE)
        assert other.booked() == begun * PRICE <= budget
        assert (batch.stop is Stop.BUDGET) == (begun < 5)
        if begun < 5:
            left = other.lines(batch.error_file_id)
            assert [each["error"]["code"] for each in left] == ["stopped_by_budget"] * (5 - begun)


def test_what_fails_at_no_cost_makes_room_in_the_budget(world: World) -> None:
    world.create(film(3), budget=2 * PRICE, max_running=1)
    world.turn()
    world.end(world.running()[0], settled=None)
    world.turn()
    batch = world.finish()
    assert (batch.completed, batch.failed, batch.stop) == (2, 1, None)
    assert batch.committed == world.booked() == 2 * PRICE


def test_a_bill_above_the_reservation_is_booked_shown_and_stops_the_batch(world: World) -> None:
    world.create(film(3), budget=3 * PRICE, max_running=1)
    world.turn()
    world.end(world.running()[0], settled=4 * PRICE)
    batch = world.finish()
    assert (batch.completed, batch.not_started, batch.stop) == (1, 2, Stop.BUDGET)
    assert batch.committed == world.booked() == 4 * PRICE


def test_the_turn_of_a_month_neither_repeats_nor_forgets(world: World) -> None:
    world.now = 1_798_761_590.0  # ten seconds before 2027
    world.create(film(6), budget=4 * PRICE, max_running=2)
    world.turn()
    assert len(world.running()) == 2
    world.now += 30
    world.end_all()
    batch = world.finish()
    assert (batch.completed, batch.committed, world.booked()) == (4, 4 * PRICE, 4 * PRICE)
    months = [len(world.services.ledger.entries(month)) for month in ("2026-12", "2027-01")]
    assert months == [4, 4], "a reservation and a settlement of two videos each"


def test_only_so_many_lines_run_at_once(world: World) -> None:
    world.create(film(9), max_running=3)
    for begun in (3, 6, 9):
        world.turn()
        assert len(world.running()) == 3
        assert world.batch.begun == begun
        world.end_all()
        world.now += 60


def test_a_pause_begins_nothing_and_a_resume_goes_on(world: World) -> None:
    world.create(film(4), max_running=1)
    world.turn()
    batches.pause(world.services, world.batch, paused=True)
    world.end_all()
    world.turn()
    assert (world.batch.completed, len(world.running())) == (1, 0)
    batches.pause(world.services, world.batch, paused=False)
    assert world.finish().completed == 4


def test_a_cancel_releases_what_waits_and_collects_nothing_else(world: World) -> None:
    world.create(film(4), max_running=2)
    world.turn()
    batches.cancel(world.services, world.batch)
    with pytest.raises(Conflict):
        batches.pause(world.services, world.batch, paused=True)
    batch = world.finish(renders=False)
    assert (batch.status, batch.completed, batch.failed) == (Status.CANCELLED, 0, 2)
    assert batch.committed == world.booked() == 0
    codes = [each["error"]["code"] for each in world.lines(batch.error_file_id)]
    assert codes == ["cancelled", "cancelled", "batch_cancelled", "batch_cancelled"]
    assert batches.cancel(world.services, batch).status is Status.CANCELLED


def test_a_cancel_gives_up_no_video_whose_submission_has_begun(world: World) -> None:
    """Although its row still says that it waits in line."""
    world.create(film(2), max_running=2)
    world.turn()
    sent, waits = world.running()
    work = world.services.work.get(sent.id)
    assert work is not None
    attempt = Attempt(deployment="sora-2", intent=Intent(at=world.now, by="its worker"))
    for become in ({"admitted": True}, {"attempt": attempt, "posts": 1}):
        work = world.services.work.replace(replace(work, **become))
    assert sent.stage == waits.stage
    batches.cancel(world.services, world.batch)
    world.turn()
    (left,) = world.running()
    assert (left.id, left.terminal) == (sent.id, False)
    world.end(left)
    batch = world.finish()
    assert (batch.status, batch.completed, batch.failed) == (Status.CANCELLED, 1, 1)


def test_a_cancel_reaches_what_waits_behind_the_videos_that_one_look_reads(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(3), max_running=3)
    world.turn()
    first, *_ = sorted(world.running(), key=lambda video: video.id)
    work = world.services.work.get(first.id)
    assert work is not None
    attempt = Attempt(deployment="sora-2", intent=Intent(at=world.now, by="its worker"))
    for become in ({"admitted": True}, {"attempt": attempt, "posts": 1}):
        work = world.services.work.replace(replace(work, **become))
    monkeypatch.setattr(lines, "_MOST_READ", 1)
    batches.cancel(world.services, world.batch)
    world.turn()
    assert [video.id for video in world.running()] == [first.id]
    world.end(first)
    batch = world.finish()
    assert (batch.status, batch.completed, batch.failed) == (Status.CANCELLED, 1, 2)
    assert batch.committed == world.booked() == PRICE


def test_a_window_that_is_over_ends_the_batch(world: World) -> None:
    world.create(film(4), max_running=1, completion_window="1h")
    world.turn()
    world.now += 3601
    batch = world.finish()
    assert batch.status is Status.EXPIRED
    assert batch.begun == 1
    codes = {each["error"]["code"] for each in world.lines(batch.error_file_id)}
    assert codes == {"cancelled", "batch_expired"}


def test_a_callers_limit_holds_the_batch_up_and_never_fails_a_line(
    services_with: Callable[..., Services],
) -> None:
    callers = (
        '{"local": {"key_sha256": ["' + "0" * 64 + '"], "budget_usd_per_month": 0.8,'
        ' "max_unfinished": 4}}'
    )
    world = World(all_in_memory(services_with(CALLERS=callers)))
    world.create(film(4))
    world.turn()
    assert len(world.running()) == 2, "the month's budget reaches for two"
    assert "It resets at" in (world.batch.notice or "")
    world.now += 31 * 86400 - 23 * 3600
    batch = replace(world.batch, expires_at=world.now + 86400)
    stored = world.services.batches.get(batch.id)
    assert stored is not None
    world.services.batches.replace(stored, batch)
    world.end_all()
    assert world.finish().completed == 4


def test_a_batch_leaves_room_for_other_requests_of_its_caller(
    services_with: Callable[..., Services],
) -> None:
    callers = '{"local": {"key_sha256": ["' + "0" * 64 + '"], "max_unfinished": 4}}'
    world = World(all_in_memory(services_with(CALLERS=callers)))
    world.create(film(9))
    world.turn()
    assert len(world.running()) == 3, "three quarters of four"
    assert world.finish().completed == 9


def test_a_batch_whose_caller_was_removed_spends_nothing_until_they_are_back(
    services_with: Callable[..., Services],
) -> None:
    """No budget of theirs is left to count against."""
    entry = {"key_sha256": ["0" * 64]}
    known = services_with(CALLERS=json.dumps({"local": entry})).settings
    others = services_with(CALLERS=json.dumps({"another": entry}))
    world = World(all_in_memory(others))
    world.services = replace(world.services, settings=known)
    world.create(film(4), max_running=1)
    world.turn()
    world.services = replace(world.services, settings=others.settings)
    for _ in range(3):
        world.end_all()
        world.now += 60
        assert world.turn().result["wait"] > 0
    assert (world.batch.completed, len(world.videos()), world.booked()) == (1, 1, PRICE)
    assert "not in CALLERS" in (world.batch.notice or "")
    world.services = replace(world.services, settings=known)
    batch = world.finish()
    assert (batch.completed, batch.notice, world.booked()) == (4, None, 4 * PRICE)


def test_a_batch_of_a_removed_caller_ends_with_its_window(
    services_with: Callable[..., Services],
) -> None:
    world = World(all_in_memory(services_with()))
    world.create(film(2), max_running=1, completion_window="1h")
    others = services_with(CALLERS=json.dumps({"another": {"key_sha256": ["0" * 64]}}))
    world.services = replace(world.services, settings=others.settings)
    world.turn()
    world.now += 3600
    batch = world.finish()
    assert (batch.status, batch.failed, world.booked()) == (Status.EXPIRED, 1, 0)


def test_a_deleted_input_file_ends_the_batch_after_what_runs(world: World) -> None:
    created = world.create(film(4), max_running=2)
    world.turn()
    file = files.find(world.services, CALLER, created.input_file_id)
    assert file is not None
    files.remove(world.services, file)
    batch = world.finish()
    assert (batch.status, batch.stop) == (Status.COMPLETED, Stop.INPUT_GONE)
    assert (batch.completed, batch.not_started) == (2, 2)


def test_a_retry_is_of_what_has_no_video(world: World) -> None:
    world.create(film(5), max_running=1, budget=3 * PRICE)
    world.turn()
    world.end(world.running()[0], settled=None)
    first = world.finish()
    assert (first.completed, first.failed, first.not_started) == (3, 1, 1)
    repeatable = Repeatable(f"retry/{first.id}", "again")
    created = batches.retry(world.services, first, Again(), repeatable)
    assert batches.retry(world.services, first, Again(), repeatable).batch.id == created.batch.id
    world.take(created)
    second = world.finish()
    answers = world.lines(second.output_file_id)
    assert [each["custom_id"] for each in answers] == ["clip-1", "clip-5"]
    with pytest.raises(Conflict):
        batches.retry(world.services, second, Again(), Repeatable("retry/x", "again"))


def test_a_retry_leaves_out_what_has_completed_since(world: World) -> None:
    world.create(film(3))
    world.turn()
    given_up, failed, _ = world.running()
    world.end(given_up, settled=None)
    world.end(failed, settled=None)
    first = world.finish()
    assert (first.completed, first.failed) == (1, 2)
    stored = world.services.videos.get(CALLER, given_up.id)
    assert stored is not None
    rescued = replace(stored.video, status=VideoStatus.COMPLETED, rescued=True)
    world.services.videos.replace(stored, rescued)
    world.take(batches.retry(world.services, first, Again(), Repeatable("retry/x", "again")))
    second = world.finish()
    lines = [each["body"]["prompt"] for each in world.lines(second.input_file_id)]
    assert lines == [failed.request.prompt]


def test_a_deleted_video_is_told_and_its_money_stays(world: World) -> None:
    world.create(film(2), max_running=2)
    world.turn()
    gone, stays = world.running()
    world.end(gone)
    world.end(stays)
    world.services.videos.delete(CALLER, gone.id)
    batch = world.finish()
    assert (batch.completed, batch.failed, batch.committed) == (1, 1, 2 * PRICE)
    (told,) = world.lines(batch.error_file_id)
    assert told["error"]["code"] == "video_deleted"


def test_its_lines_stand_behind_their_callers_other_videos_and_are_told_apart(
    world: World,
) -> None:
    world.create(film(2), max_running=2)
    world.turn()
    works = {work.video_id: work for work in world.works()}
    assert {work.batch for work in works.values()} == {world.batch_id}
    entries = world.services.ledger.entries("2027-01")
    assert {entry.batch for entry in entries} == {world.batch_id}


def dearer_by_half(monkeypatch: pytest.MonkeyPatch) -> None:
    """A price that rises after the batch has set it aside."""

    def prepared(*asked: Any, **options: Any) -> Prepared:
        found = prepare(*asked, **options)
        return replace(found, amount=PRICE * 3 // 2)

    monkeypatch.setattr(admit_module, "prepare", prepared)


def test_a_price_that_rises_is_set_aside_before_the_line_is_admitted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(1), budget=PRICE * 2)
    dearer_by_half(monkeypatch)
    world.turn()
    world.turn()
    assert len(world.running()) == 1
    assert world.batch.reserved == world.booked() == PRICE * 3 // 2
    assert world.finish().completed == 1


def test_a_price_that_rises_beyond_the_budget_starts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(2), budget=PRICE)
    dearer_by_half(monkeypatch)
    batch = world.finish()
    assert (batch.completed, batch.stop, world.videos()) == (0, Stop.BUDGET, [])
    assert batch.committed == world.booked() == 0


def test_a_line_that_was_called_off_is_admitted_by_nobody_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(1))

    def refused(*_: object) -> None:
        raise RateLimited("not now")

    with monkeypatch.context() as patched:
        patched.setattr(lines, "admit", refused)
        world.turn()
    old = world.batch
    (held_up,) = world.services.batches.open_lines(old.id)
    assert held_up.video_id is None
    batches.cancel(world.services, old)
    assert world.finish().status is Status.CANCELLED
    zombie = lines._try(world.services, old, held_up, None)
    assert (zombie.admitted, world.videos(), world.booked()) == (None, [], 0)


def test_a_line_that_is_being_admitted_while_it_is_called_off_is_followed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(1))

    with monkeypatch.context() as patched:
        patched.setattr(lines, "admit", admitted_but(RateLimited("the answer was lost")))
        world.turn()
    batches.cancel(world.services, world.batch)
    batch = world.finish(renders=False)
    (video,) = world.videos()
    assert (batch.status, video.status) == (Status.CANCELLED, VideoStatus.CANCELLED)
    assert batch.committed == world.booked() == 0


def test_a_line_whose_admission_was_undone_is_admitted_again(world: World) -> None:
    world.create(film(1))
    world.turn()
    services, (video,) = world.services, world.running()
    work = services.work.get(video.id)
    assert work is not None
    assert work.claim is not None
    services.ledger.write(money.entry(services, work, Kind.RELEASE, 0, ADMISSION_UNDONE))
    services.idempotency.to_forget(CALLER, work.claim, video.id)()
    services.videos.delete(CALLER, video.id)
    services.work.delete(work)
    batch = world.finish()
    (other,) = world.videos()
    assert other.id != video.id
    assert (batch.completed, batch.committed, world.booked()) == (1, PRICE, PRICE)


def test_a_line_that_has_ended_unknown_is_over_though_its_job_is_still_looked_for(
    world: World,
) -> None:
    world.create(film(2), budget=PRICE, max_running=1)
    world.turn()
    services, (video,) = world.services, world.running()
    work, stored = services.work.get(video.id), services.videos.get(CALLER, video.id)
    assert work is not None
    assert stored is not None
    services.ledger.write(money.entry(services, work, Kind.UNKNOWN, PRICE, "lost"))
    services.videos.replace(stored, replace(stored.video, status=VideoStatus.FAILED, stage=None))
    table = services.work._table
    row = table.get("open", video.id)
    assert row is not None
    table.replace(row, {**row.values, "stage": Phase.WATCHING.value})
    world.now += 60
    world.turn()
    batch = world.batch
    assert (batch.failed, batch.unknown, batch.stop) == (1, PRICE, Stop.BUDGET)


def test_a_line_is_not_over_before_its_money_is_booked(world: World) -> None:
    world.create(film(1))
    world.turn()
    services, (video,) = world.services, world.running()
    work, stored = services.work.get(video.id), services.videos.get(CALLER, video.id)
    assert work is not None
    assert stored is not None
    services.videos.replace(stored, replace(stored.video, status=VideoStatus.COMPLETED, stage=None))
    services.work.delete(work)
    world.now += 60
    world.turn()
    assert (world.batch.completed, world.batch.reserved) == (0, PRICE)
    services.ledger.write(money.entry(services, work, Kind.SETTLE, PRICE, "late"))
    assert world.finish().settled == PRICE


def test_a_line_that_one_worker_cannot_admit_and_another_can_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where an image's host answers one of them."""
    world.create(film(1))

    here = InvalidRequest("input_reference: the image's host answered 500, not 200.")
    with monkeypatch.context() as patched:
        patched.setattr(lines, "admit", admitted_but(here))
        world.turn()
    batch = world.finish()
    assert (batch.completed, batch.failed, batch.committed) == (1, 0, PRICE)


def test_a_line_that_cannot_be_admitted_fails_and_costs_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(2), budget=PRICE)

    gone = InvalidRequest("input_reference: the image's host answered 404, not 200.")
    monkeypatch.setattr(lines, "admit", all_but_the_first(gone))
    batch = world.finish()
    assert (batch.completed, batch.failed, batch.committed) == (1, 1, PRICE)
    (told,) = world.lines(batch.error_file_id)
    assert (told["custom_id"], told["error"]["line"]) == ("clip-1", 1)
    assert "answered 404" in told["error"]["message"]


def test_a_claim_that_its_worker_left_alone_does_not_keep_a_batch_alive(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that died between the claim and the work: the line is called off in the end."""
    world.create(film(1))

    def dies(*_: object) -> None:
        raise StopsAt

    with monkeypatch.context() as patched:
        patched.setattr(WorkTable, "insert", dies)
        with pytest.raises(StopsAt):
            world.turn()
    batches.cancel(world.services, world.batch)
    batch = world.finish()
    assert (batch.status, batch.committed, world.videos()) == (Status.CANCELLED, 0, [])


@pytest.mark.parametrize("stop", [None, Stop.BUDGET, Stop.INPUT_GONE])
def test_the_window_ends_whatever_else_stopped_the_batch(
    world: World, monkeypatch: pytest.MonkeyPatch, stop: Stop | None
) -> None:
    world.create(film(2))

    def refused(*_: object) -> None:
        raise LimitReached("It resets next year.")

    monkeypatch.setattr(lines, "admit", refused)
    world.turn()
    stored = world.services.batches.get(world.batch_id)
    assert stored is not None
    world.services.batches.replace(stored, replace(stored.batch, stop=stop))
    world.now += 86400
    batch = world.finish()
    assert (batch.status, batch.failed) == (Status.EXPIRED, 2)


def test_a_line_that_is_too_dear_for_ever_fails_and_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`MAX_JOB_USD` was lowered after the line had begun: no time makes room."""
    world.create(film(2))

    too_dear = TooDear("One video may cost at most $0.10 here (MAX_JOB_USD).")
    monkeypatch.setattr(lines, "admit", all_but_the_first(too_dear))
    batch = world.finish()
    assert (batch.completed, batch.failed, batch.notice) == (1, 1, None)


def test_a_line_that_a_person_would_have_to_approve_spends_nothing(
    services_with: Callable[..., Services],
) -> None:
    """Neither in the check nor, where the setting came later, while the batch runs."""
    asking = {"local": {"key_sha256": ["0" * 64], "approval_above_usd": 0.5}}
    before, asks = services_with(), services_with(CALLERS=json.dumps(asking))
    world = World(all_in_memory(asks))
    world.create(film(1) + jsonl(line(2, seconds="8")))
    checked = world.finish()
    (wrong,) = checked.wrong
    assert (checked.status, wrong.line, wrong.code) == (Status.FAILED, 2, "approval_required")
    assert world.videos() == []

    world = World(all_in_memory(before))
    world.create(film(1) + jsonl(line(2, seconds="8")), max_running=1)
    world.turn()
    world.services = replace(world.services, settings=asks.settings)
    batch = world.finish()
    assert (batch.completed, batch.failed) == (1, 1)
    (told,) = world.lines(batch.error_file_id)
    assert (told["custom_id"], told["error"]["code"]) == ("clip-2", "approval_required")
    assert list(world.services.approvals._table.rows) == []  # type: ignore[attr-defined]


def test_a_cancel_counts_also_after_the_input_file_is_gone(world: World) -> None:
    created = world.create(film(4), max_running=2)
    world.turn()
    file = files.find(world.services, CALLER, created.input_file_id)
    assert file is not None
    files.remove(world.services, file)
    world.end(world.running()[0])
    world.turn()
    assert world.batch.stop is Stop.INPUT_GONE
    batches.cancel(world.services, world.batch)
    batch = world.finish(renders=False)
    assert (batch.status, batch.completed, batch.failed) == (Status.CANCELLED, 1, 1)


def test_a_video_that_was_deleted_is_no_result_though_it_was_completed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(1))
    world.turn()
    (video,) = world.running()
    world.end(video)
    world.now += 60
    world.advance()
    assert world.batch.completed == 1
    world.services.videos.delete(CALLER, video.id)
    batch = world.finish()
    assert batch.output_file_id is None
    (told,) = world.lines(batch.error_file_id)
    assert (told["response"], told["error"]["code"], told["error"]["line"]) == (
        None,
        "video_deleted",
        1,
    )


def test_a_line_that_a_changed_setting_refuses_keeps_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.create(film(1))
    world.advance()

    def refused(*_: object, **__: object) -> None:
        raise InvalidRequest("model 'sora-2' is not offered here.", param="model")

    monkeypatch.setattr(check, "prepare", refused)
    batch = world.finish()
    (told,) = world.lines(batch.error_file_id)
    assert (told["custom_id"], told["error"]["param"]) == ("clip-1", "body.model")
    assert batch.committed == 0


def test_a_repeat_of_a_create_is_the_first_batch_though_its_file_is_gone(world: World) -> None:
    created = world.create(film(1))
    file = files.find(world.services, CALLER, created.input_file_id)
    assert file is not None
    files.remove(world.services, file)
    again = world.order(created.input_file_id)
    assert (again.batch.id, again.replayed) == (created.id, True)
    with pytest.raises(InvalidRequest):
        batches.create(
            world.services,
            CALLER,
            batches.NewBatch(input_file_id=created.input_file_id),
            Repeatable("batches", "another key"),
        )


def test_patience_with_its_worker_ends_with_progress(world: World) -> None:
    world.create(film(2), max_running=1)
    world.restart()
    assert world.batch.restarts == 1
    world.turn()
    assert world.batch.restarts == 0


def test_a_check_that_outlives_the_window_ends_the_batch(world: World) -> None:
    world.create(film(1), completion_window="1h")
    world.now += 3600
    world.turn()
    assert (world.batch.status, world.batch.begun) == (Status.EXPIRED, 0)
