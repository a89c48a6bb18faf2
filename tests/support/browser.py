"""Pages in a real browser, driven from a test; browser.mjs holds the browser."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, Any

import pytest

_DRIVER = Path(__file__).with_name("browser.mjs")
_PATIENCE = 90.0


class Page:
    """One page. A selector is Playwright's (CSS, `text=...`) and has to fit exactly one element;
    each action waits until that is there, visible and enabled. `problems` are what the browser
    complained about: errors of scripts, failed requests, what a policy blocked."""

    def __init__(self, driver: Browser, number: int) -> None:
        self._driver, self._number = driver, number
        self.problems: list[str] = []

    def open(self, url: str) -> None:
        """Load a page, with everything in it."""
        self.call("goto", url)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, promises awaited."""
        return self.call("evaluate", script)

    def until(self, script: str, *, seconds: float = _PATIENCE) -> Any:
        """The value of a JavaScript expression as soon as it is true."""
        # Playwright's own waitForFunction uses eval, which a page's policy may forbid
        return _awaited(lambda: self.run(script), bool, f"{script} has to be true", seconds)

    def becomes(self, script: str, value: Any) -> None:
        """Wait until a JavaScript expression has a value, of those that JSON can carry."""
        _awaited(lambda: self.run(script), lambda found: found == value, f"{script}: {value!r}")

    def says(self, selector: str, words: str) -> None:
        """Wait until the text of an element has some words."""
        _awaited(lambda: self.text(selector), lambda text: words in text, f"{selector}: {words!r}")

    def click(self, selector: str) -> None:
        self.call("click", selector)

    def fill(self, selector: str, text: str) -> None:
        """Put text into a field, in place of what is there."""
        self.call("fill", selector, text)

    def press(self, selector: str, key: str) -> None:
        """A key in an element: `Enter`, `Control+A`, `a`."""
        self.call("press", selector, key)

    def text(self, selector: str) -> str:
        """The text of an element as soon as it is there."""
        return str(self.call("textContent", selector))

    def screenshot(self, file: Path, *, whole: bool = False) -> None:
        """A PNG of what is in view, or of the whole page."""
        self.call("screenshot", {"path": str(file), "fullPage": whole})

    @contextmanager
    def tab(self) -> Iterator[Page]:
        """One more tab of the same browser, until the block ends."""
        with self._driver.opened("tab", self._number) as page:
            yield page

    def call(self, method: str, *arguments: Any) -> Any:
        """A method of Playwright's Page or of a part (`keyboard.press`, `context.setOffline`), with
        arguments that JSON can carry; its value, None for what stays in the browser."""
        answer = self._driver.ask(self._number, method, arguments)
        self.problems += answer["problems"]
        assert "error" not in answer, "\n".join([answer["error"], *self.problems])
        return answer["value"]


def _awaited(
    look: Callable[[], Any], fits: Callable[[Any], bool], wanted: str, seconds: float = _PATIENCE
) -> Any:
    """What a look finds as soon as it fits."""
    limit = time.monotonic() + seconds
    while not fits(found := look()):
        assert time.monotonic() < limit, f"{wanted}, and not {found!r}"
        time.sleep(0.02)
    return found


class Browser:
    """A browser, and the pages in it: each with storage of its own, as if the browser were new."""

    def __init__(self, calls: IO[str], answers: IO[str]) -> None:
        self._calls, self._answers = calls, answers
        self._numbers = count()
        self._answer()

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """A page until the block ends; `options` are those of Playwright's newContext."""
        with self.opened("fresh", options) as page:
            yield page

    @contextmanager
    def opened(self, how: str, *arguments: Any) -> Iterator[Page]:
        page = Page(self, next(self._numbers))
        page.call(how, *arguments)
        try:
            yield page
        finally:
            page.call("end")

    def ask(self, number: int, method: str, arguments: Sequence[Any]) -> Any:
        line = {"number": number, "method": method, "args": arguments}
        self._calls.write(json.dumps(line) + "\n")
        self._calls.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = self._answers.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        if "missing" in answer:
            pytest.skip(answer["missing"])
        return answer


@contextmanager
def browser() -> Iterator[Page]:
    """A page in a fresh browser, which ends with the block. Skips the test, and says why, where no
    browser is to be had: on a system that the Chromium of node_modules is not for."""
    with launched() as running, running.page() as page:
        yield page


@contextmanager
def launched() -> Iterator[Browser]:
    """A browser for several pages; see `browser`."""
    with subprocess.Popen(
        ["node", str(_DRIVER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,  # a Ctrl-C is for us: the browser ends when we close the pipe
    ) as driver:
        assert driver.stdin is not None
        assert driver.stdout is not None
        try:
            yield Browser(driver.stdin, driver.stdout)
        finally:
            driver.stdin.close()
            try:
                driver.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                driver.kill()  # the browser ends when its own pipe breaks
