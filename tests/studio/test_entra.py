"""Signing in with Entra: the code flow with PKCE, tokens for the API and films, and their end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.studio.pages import address, make, plays, visitor
from tests.support.browser import Page
from tests.support.sign_in import MEMBER, SignIn
from tests.support.stacks import Client
from tests.support.tenant import AUDIENCE

pytestmark = pytest.mark.studio

ENTRA = "text=Sign in with Microsoft Entra"
EVERYTHING = (
    "JSON.stringify([{...sessionStorage}, {...localStorage}, history.state, location.href])"
)


@pytest.fixture
def entra(sign_in: SignIn) -> Iterator[SignIn]:
    yield sign_in
    sign_in.lifetime, sign_in.ended, sign_in.denies = 3600, False, False
    sign_in.grants.clear()
    sign_in.authorized.clear()


def signed_in(page: Page) -> None:
    page.click(ENTRA)
    page.call("waitForSelector", "#prompt")


def test_a_member_signs_in_makes_a_film_and_signs_out(mine: Client, entra: SignIn) -> None:
    with visitor(mine.stack, ignoreHTTPSErrors=True) as page:
        signed_in(page)
        page.becomes("location.hash", "")  # the code is in no history
        (asked,) = entra.authorized
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert asked["redirect_uri"] == address(mine.stack)
        assert f"{AUDIENCE}/.default" in asked["scope"]
        make(page, "A member's own film")
        plays(page, "A member's own film")
        page.call("reload")
        page.call("waitForSelector", "#prompt")  # in this tab, still signed in
        names = page.run("performance.getEntriesByType('resource').map(each => each.name)")
        assert not any(token in str(names) for token in entra.tenant.issued)
        assert entra.grants == ["authorization_code"]
        page.click("text=Sign out")
        page.call("waitForSelector", "#key")
        page.until(f"!{EVERYTHING}.includes({MEMBER!r})")
        kept = page.run(EVERYTHING)
        assert not any(token in kept for token in entra.tenant.issued)
        page.call("reload")
        page.call("waitForSelector", "#key")


def test_an_expired_token_is_renewed_and_then_asked_for_with_a_word(
    mine: Client, entra: SignIn
) -> None:
    entra.lifetime = 1
    with visitor(mine.stack, ignoreHTTPSErrors=True) as page:
        signed_in(page)
        page.fill("#prompt", "Half a thought")
        page.click("nav >> text=Look")
        page.call("waitForSelector", "#look-title")
        assert "refresh_token" in entra.grants
        page.open("about:blank")  # a page that is still there may hear of the end before it reloads
        entra.ended = True
        page.open(f"{address(mine.stack)}#/look")
        page.says("#key-error", "Your sign-in has ended")
        page.problems.clear()  # the browser reports the refusal
        entra.lifetime, entra.ended = 3600, False
        page.click(ENTRA)
        page.call("waitForSelector", "#look-title")  # where it began
        page.click("nav >> text=Make")
        page.call("waitForSelector", "#prompt")
        page.becomes("document.querySelector('#prompt').value", "Half a thought")


def test_who_declines_and_who_never_asked_get_a_word(mine: Client, entra: SignIn) -> None:
    entra.denies = True
    with visitor(mine.stack, ignoreHTTPSErrors=True) as page:
        page.click(ENTRA)
        page.call("waitForSelector", "#key-error:has-text('AADSTS65004')")
        page.says("#key-error", "<b>Declined.</b>")  # as text
        page.open("about:blank")
        page.open(f"{address(mine.stack)}#code=stolen&state=of-somebody")
        page.call("waitForSelector", "#key-error:not(:empty)")
        page.becomes("location.hash", "")
        assert page.run("document.querySelector('#prompt')") is None
        page.problems.clear()
