"""The form follows the model, and a video is what the form said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.studio.pages import ASKING_KEY, PRICED, make, studio
from tests.support.browser import Page
from tests.support.stacks import Client

pytestmark = pytest.mark.studio


def choose(page: Page, selector: str, value: str) -> None:
    page.call("selectOption", selector, value)


def made(mine: Client, prompt: str) -> dict[str, Any]:
    listed = mine.http.get(f"{mine.stack.api}/videos?limit=100").json()["data"]
    (found,) = [each for each in listed if each["prompt"] == prompt]
    return mine.wait(found["id"])


def test_a_size_of_a_rule_a_length_and_parameters(mine: Client) -> None:
    with studio(mine.stack) as page:
        choose(page, "#model", "wan-2.2")
        page.click("summary >> text=Other")
        for side in ("#width", "#height"):
            page.fill(side, "643")
            page.press(side, "Tab")
        # put right: the rule takes multiples of 16
        page.until("document.querySelector('#width').value === '640'")
        page.fill("#seconds", "0")
        page.click("summary >> text=More settings")
        page.fill("#seed", "42")
        page.fill("#negative_prompt", "rain, it is:true that nobody wants it")
        page.click("summary >> text=This form as a request")
        page.call("check", "[name=language][value=python]")
        page.says("pre", '"negative_prompt": "rain, it is:true that nobody wants it"')
        make(page, "A square garden")
        page.call("waitForSelector", ".waiting >> nth=0")
        video = made(mine, "A square garden")
    assert (video["size"], video["seconds"]) == ("640x640", "1")
    assert video["parameters"]["seed"] == 42
    assert video["status"] == "completed"


def test_a_number_is_what_was_typed_digit_by_digit(mine: Client) -> None:
    with studio(mine.stack) as page:
        choose(page, "#model", "wan-2.2")
        page.click("summary >> text=More settings")
        page.click("summary >> text=This form as a request")
        page.click("#guidance_scale")
        for key in "0.05":
            page.call("keyboard.press", key)
        page.becomes("document.querySelector('#guidance_scale').value", "0.05")
        page.says("pre", '"guidance_scale":0.05')
        choose(page, "#model", "sora-2")
        choose(page, "#model", "wan-2.2")
        page.becomes("document.querySelector('#guidance_scale').value", "0.05")


def test_a_price_is_that_of_the_form_or_none(mine: Client) -> None:
    """While the app answers no quotes, the price of another form would be a wrong one."""
    with studio(mine.stack) as page:
        page.until(PRICED)
        page.run(
            "{ const real = window.fetch; window.late = true;"
            " const refusal = {error: {message: 'Too many quotes', code: 'rate_limit_exceeded'}};"
            " const many = {status: 429, headers: {'retry-after': '1'}};"
            " window.fetch = (url, ...more) => late && /quotes$/.test(url)"
            " ? Promise.resolve(new Response(JSON.stringify(refusal), many))"
            " : real(url, ...more); }"
        )
        page.call("check", "[name=seconds][value='12']")
        page.until(f"!({PRICED})")
        page.run("window.late = false")
        page.until("/1.20/.test(document.querySelector('.price .amount').textContent)")


@pytest.fixture
def video(mine: Client) -> dict[str, Any]:
    """One that is finished."""
    return mine.wait(mine.create(prompt="Made before", model="sora-2")["id"])


def answers_creates(page: Page, video: dict[str, Any]) -> None:
    """Each create of the page is counted in `posts`, and answered with this video: at once, or
    after `answered()` where `held` is set."""
    page.run(
        "{ const real = window.fetch; window.posts = 0; window.held = false;"
        " window.fetch = async (url, options) => {"
        " if (options?.method !== 'POST' || !url.endsWith('/videos')) return real(url, options);"
        " window.posts += 1;"
        " if (window.held) await new Promise(resolve => { window.answered = resolve; });"
        f" return new Response({json.dumps(json.dumps(video))}); }}; }}"
    )


SENT = "document.querySelector('.send .button:not([aria-disabled])') !== null"


def test_one_press_makes_one_video_however_long_or_often(
    mine: Client, video: dict[str, Any]
) -> None:
    with studio(mine.stack) as page:
        answers_creates(page, video)
        page.fill("#prompt", "Only one of these")
        page.until(PRICED)
        for number, (field, keys) in enumerate(
            [("#prompt", ["Control", "Enter"]), (".send .button", ["Enter"])], start=1
        ):
            page.call("focus", field)
            for key in keys:
                page.call("keyboard.down", key)
            page.until(f"window.posts === {number} && {SENT}")
            page.call("keyboard.down", "Enter")  # it is still held
            page.call("waitForTimeout", 100)
            for key in reversed(keys):
                page.call("keyboard.up", key)
            assert page.run("window.posts") == number
        page.call("dblclick", ".send .button")
        page.call("waitForTimeout", 100)
        assert page.run("window.posts") == 3


def test_what_a_person_has_approved_is_made_by_the_next_press(mine: Client) -> None:
    """Once: then it is a new request again."""
    said = "document.querySelector('.send .field-error').textContent"
    asked = f"{said}.match(/approval_[0-9a-f]{{40}}/)"
    with studio(mine.stack, key=ASKING_KEY) as page:
        make(page, "A dear film")
        first = page.until(f"{asked}?.[0]")
        make(page, "Another one, not approved yet")
        page.until(f"{asked} && {asked}[0] !== {first!r}")
        approval = f"{mine.stack.api}/approvals/{first}"
        shown = mine.http.get(approval).raise_for_status().json()
        given = mine.http.post(f"{approval}/approve", json={"estimated": shown["estimated"]})
        given.raise_for_status()
        page.call("reload")
        page.call("waitForSelector", "#prompt")
        make(page, "A dear film")
        page.call("waitForSelector", '.waiting[aria-label="A dear film"]')
        page.until(SENT)
        make(page, "A dear film")
        page.until(f"{asked} && {asked}[0] !== {first!r}")
        page.problems.clear()  # the browser reports what was refused


def test_what_is_chosen_for_the_next_video_stays_while_one_is_sent(
    mine: Client, video: dict[str, Any], tmp_path: Path
) -> None:
    for name in ("first", "next"):
        Image.new("RGB", (640, 360), (200, 90, 40)).save(tmp_path / f"{name}.png")
    with studio(mine.stack) as page:
        answers_creates(page, video)
        page.run("window.held = true")
        page.call("setInputFiles", "input[type=file]", str(tmp_path / "first.png"))
        page.call("waitForSelector", ".crop img:not([alt=''])")
        make(page, "Of the first picture")
        page.until("window.posts === 1")
        page.click("text=Remove the picture")
        page.call("setInputFiles", "input[type=file]", str(tmp_path / "next.png"))
        page.call("waitForSelector", ".crop img:not([alt=''])")
        page.run("window.answered()")
        page.until(SENT)
        page.call("waitForSelector", ".crop img:not([alt=''])")
        page.click("text=Remove the picture")
        make(page, "A film without one")
        page.until("window.posts === 2")
        page.run(f"void (location.hash = '#/look/{video['id']}')")
        page.click(".actions .button >> text=Remix")
        page.call("waitForSelector", ".composer .notice")
        page.run("window.answered()")
        page.until(SENT)
        page.says(".composer .notice", "A remix")


def test_variants_and_what_the_next_model_lacks(mine: Client) -> None:
    with studio(mine.stack) as page:
        choose(page, "#model", "sora")
        page.call("check", "[name=size][value='480x480']")
        page.call("check", "[name=n_variants][value='2']")
        make(page, "Twins")
        page.call("waitForSelector", ".waiting >> nth=0")
        page.call("waitForSelector", '.still[aria-label="Play: Twins"]')
        page.click('.still[aria-label="Play: Twins"]')
        page.click(".variants >> text=Variant 2")
        page.until("document.querySelector('video.player')?.currentTime > 0.1")
        choose(page, "#model", "sora-2")
        make(page, "An only child")
        page.call("waitForSelector", ".waiting >> nth=0")
    assert len(made(mine, "Twins")["outputs"]) == 2
    assert made(mine, "An only child")["n_variants"] == 1


def test_a_picture_that_is_to_fit_is_sent_so_and_named_in_the_request(
    mine: Client, tmp_path: Path
) -> None:
    tall = tmp_path / "it's;type=tall.png"
    Image.new("RGB", (300, 900), (200, 90, 40)).save(tall)
    with studio(mine.stack) as page:
        page.call("setInputFiles", "input[type=file]", str(tall))
        page.call("waitForSelector", ".crop img:not([alt=''])")
        page.says(".picture .hint", "41 % of the picture is cut off")
        page.call("check", "[name=fit][value=contain]")
        page.call("waitForSelector", ".crop.bars")
        page.click("summary >> text=This form as a request")
        curl = page.text("pre")
        assert "--form-string 'fit=contain'" in curl
        assert """@"it'\\''s;type=tall.png"'""" in curl
        page.run(
            "{ const real = window.fetch; window.fetch = (url, options) => {"
            " if (options?.body instanceof FormData) window.fit = options.body.get('fit');"
            " return real(url, options); }; }"
        )
        make(page, "A tower, whole")
        page.until("window.fit === 'contain'")
        page.call("waitForSelector", ".waiting >> nth=0")
    assert made(mine, "A tower, whole")["status"] == "completed"


def test_what_is_no_picture_is_refused_in_place(mine: Client, tmp_path: Path) -> None:
    file = tmp_path / "<img src=x onerror=alert(1)>.png"
    file.write_bytes(b"not a picture")
    with studio(mine.stack) as page:
        page.call("setInputFiles", "input[type=file]", str(file))
        page.says("#input_reference-error", "not a JPEG")


def test_what_people_write_is_shown_and_never_run(mine: Client) -> None:
    evil = "<img src=x onerror='window.run=1'><script>window.run=1</script> moderation-blocked"
    with studio(mine.stack) as page:
        make(page, evil)
        page.until(
            f"[...document.querySelectorAll('.failure .said')]"
            f".some(each => each.textContent === {json.dumps(evil)})"
        )
        assert page.run("window.run === undefined")
