"""What else a person does and meets: `make studio`."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.stack import API_KEY
from tests.studio.pages import OTHER_KEY, address, enter, make, plays, studio, visitor
from tests.support.browser import Page
from tests.support.stacks import Client

pytestmark = pytest.mark.studio


def test_a_picture_begins_a_video(mine: Client, tmp_path: Path) -> None:
    from PIL import Image

    start = tmp_path / "start.png"
    Image.new("RGB", (900, 600), (40, 90, 160)).save(start)
    with studio(mine.stack) as page:
        page.call("setInputFiles", "input[type=file]", str(start))
        page.call("waitForSelector", ".crop img:not([alt=''])")
        make(page, "The sea begins to move")
        page.call("waitForSelector", ".drop")  # the form is ready for the next one
        plays(page, "The sea begins to move")


def test_a_refusal_says_why_what_it_cost_and_what_to_do(mine: Client) -> None:
    with studio(mine.stack) as page:
        make(page, "something moderation-blocked")
        card = 'article[aria-label="something moderation-blocked"]'
        said = page.text(f"{card}.failure")
        assert "safety rules stopped it" in said
        assert "It cost nothing." in said
        page.click(f"{card} .button >> text=Change the prompt")
        page.becomes("document.activeElement.id", "prompt")
        page.click(f"{card} .button >> text=Remove")
        page.call("waitForSelector", card, {"state": "detached"})
        page.click(".removal .button")  # undo
        page.click(f"{card} .button >> text=Remove")
        page.call("waitForSelector", card, {"state": "detached"})


def test_cancelling_says_what_it_costs(mine: Client) -> None:
    with studio(mine.stack) as page:
        page.call("check", "[name=seconds][value='12']")
        page.until("/1.20/.test(document.querySelector('.price .amount').textContent)")
        make(page, "A video that nobody waits for")
        card = 'article[aria-label="A video that nobody waits for"]'
        page.call("waitForSelector", f"{card} .stages .current:has-text('Rendering')")
        page.click(f"{card} .button")
        page.says("dialog", "up to $1.20")
        page.call("context.setOffline", True)
        page.click("dialog .button.danger")
        page.says("dialog .field-error", "The app does not answer")
        page.call("context.setOffline", False)
        page.click("dialog .button.danger")
        page.call("waitForSelector", f"{card}.failure")
        page.problems.clear()  # the browser reports every request that failed
        said = page.text(f"{card}.failure")
        assert "not known yet" in said or "cost" in said


def test_escape_closes_the_question_and_not_the_video_behind_it(mine: Client) -> None:
    video = mine.create(prompt="A ship that stays", model="sora-2", seconds="12")["id"]
    with studio(mine.stack) as page:
        page.run(f"void (location.hash = '#/look/{video}')")
        page.click(".waiting .button >> text=Cancel")
        page.call("waitForSelector", "dialog[open]")
        page.call("keyboard.press", "Escape")
        page.call("waitForSelector", "dialog", {"state": "detached"})
        page.call("waitForTimeout", 200)
        assert page.run("location.hash") == f"#/look/{video}"
    mine.http.post(f"{mine.stack.api}/videos/{video}/cancel").raise_for_status()


def test_over_plain_http_everything_works_all_the_same(mine: Client) -> None:
    """A browser gives a page there no service worker, cache, clipboard or random UUIDs."""
    with visitor(mine.stack) as page:
        page.call(
            "addInitScript",
            {
                "content": "delete Crypto.prototype.randomUUID;"
                "for (const [of, name] of [[navigator, 'serviceWorker'], [navigator, 'clipboard'],"
                " [window, 'caches']]) Object.defineProperty(of, name, {value: undefined});"
            },
        )
        page.call("reload")
        enter(page, API_KEY)
        page.call("waitForSelector", "#prompt")
        page.click(".request summary")
        page.click(".request-head .button")
        page.call("waitForSelector", ".request-head .button:has-text('Copied')")
        make(page, "A kite")
        plays(page, "A kite")
        assert page.run("document.querySelector('video.player').src").startswith("blob:")
        page.click("text=Sign out")
        page.call("waitForSelector", "#key")


def enter_remembered(page: Page, key: str = API_KEY) -> None:
    page.call("check", "[name=remember]")
    enter(page, key)
    page.call("waitForSelector", "#prompt")


def test_who_signs_out_is_signed_out_in_every_tab_that_remembers(mine: Client) -> None:
    with visitor(mine.stack) as page:
        enter_remembered(page)
        with page.tab() as tab:
            tab.open(address(mine.stack))
            tab.call("waitForSelector", "#prompt")
            page.click("text=Sign out")
            tab.call("waitForSelector", "#key")
            assert tab.run("localStorage.length") == 0
            assert tab.problems == []


def test_who_enters_in_one_tab_stays_there_while_another_tab_is_left(mine: Client) -> None:
    with visitor(mine.stack) as page, page.tab() as tab:
        tab.open(address(mine.stack))
        for each, key in ((page, API_KEY), (tab, OTHER_KEY)):
            enter_remembered(each, key)
        page.call("waitForSelector", "#key")  # what the browser remembers is another one's now
        assert tab.run("localStorage.length") == 1
        tab.call("reload")
        tab.call("waitForSelector", "#prompt")


def test_a_page_that_comes_back_from_the_past_asks_who_is_remembered(mine: Client) -> None:
    """The browser keeps pages whole for its Back button, and tells them nothing meanwhile."""
    with visitor(mine.stack) as page:
        enter_remembered(page)
        page.run("localStorage.clear()")  # as another tab does that signs out
        page.run("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
        page.call("waitForSelector", "#key")
