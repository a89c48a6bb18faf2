"""The lines of a batch while it runs: begin the next ones, admit them, and book those that ended.

A line is one video for ever: it is claimed under its batch and its `custom_id`. It begins when its
price is set aside, in one write with the batch (`shared.storage.batches`); then it is admitted. So
a worker that dies at any point leaves a line that the next one admits, or finds admitted.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from math import inf
from threading import Event

from shared.domain import batch as rules
from shared.domain.batch import Batch, Line, Outcome, Stop, Wrong
from shared.domain.errors import Conflict, InvalidRequest, LimitReached, Problem, Unavailable
from shared.domain.ids import created_ms
from shared.domain.ledger import Amounts
from shared.domain.limits import MIB
from shared.domain.video import Status
from shared.domain.work import Phase
from shared.durable.names import Hint
from shared.lifecycle import money
from shared.lifecycle.batches import check, source
from shared.lifecycle.batches.source import RawLine
from shared.lifecycle.batches.together import together
from shared.lifecycle.requests import claims
from shared.lifecycle.requests.admit import Admitted, BatchLine, Dearer, admit
from shared.lifecycle.requests.cancel import cancel_video
from shared.lifecycle.requests.claims import ADMISSION_UNDONE, Repeatable
from shared.lifecycle.requests.fields import NewVideo
from shared.lifecycle.services import Services
from shared.storage.batches import MOST_AT_ONCE, StoredBatch
from shared.storage.outputs import BlobGone

_SOON, _LATER = 10.0, 60.0
"""Seconds until the next look: while lines run, and while a ceiling holds the batch up."""
_IN_LINE = (Phase.ADMITTING, Phase.WAITING)
_UNSURE = 600.0
"""Seconds after which a claim without anything else is nobody's: the work is written next."""
_MOST_KEPT = 4 * MIB
"""Bytes of the lines that a turn begins; the rest is read again one by one."""
_NOTHING: Mapping[int, NewVideo] = {}
_MOST_READ = 5000
"""Unfinished videos that one look reads; lines behind them are looked at one by one."""


@dataclass
class Turn:
    """One look at a batch that runs: what it becomes, when to look again (in seconds), and what is
    to be started and woken until then."""

    stored: StoredBatch
    wait: float
    admitted: list[Admitted] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)

    @property
    def batch(self) -> Batch:
        return self.stored.batch


@dataclass(frozen=True)
class _Tried:
    """A line after an attempt to admit it."""

    line: Line
    admitted: Admitted | None = None
    held_up: Problem | None = None
    dearer: int | None = None


def begin(services: Services, stored: StoredBatch) -> Turn:
    return Turn(stored, services.settings.durations.of(_SOON))


def go_on(services: Services, turn: Turn) -> None:
    """Go on with a batch that runs. Raises RowChanged where somebody else has changed it, and
    BlobGone; what `turn` holds then still counts."""
    over = services.clock() >= turn.batch.expires_at
    if over and turn.batch.stop not in (Stop.CANCELLED, Stop.EXPIRED):
        _write(services, turn, replace(turn.batch, stop=Stop.EXPIRED))
    lines = services.batches.open_lines(turn.batch.id)
    held_up = [line for line in lines if line.video_id is None]
    _admit(services, turn, held_up[:MOST_AT_ONCE])
    admitted = [line for line in lines if line.video_id is not None]
    phases = _phases(services, admitted)
    _book_ended(services, turn, [line for line in admitted if line.video_id not in phases])
    if turn.batch.stop in (Stop.CANCELLED, Stop.EXPIRED):
        ids = [line.video_id for line in admitted if line.video_id]
        # also those that the look did not reach: others' videos may keep it from them for hours
        _call_back(services, turn, [each for each in ids if phases.get(each) in (None, *_IN_LINE)])
    elif held_up and turn.batch.notice is None:
        turn.wait = 0.0
    elif turn.batch.admits and not held_up:  # so never more than one transaction's worth waits
        _begin(services, turn)


def _write(services: Services, turn: Turn, batch: Batch, lines: Sequence[Line] = ()) -> None:
    """In one transaction: what the batch counts, and the lines that it counts."""
    turn.stored = services.batches.replace(turn.stored, batch, lines=lines)


# --- beginning and admitting


def _begin(services: Services, turn: Turn) -> None:
    """Begin as many lines as there is room for."""
    batch = turn.batch
    limits = check.deployments_of(services, batch.models)
    most = min(rules.room(batch, limits), MOST_AT_ONCE)
    if most <= 0:
        return
    begun: list[Line] = []
    known: dict[int, NewVideo] = {}
    kept = 0
    for each in source.lines_of(services, batch):
        if len(begun) >= most:
            break
        line, new = _priced(services, batch, each)
        after = rules.with_begun(batch, line)
        if after is None:
            if not batch.open:  # else what runs may cost less than was set aside
                batch = rules.stopped(batch, Stop.BUDGET)
            break
        batch = after if line.outcome is None else rules.with_ended(after, line, Amounts())
        kept += len(each.data or b"")
        if new is not None and kept <= _MOST_KEPT:
            known[line.number] = new
        begun.append(line)
    turn.stored = services.batches.replace(turn.stored, batch, lines=begun, begun_before=False)
    if len(begun) == MOST_AT_ONCE or any(line.outcome is not None for line in begun):
        turn.wait = 0.0
    _admit(services, turn, [line for line in begun if line.outcome is None], known)


def _priced(services: Services, batch: Batch, raw: RawLine) -> tuple[Line, NewVideo | None]:
    """A line to begin and what it asks for; with its end, and nothing else, where a setting has
    changed so that it cannot work any more."""
    line = Line(number=raw.number, custom_id="", planned=0, start=raw.start, end=raw.end)
    try:
        asked = source.read(raw)
        line = replace(line, custom_id=asked.custom_id)
        amount = check.prepared_of(services, batch, asked).amount
    except InvalidRequest as error:
        return _failed(line, source.wrong(error, raw.number)), None
    return replace(line, planned=amount), asked.new


def _admit(
    services: Services,
    turn: Turn,
    lines: Sequence[Line],
    known: Mapping[int, NewVideo] = _NOTHING,
) -> None:
    """Admit lines that have begun, or withdraw them where the batch was called off. `known` has
    what some of them ask for, by their numbers; the others are read again."""
    if not lines:
        return
    batch = turn.batch
    if batch.stop in (Stop.CANCELLED, Stop.EXPIRED):
        tried = [_called_off(services, batch, not_started(line, batch.stop)) for line in lines]
    else:
        held = Event()

        def attempt(line: Line) -> _Tried:
            if held.is_set():  # by a limit that holds for all
                return _Tried(line)
            one = _try(services, batch, line, known.get(line.number))
            if one.held_up is not None:
                held.set()
            return one

        tried = together(attempt, lines)
    turn.admitted += [each.admitted for each in tried if each.admitted is not None]
    held_up = next((each.held_up for each in tried if each.held_up is not None), None)
    changed: list[Line] = []
    for each in tried:
        line = each.line
        if each.dearer is not None:
            batch, line = _dearer(services, batch, line, each.dearer)
        elif line.outcome is not None:
            batch = rules.with_ended(batch, line, Amounts())
        if line != each.line or line.video_id or line.outcome:
            changed.append(line)
    _write(services, turn, replace(batch, notice=_notice(held_up)), changed)
    if held_up is not None:
        later = services.settings.durations.of(_LATER)
        turn.wait = later if held_up.retry_after is None else min(later, held_up.retry_after)


def _try(services: Services, batch: Batch, line: Line, new: NewVideo | None) -> _Tried:
    if services.settings.caller(batch.caller) is None:  # its budgets went with it
        return _Tried(line, held_up=_caller_gone(services))
    try:
        new = new or source.read(source.line_again(services, batch, line)).new
        admitted = admit(
            services,
            batch.caller,
            new.request,
            _repeatable(batch, line),
            new.sources,
            BatchLine(batch.id, line.planned),
        )
    except Dearer as error:
        return _Tried(line, dearer=error.amount)
    except BlobGone:
        return _called_off(services, batch, not_started(line, Stop.INPUT_GONE))
    except Problem as problem:
        if problem.retryable or (isinstance(problem, LimitReached) and problem.resets):
            return _Tried(line, held_up=problem)
        return _called_off(
            services, batch, _failed(line, Wrong(problem.code, problem.message, problem.param))
        )
    return _Tried(replace(line, video_id=admitted.video.id), admitted)


def _dearer(services: Services, batch: Batch, line: Line, amount: int) -> tuple[Batch, Line]:
    """A line whose price rose after it was set aside: the new one is, or the line is not started
    and the batch stops."""
    after = rules.replanned(batch, line, amount)
    if rules.fits(after, 0):
        return after, replace(line, planned=amount)
    ended = _called_off(services, batch, not_started(line, Stop.BUDGET)).line
    if ended.outcome is None:
        return batch, ended
    return rules.stopped(rules.with_ended(batch, ended, Amounts()), Stop.BUDGET), ended


def _called_off(services: Services, batch: Batch, ended: Line) -> _Tried:
    """A line that ends without a video: from now on nobody can admit it. Where somebody has, or is
    about to, it has not ended, and is followed."""
    claimed = claims.withdraw(services, batch.caller, _repeatable(batch, ended))
    if claimed:
        return _Tried(replace(ended, video_id=claimed, outcome=None, problem=None))
    return _Tried(ended)


def _repeatable(batch: Batch, line: Line) -> Repeatable:
    return Repeatable(route=f"batches/{batch.id}", key=line.custom_id, kept=inf)


def _failed(line: Line, problem: Wrong) -> Line:
    return replace(line, outcome=Outcome.FAILED, problem=replace(problem, line=line.number))


def not_started(line: Line, why: Stop) -> Line:
    """The line, ended for that reason."""
    return _failed(line, Wrong(why.value, rules.EXPLAINED[why]))


def _caller_gone(services: Services) -> Problem:
    return Unavailable(
        "The batch's caller is not in CALLERS any more, so nobody's budget pays for its lines.",
        retry_after=services.settings.durations.of(_LATER),
    )


def _notice(held_up: Problem | None) -> str | None:
    return None if held_up is None else f"{held_up.message} The batch goes on by itself."


# --- what becomes of them


@dataclass(frozen=True)
class _Seen:
    """A line whose video has ended, or may have, and what it cost."""

    line: Line
    cost: Amounts = field(default_factory=Amounts)


def _phases(services: Services, lines: Sequence[Line]) -> dict[str, Phase]:
    """The phases of the lines' videos that have not ended, as far as one look tells: it reads what
    is unfinished from the first of them to the last, and others' videos are among it."""
    ids = sorted(line.video_id for line in lines if line.video_id)
    if not ids:
        return {}
    found = services.work.between(ids[0], ids[-1], limit=_MOST_READ)
    return {
        video_id: found[video_id]
        for video_id in ids
        if video_id in found and found[video_id] is not Phase.WATCHING
    }


def _book_ended(services: Services, turn: Turn, lines: Sequence[Line]) -> None:
    """Book the lines whose videos have ended."""
    seen = together(lambda line: _look(services, turn.batch, line), lines)
    over = [each for each in seen if each.line.outcome is not None]
    for start in range(0, len(over), MOST_AT_ONCE):
        batch, part = turn.batch, over[start : start + MOST_AT_ONCE]
        for each in part:
            batch = rules.with_ended(batch, each.line, each.cost)
        _write(services, turn, batch, [each.line for each in part])
    undone = [each.line for each in seen if each.line.video_id is None]
    if undone:  # nobody got an answer for them: they are admitted again
        _write(services, turn, turn.batch, undone[:MOST_AT_ONCE])
        turn.wait = 0.0


def _look(services: Services, batch: Batch, line: Line) -> _Seen:
    assert line.video_id is not None, "it was admitted"
    stored = services.videos.get(batch.caller, line.video_id)
    if stored is None:
        return _look_without_video(services, batch, line, line.video_id)
    if not stored.video.terminal:
        return _Seen(line)
    cost, _ = _booked(services, line.video_id)
    if cost.reserved:
        return _Seen(line)  # its money is still being booked
    completed = stored.video.status is Status.COMPLETED
    return _Seen(replace(line, outcome=Outcome.COMPLETED if completed else Outcome.FAILED), cost)


def _look_without_video(services: Services, batch: Batch, line: Line, video_id: str) -> _Seen:
    """A line whose video was deleted, or never came to be."""
    forget = claims.to_forget(services, batch.caller, _repeatable(batch, line), video_id)
    cost, bases = _booked(services, video_id)
    if services.work.get(video_id) is not None or cost.reserved:
        return _Seen(line)
    if not bases:  # nothing but a claim: of a worker that is about to admit it, or that died
        if services.clock() - created_ms(video_id) / 1000 < services.settings.durations.of(_UNSURE):
            return _Seen(line)
        forget()
    if not bases or ADMISSION_UNDONE in bases:
        return _Seen(replace(line, video_id=None))
    gone = Wrong("video_deleted", "The video was deleted before the batch ended.")
    return _Seen(_failed(line, gone), cost)


def _booked(services: Services, video_id: str) -> tuple[Amounts, frozenset[str]]:
    """What a video has cost so far, and the bases of its entries."""
    entries = money.entries_of(services, video_id)
    return (
        sum((entry.change for entry in entries), Amounts()),
        frozenset(entry.basis for entry in entries),
    )


def _call_back(services: Services, turn: Turn, waiting: Iterable[str]) -> None:
    """Cancel what waits in line, at no cost. What renders is paid for, so it is collected; whether
    it does is decided by its work as it is then."""
    for video_id in waiting:
        stored = services.videos.get(turn.batch.caller, video_id)
        if stored is not None and not stored.video.terminal:
            with suppress(Conflict):  # it has been sent, or has ended
                turn.hints += cancel_video(services, stored.video, unsent=True).hints
