"""The first steps of a person who has read nothing."""

from __future__ import annotations

from tests.studio.pages import PHONE, address, enter, make, plays, studio, visitor
from tests.support.stacks import Client


def test_a_prompt_becomes_a_film_that_plays(api: Client) -> None:
    with studio(api.stack) as page:
        make(page, "A heron over a still lake")
        page.call("waitForSelector", ".waiting")
        plays(page, "A heron over a still lake")
        # by the service worker, so that only what is watched is fetched
        assert page.run("navigator.serviceWorker.controller !== null")
        assert "/content" in page.run("document.querySelector('video.player').src")
        assert "local-dev-key" not in page.run(
            "document.documentElement.outerHTML"
            " + performance.getEntriesByType('resource').map(each => each.name)"
        )


def test_a_wrong_key_gets_a_word_and_the_right_one_still_opens(api: Client) -> None:
    with visitor(api.stack) as page:
        enter(page, "not-the-key")
        page.says("#key-error", "does not know this key")
        page.problems.clear()  # the browser itself reports a request that was refused
        enter(page, "local-dev-key")
        page.call("waitForSelector", "#prompt")
        page.open(address(api.stack))
        page.call("waitForSelector", "#prompt")  # it is kept in this tab
        page.becomes("localStorage.length", 0)


def test_a_reload_while_it_renders_loses_nothing_and_all_of_it_fits_a_phone(api: Client) -> None:
    with studio(api.stack, viewport=PHONE) as page:
        make(page, "A slow ferris wheel at dusk")
        page.call("waitForSelector", ".waiting")
        page.call("reload")
        page.call("waitForSelector", "#prompt")
        page.becomes("document.querySelector('#prompt').value", "A slow ferris wheel at dusk")
        plays(page, "A slow ferris wheel at dusk")
        assert page.run("document.documentElement.scrollWidth") <= PHONE["width"]
        small = page.run(
            "[...document.querySelectorAll('a[href], button, select, textarea')]"
            ".filter(each => each.checkVisibility() && !each.matches('.skip'))"
            ".map(each => [each.textContent, each.getBoundingClientRect().height])"
            ".filter(([, height]) => height < 24)"
        )
        assert small == []  # WCAG 2.2, 2.5.8
    made = api.http.get(f"{api.stack.api}/videos").json()["data"]
    assert [each["prompt"] for each in made].count("A slow ferris wheel at dusk") == 1
