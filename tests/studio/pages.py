"""The studio in a browser, as a person uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any

from local.stack import API_KEY, ROOT, Stack
from tests.support.browser import Browser, Page, launched

OTHER_KEY, BUSY_KEY = "another-callers-key", "a-busy-callers-key"
ASKING_KEY = "the-key-of-one-who-asks-first"
"""Of callers whom the stack `mine` knows, too; a person has to approve the last one's videos."""
PHONE = {"width": 390, "height": 844}
AXE = (ROOT / "node_modules/axe-core/axe.min.js").read_text()
VIOLATIONS = (
    "Promise.race([Promise.allSettled(document.getAnimations().map(each => each.finished)),"
    " new Promise(resolve => setTimeout(resolve, 1000))]).then(() => axe.run())"
    ".then(found => found.violations.map("
    "each => [each.id, each.nodes.map(node => node.target.join(' '))]))"
)
"""Once nothing fades any more: a colour on its way is none that anybody reads."""
_RUNNING = ExitStack()
PRICED = "/\\d/.test(document.querySelector('.price .amount').textContent)"
PLAYS = "document.querySelector('video.player')?.currentTime > 0.1"


def address(stack: Stack) -> str:
    return f"{stack.api.removesuffix('/openai/v1')}/studio"


@contextmanager
def visitor(stack: Stack, **options: Any) -> Iterator[Page]:
    """Somebody who opens the studio for the first time. Whatever the browser complained about fails
    the test."""
    with _browser().page(**options) as page:
        page.open(address(stack))
        yield page
        assert not page.problems, page.problems


@contextmanager
def studio(stack: Stack, *, key: str = API_KEY, **options: Any) -> Iterator[Page]:
    """The studio, entered with a key."""
    with visitor(stack, **options) as page:
        enter(page, key)
        page.call("waitForSelector", "#prompt")
        yield page


@cache
def _browser() -> Browser:
    """One for all tests of this process: to start it costs more than most tests."""
    return _RUNNING.enter_context(launched())


def end_browser() -> None:
    _RUNNING.close()
    _browser.cache_clear()


def enter(page: Page, key: str) -> None:
    page.fill("#key", key)
    page.press("#key", "Enter")


def make(page: Page, prompt: str) -> None:
    """Send a prompt with the keyboard, as soon as the form knows its price."""
    page.fill("#prompt", prompt)
    page.until(PRICED)
    page.press("#prompt", "Control+Enter")


def plays(page: Page, prompt: str) -> None:
    """Press a finished video; its film is decoded and moves."""
    page.call("waitForSelector", f'.still[aria-label="Play: {prompt}"]')
    page.click(f'.still[aria-label="Play: {prompt}"]')
    page.until(PLAYS)
    assert page.run("document.querySelector('video.player').videoWidth") > 0
