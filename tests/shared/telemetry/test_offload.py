"""Work off the event loop: what it logs is logged by the coroutine that awaits it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from shared.telemetry.events import Event, emit
from shared.telemetry.loglines import Lines, _Router, keeping
from shared.telemetry.offload import in_background, in_context, in_thread


class Seen(logging.Handler):
    """What a worker's handler on the root logger gets, and in which task: that tells it the
    invocation."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[str, str | None]] = []

    def emit(self, record: logging.LogRecord) -> None:
        try:
            task = asyncio.current_task()
        except RuntimeError:  # a thread without an event loop
            task = None
        self.lines.append((self.format(record), None if task is None else task.get_name()))

    @property
    def texts(self) -> list[str]:
        return [text for text, _ in self.lines]


@pytest.fixture
def seen() -> Iterator[Seen]:
    handler, root = Seen(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)


def say(text: str) -> None:
    emit(Event.PURGE_FAILED, video_id="video_1", message=text)


def line(text: str) -> str:
    return f"event=purge_failed video_id=video_1 message={text}"


async def invocation(work: object, name: str = "invocation", patience: float = 10) -> None:
    async def function() -> None:
        await in_thread(work, patience=patience)  # type: ignore[arg-type]

    await asyncio.create_task(function(), name=name)


def test_lines_of_the_thread_are_written_by_the_function_in_their_order(seen: Seen) -> None:
    def work() -> None:
        say("one")
        logging.getLogger("azure.storage.blob").warning("said %s", "by a library")
        say("two")
        assert seen.lines == []

    asyncio.run(invocation(work))
    wanted = [line("one"), "said by a library", line("two")]
    assert seen.lines == [(text, "invocation") for text in wanted]


def test_lines_before_a_failure_are_written_too(seen: Seen) -> None:
    def work() -> None:
        say("before")
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(invocation(work))
    assert seen.lines == [(line("before"), "invocation")]


def test_a_traceback_is_kept(seen: Seen) -> None:
    seen.setFormatter(logging.Formatter("%(message)s"))

    def work() -> None:
        try:
            raise ValueError("broken")
        except ValueError as error:
            emit(Event.REQUEST_FAILED, error=error, request_id="req_1")

    asyncio.run(invocation(work))
    ((text, _),) = seen.lines
    assert "Traceback" in text
    assert "ValueError: broken" in text


def test_threads_of_the_work_are_part_of_it(seen: Seen) -> None:
    def work() -> None:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(in_context(say), ["a", "b", "c", "d"]))
        assert seen.lines == []

    asyncio.run(invocation(work))
    assert sorted(seen.lines) == [(line(each), "invocation") for each in "abcd"]


def test_what_goes_on_in_the_background_is_waited_for(seen: Seen) -> None:
    def work() -> None:
        done: Future[None] = Future()

        def later() -> None:
            say("later")
            done.set_result(None)

        in_background(done)
        threading.Timer(0.05, in_context(later)).start()

    asyncio.run(invocation(work))
    assert seen.lines == [(line("later"), "invocation")]


def test_a_line_that_comes_after_its_invocation_is_written_by_the_next_one(seen: Seen) -> None:
    gate, done = threading.Event(), Future[None]()

    def slow() -> None:
        assert gate.wait(10)
        say("late")
        done.set_result(None)

    def work() -> None:
        in_background(done)
        threading.Thread(target=in_context(slow)).start()

    async def both() -> None:
        await invocation(work, "first", patience=0)
        assert seen.lines == []
        gate.set()
        await asyncio.wrap_future(done)
        assert seen.lines == []
        await invocation(lambda: say("next"), "second")

    asyncio.run(both())
    assert seen.lines == [(line("next"), "second"), (line("late"), "second")]


def test_invocations_side_by_side_keep_their_lines_apart(seen: Seen) -> None:
    together = threading.Barrier(2)

    def work(name: str) -> None:
        for number in range(20):
            together.wait(10)
            say(f"{name}{number}")

    async def both() -> None:
        await asyncio.gather(invocation(lambda: work("a"), "a"), invocation(lambda: work("b"), "b"))

    asyncio.run(both())
    assert len(seen.lines) == 40
    assert all(text == line(f"{name}{text[len(line(name or '')) :]}") for text, name in seen.lines)


def test_lines_outside_of_it_go_their_usual_way(seen: Seen) -> None:
    asyncio.run(invocation(lambda: None))
    say("here")
    assert seen.lines == [(line("here"), None)]


def test_a_librarys_line_that_cannot_be_formatted_harms_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = Lines()
    record = logging.makeLogRecord({"name": "azure.core", "msg": "%d bytes", "args": ("many",)})
    with keeping(lines):
        _Router().emit(record)
    lines.write()
    assert "Arguments: ('many',)" in capsys.readouterr().err
