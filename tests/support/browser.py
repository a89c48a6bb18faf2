"""A page in a real browser, driven from a test; browser.mjs holds the browser."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

_DRIVER = Path(__file__).with_name("browser.mjs")
_PATIENCE = 20.0


class Page:
    """One page. A selector is Playwright's (CSS, `text=...`) and has to fit exactly one element;
    each action waits until that is there, visible and enabled. `problems` are what the browser
    complained about: errors of scripts, failed requests, what a policy blocked."""

    def __init__(self, calls: IO[str], answers: IO[str]) -> None:
        self._calls, self._answers = calls, answers
        self.problems: list[str] = []
        self._answer()

    def open(self, url: str) -> None:
        """Load a page, with everything in it."""
        self.call("goto", url)

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression, promises awaited."""
        return self.call("evaluate", script)

    def until(self, script: str, *, seconds: float = 30) -> Any:
        """The value of a JavaScript expression as soon as it is true."""
        # Playwright's own waitForFunction uses eval, which a page's policy may forbid
        limit = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < limit, f"never true: {script}"
            time.sleep(0.02)
        return value

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

    def call(self, method: str, *arguments: Any) -> Any:
        """A method of Playwright's Page with arguments that JSON can carry; its value, None for
        what stays in the browser."""
        self._calls.write(json.dumps({"method": method, "args": arguments}) + "\n")
        self._calls.flush()
        return self._answer()

    def _answer(self) -> Any:
        line = self._answers.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        if "missing" in answer:
            pytest.skip(answer["missing"])
        self.problems += answer["problems"]
        assert "error" not in answer, answer["error"]
        return answer["value"]


@contextmanager
def browser() -> Iterator[Page]:
    """A page in a fresh browser, which ends with the block. Skips the test, and says why, where no
    browser is to be had: on a system that the Chromium of node_modules is not for."""
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
            yield Page(driver.stdin, driver.stdout)
        finally:
            driver.stdin.close()
            try:
                driver.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                driver.kill()  # the browser ends when its own pipe breaks
