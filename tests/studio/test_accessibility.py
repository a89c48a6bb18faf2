"""Every room for everybody: axe-core, the keyboard alone, a system that asks for less motion."""

from __future__ import annotations

import re

import pytest

from local.stack import ROOT
from tests.studio.pages import AXE, PHONE, VIOLATIONS, make, studio
from tests.support.browser import Page
from tests.support.stacks import Client

pytestmark = pytest.mark.studio

TALL = 2400
"""Pixels of a window in which the bar at its lower edge covers nothing: axe takes what is behind it
for text on the bar."""
WIDTHS = (PHONE["width"], 1280)


def rooms() -> list[str]:
    """The steps of the rooms in the navigation: new ones are tested as soon as they are there."""
    listed = (ROOT / "studio/src/rooms.ts").read_text()
    return re.findall(r'step: "(\w*)"', listed)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_room(mine: Client, scheme: str) -> None:
    with studio(mine.stack, colorScheme=scheme, reducedMotion="reduce") as page:
        page.run(AXE)
        page.click(".request summary")
        make(page, f"A {scheme} room")
        page.call("waitForSelector", ".waiting >> nth=0")
        assert len(rooms()) >= 2
        for width in WIDTHS:
            page.call("setViewportSize", {"width": width, "height": TALL})
            for step in rooms():
                page.run(f"void (location.hash = '#/{step}')")
                page.until(f"document.querySelector('nav [aria-current]').hash === '#/{step}'")
                page.call("waitForSelector", "main h1", {"state": "attached"})
                page.becomes(VIOLATIONS, [])
                assert page.run("document.documentElement.scrollWidth") <= width, step
        page.click("text=Sign out")
        page.call("waitForSelector", "#key")
        page.becomes(VIOLATIONS, [])


def test_the_keyboard_is_enough(mine: Client) -> None:
    with studio(mine.stack) as page:
        # what the page begins with, and past the navigation
        page.run("document.activeElement.blur()")
        tab_to(page, ".skip")
        press(page, "Enter")
        page.becomes("document.activeElement.id", "content")
        tab_to(page, "#prompt")
        page.call("keyboard.type", "A lighthouse by hand")
        tab_to(page, "[name=seconds]")
        for _ in range(2):
            press(page, "ArrowRight")
        page.becomes("document.activeElement.value", "12")
        page.until("/1.20/.test(document.querySelector('.price .amount').textContent)")
        press(page, "Control+Enter")
        mine_waits = '.waiting[aria-label="A lighthouse by hand"]'
        page.call("waitForSelector", mine_waits)

        tab_to(page, f"{mine_waits} .button")
        press(page, "Enter")
        page.call("waitForSelector", "dialog[open]")
        press(page, "Escape")
        page.until("!document.querySelector('dialog')")
        page.until(f"document.activeElement.matches({f'{mine_waits} > .card-body .button'!r})")
        press(page, "Enter")
        page.call("waitForSelector", "dialog[open]")
        tab_to(page, "dialog .danger")
        press(page, "Enter")
        # the card is gone with its button: the focus has not fallen out of the page
        page.until("document.activeElement.id === 'content'")
        page.says("body", "Ended without a film: A lighthouse by hand")

        tab_to(page, "[name=seconds]")
        press(page, "ArrowLeft")
        page.until("/0.80/.test(document.querySelector('.price .amount').textContent)")
        press(page, "Control+Enter")
        play = '.still[aria-label="Play: A lighthouse by hand"]'
        page.call("waitForSelector", play)
        # who sees no card change is told
        page.until("document.body.innerText.includes('Ready: A lighthouse by hand')")
        tab_to(page, play)
        press(page, "Enter")
        page.until("document.querySelector('video.player')?.currentTime > 0.1")


def press(page: Page, key: str) -> None:
    page.call("keyboard.press", key)


def tab_to(page: Page, selector: str, *, back: bool = False) -> None:
    """As a person does: Tab until it has the focus, and the focus can be seen."""
    for _ in range(80):
        press(page, "Shift+Tab" if back else "Tab")
        if page.run(f"document.activeElement.matches({selector!r})"):
            break
    else:
        pytest.fail(f"Tab does not lead to {selector}")
    seen = (
        "(each => [each, each.nextElementSibling].some("
        "one => one && getComputedStyle(one).outlineStyle !== 'none'))(document.activeElement)"
    )
    assert page.run(seen), f"{selector} has no visible focus"


def test_who_asks_for_less_motion_gets_none(mine: Client) -> None:
    moving = (
        "document.getAnimations().filter("
        "each => each.effect.getComputedTiming().activeDuration > 100).length"
    )
    with studio(mine.stack) as page:
        make(page, "A spinning top")
        page.call("waitForSelector", ".waiting >> nth=0")
        page.call("emulateMedia", {"reducedMotion": "reduce"})
        page.until(f"{moving} === 0")
