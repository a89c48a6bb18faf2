"""Looking at what was made (`make studio`): two thousand videos, copies of two real films."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from local.simulator.media.movie import FRAME_RATE
from local.stack import Ports, Stack
from shared.domain.errors import Failure
from shared.domain.ids import new_video_id
from shared.domain.succession import moved
from shared.domain.video import Status
from shared.storage import names, pages
from shared.storage.accounts import Account
from shared.storage.rows import Write
from shared.storage.videos import Videos, row_key, split_text
from tests.studio.pages import AXE, PHONE, VIOLATIONS, make, studio
from tests.support.browser import Page
from tests.support.stacks import Client, local_caller

pytestmark = pytest.mark.studio

MANY = 2000
_IN_ONE = 50
"""Videos per transaction: two rows each, and at most a hundred."""
_FRAME = 1 / FRAME_RATE
_TIMES = "[...document.querySelectorAll('video.player')].map(each => each.currentTime)"
_PLAYING = "document.querySelector('video.player')?.currentTime > 0.2"


@pytest.fixture(scope="module")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    data = tmp_path_factory.mktemp("look")
    stack = Stack(data, Ports.any_free(), overrides={"TIME_SCALE": "60"})
    with stack, local_caller(stack) as caller:
        yield caller


@pytest.fixture(scope="module")
def films(mine: Client) -> tuple[dict[str, Any], dict[str, Any]]:
    """One with a spritesheet, and one with two variants and none; copied two thousand times."""
    made = [
        mine.create(prompt="A heron takes off", model="sora-2", size="1280x720", seconds="4"),
        mine.create(prompt="Two kites", model="sora", size="480x480", seconds="5", n_variants=2),
    ]
    heron, kites = (mine.wait(each["id"]) for each in made)
    _fill(mine.stack, [heron["id"], kites["id"]])
    return heron, kites


def _fill(stack: Stack, originals: list[str]) -> None:
    account = Account(connection=stack.settings["STORAGE_CONNECTION"])
    table = account.table(names.VIDEOS)
    rows = [Videos(table).get("key:local", each) for each in originals]
    dice = random.Random(1)
    writes = []
    for number in range(MANY):
        row = rows[number % 2]
        assert row is not None
        at = int(time.time()) - 3600 - 900 * number
        video_id = new_video_id(at * 1000, dice.randbytes(10))
        prompt = (
            "A quokka on a unicycle" if number == MANY - 7 else f"Scene {number} of a long film"
        )
        values = {**row.row.values, **split_text("prompt", prompt), "created_at": at}
        writes += [
            Write("insert", row_key(video_id), values),
            Write("insert", pages.pointer_key(video_id), {}),
        ]
    for first in range(0, len(writes), 2 * _IN_ONE):
        table.transact("key:local", writes[first : first + 2 * _IN_ONE])
    account.close()


@contextmanager
def looking(caller: Client, *steps: str, reduced: bool = False) -> Iterator[Page]:
    """The studio at `#/look`, or at one of its videos."""
    with studio(caller.stack) as page:
        if reduced:
            page.call("emulateMedia", {"reducedMotion": "reduce"})
        go(page, "look", *steps)
        page.call("waitForSelector", ".stage" if steps else ".frame >> nth=0")
        yield page


def go(page: Page, *steps: str) -> None:
    page.run(f"void (location.hash = '#/{'/'.join(steps)}')")


def frame(video_id: str) -> str:
    return f".frame[data-video={video_id}] > a"


def test_one_of_two_thousand_is_found_and_opened_with_the_keyboard(
    mine: Client, films: tuple[dict[str, Any], ...]
) -> None:
    with looking(mine) as page:
        page.until(
            "(scrollTo(0, 1e7), document.querySelector('.tally').textContent.startsWith('2,00'))",
            seconds=120,
        )
        assert page.run("document.documentElement.scrollHeight") > 20_000
        assert page.run("document.querySelectorAll('*').length") < 1500
        page.fill("#search", "unicycle QUOKKA")
        page.until("document.querySelectorAll('.frame').length === 1")
        page.press("#search", "Tab")
        page.fill("#search", "")
        page.press(".frame > a[tabindex='0']", "End")
        page.until("/Scene 1999/.test(document.activeElement.textContent)")
        for key in ("ArrowLeft",) * 6:
            page.press(":focus", key)
        page.until("/quokka/.test(document.activeElement.textContent)")
        page.press(":focus", "Enter")
        page.until(_PLAYING)
        page.press(".stage", "Escape")
        # back where it was left, not at the top
        page.until("/quokka/.test(document.activeElement.textContent)")


@pytest.mark.parametrize("which", [0, 1], ids=["spritesheet", "drawn"])
def test_a_pointer_looks_through_a_film(
    mine: Client, films: tuple[dict[str, Any], ...], which: int
) -> None:
    shown = ".scrub-frame"
    picture = f"document.querySelector('{shown}').style.backgroundPosition"
    with looking(mine) as page:
        film = frame(films[which]["id"])
        page.call("hover", film, {"position": {"x": 12, "y": 40}})
        page.call("waitForSelector", shown)
        first = page.run(picture)
        wide = page.run(f"document.querySelector('{film}').clientWidth")
        page.call("hover", film, {"position": {"x": wide - 6, "y": 40}})
        page.until(f"{picture} !== {json.dumps(first)}")
        # ten cells of the simulator's sheet in rows of five, or eight of ours in rows of four
        size = page.run(f"document.querySelector('{shown}').style.backgroundSize")
        assert size == ("500% 200%" if which == 0 else "400% 200%")
        page.call("hover", "#search")
        page.until(f"!document.querySelector('{shown}')")
        page.press(film, ".")
        page.call("waitForSelector", shown)


def test_the_player_steps_by_one_frame_and_stops_at_the_end_without_its_loop(
    mine: Client, films: tuple[dict[str, Any], ...]
) -> None:
    with looking(mine, films[0]["id"], reduced=True) as page:
        page.until("document.querySelector('video.player').readyState >= 2")
        assert page.run("document.querySelector('video.player').paused"), "less motion is asked for"
        at = []
        for key in "...,":
            page.press(".stage", key)
            page.until("/frame/.test(document.querySelector('.times').textContent)")
            at.append(_settled(page))
        assert [int(each / _FRAME) for each in at] == [1, 2, 3, 2]
        page.press(".stage", "l")
        page.press(".stage", "End")
        page.press(".stage", "ArrowLeft")
        page.press(".stage", " ")
        page.until("document.querySelector('video.player').ended")
        page.press(".stage", " ")
        page.until("!document.querySelector('video.player').ended")


_AT_ONCE = """for (const key of ["Home", ".", "Home", "."])
    document.querySelector(".stage").dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));"""


def _settled(page: Page) -> float:
    """Where the film stands as soon as it stands still."""
    before = None
    while (now := page.run(_TIMES)) != before:
        before = now
        page.run("new Promise(done => setTimeout(done, 250))")
    return float(now[0])


def test_two_films_play_as_one(mine: Client, films: tuple[dict[str, Any], ...]) -> None:
    heron, kites = films
    with looking(mine) as page:
        page.press(frame(heron["id"]), "x")
        page.call("waitForSelector", ".picking")
        page.press(frame(kites["id"]), "x")
        both = "[...document.querySelectorAll('video.player')]"
        page.until(f"{both}.length === 2 && {both}.every(each => each.currentTime > 0.3)")
        page.press(".stage", "k")
        page.until(f"{both}.every(each => each.paused && !each.seeking)")
        _together(page)
        page.press(".stage", "End")
        _settled(page)
        one, other = page.run(_TIMES)
        assert abs(max(one, other) - 5) < 0.3
        assert abs(min(one, other) - 4) < 0.3, "the shorter one waits on its last frame"
        page.run(_AT_ONCE)  # the second seek ends the first step
        first = "/frame 1\\b/.test(document.querySelector('.times').textContent)"
        page.until(first)
        _together(page)
        assert page.run(first), "and stays there"


def _together(page: Page) -> None:
    _settled(page)
    one, other = page.run(_TIMES)
    assert abs(one - other) < _FRAME


def test_variants_are_seen_side_by_side(mine: Client, films: tuple[dict[str, Any], ...]) -> None:
    with looking(mine, films[1]["id"]) as page:
        page.click("text=Side by side")
        both = "[...document.querySelectorAll('video.player')]"
        page.until(f"{both}.length === 2 && {both}.every(each => each.currentTime > 0.3)")
        page.press(".stage", "k")
        _together(page)


def test_what_a_successor_rendered_says_so_and_is_made_again_as_it_was_asked_for(
    mine: Client, films: tuple[dict[str, Any], ...]
) -> None:
    video_id = _failed_at_its_successor(mine.stack, films[0]["id"])
    with studio(mine.stack) as page:
        go(page, "look", video_id)
        page.until("document.body.textContent.includes('sora-2, rendered by its successor sora')")
        page.click("text=Change the prompt")
        go(page)
        page.until("document.querySelector('input[name=size]:checked')?.value === '1280x720'")
        page.becomes("document.querySelector('input[name=seconds]:checked').value", "4")


def _failed_at_its_successor(stack: Stack, original: str) -> str:
    """A copy of a video, as if it had moved to another model and failed there."""
    account = Account(connection=stack.settings["STORAGE_CONNECTION"])
    table = account.table(names.VIDEOS)
    stored = Videos(table).get("key:local", original)
    assert stored is not None
    video_id = new_video_id(int(time.time() * 1000), bytes(10))
    request = moved(stored.video.request, "sora", width=480, height=480, seconds=5)
    error = Failure(
        code="refused", message="No.", stage="submitting", retryable=False, charged=False
    )
    failed = replace(
        stored.video, id=video_id, request=request, status=Status.FAILED, error=error, outputs=()
    )
    Videos(table).insert(failed)
    account.close()
    return video_id


def test_a_remix_begins_at_its_original_and_stands_below_it(
    mine: Client, films: tuple[dict[str, Any], ...]
) -> None:
    heron = films[0]
    with looking(mine, heron["id"]) as page:
        page.click(".actions >> text=Remix")
        page.call("waitForSelector", "#prompt")
        page.becomes("document.querySelector('#prompt').value", heron["prompt"])
        page.says(".price .amount", f"${float(heron['cost']['estimated']):.2f}")
        make(page, "A heron takes off at night")
        page.call("waitForSelector", '.still[aria-label="Play: A heron takes off at night"]')
        page.click(".tile .said >> text=A heron takes off at night")
        page.until(_PLAYING)
        tree = "[...document.querySelectorAll('.family a')].map(each => each.textContent)"
        assert page.run(tree) == ["A heron takes off", "A heron takes off at night"]
        page.click("text=Compare with the original")
        page.until("document.querySelectorAll('video.player').length === 2")
        go(page, "look", heron["id"])
        page.click(".actions >> text=Again, with changes")
        page.call("waitForSelector", ".settings")
        page.becomes("document.querySelector('#model').value", "sora-2")


def test_a_deletion_can_be_undone_until_it_is_done(
    mine: Client, films: tuple[dict[str, Any], ...]
) -> None:
    one, two, three, four = _newest_copies(mine, 4)
    with looking(mine, one) as page:
        page.press(".stage", "Delete")
        page.says(".removal", "for good")
        go(page)  # to another room
        page.click(".removal .button")
        go(page, "look")
        page.call("waitForSelector", frame(one))
        page.press(frame(two), "Delete")
        page.until(f"!document.querySelector('{frame(two)}')")
        page.press("body", "Control+z")
        page.call("waitForSelector", frame(two))
        page.press(frame(two), "Delete")
        assert mine.get(two), "not yet"
        page.call("hover", "#search")  # who points at it has all the time
        page.until("!document.querySelector('.removal')")
        assert mine.http.get(f"{mine.stack.api}/videos/{two}").status_code == 404
        page.press(frame(three), "Delete")
        page.call("waitForSelector", ".removal")
        page.call("goto", "about:blank")
    _is_gone(mine, three)  # whoever closes the page has made up their mind,
    with looking(mine) as page:
        page.press(frame(four), "Delete")
        page.click("text=Sign out")
        page.call("waitForSelector", "#key")
    _is_gone(mine, four)  # and whoever signs out
    assert mine.get(one)["status"] == "completed"


def _is_gone(mine: Client, video_id: str) -> None:
    limit = time.monotonic() + 120
    while mine.http.get(f"{mine.stack.api}/videos/{video_id}").status_code != 404:
        assert time.monotonic() < limit, video_id
        time.sleep(0.1)


def _newest_copies(mine: Client, count: int) -> list[str]:
    listed = mine.http.get(f"{mine.stack.api}/videos?limit=20&model=sora-2").json()["data"]
    return [each["id"] for each in listed if each["prompt"].startswith("Scene")][:count]


def test_a_download_is_checked_against_the_sha256_on_record(
    mine: Client, films: tuple[dict[str, Any], ...]
) -> None:
    heron, kites = films
    with looking(mine, heron["id"]) as page:
        page.run(
            "HTMLAnchorElement.prototype.click = function () { window.saved = this.download; };"
            " const make = URL.createObjectURL; URL.createObjectURL = blob =>"
            " (blob.type.startsWith('video') && (window.film = blob), make.call(URL, blob)); 0"
        )
        page.click(".actions >> text=Download")
        page.says(".saved", "is the one on record")
        name, sha256 = page.run(
            "film.arrayBuffer()"
            ".then(each => crypto.subtle.digest('SHA-256', each))"
            ".then(each => [saved, [...new Uint8Array(each)].map("
            "byte => byte.toString(16).padStart(2, '0')).join('')])"
        )
        assert name == f"a-heron-takes-off-{heron['id'][-6:]}.mp4"
        assert sha256 == heron["outputs"][0]["sha256"]
        page.says(".facts", sha256)
        account = Account(connection=mine.stack.settings["STORAGE_CONNECTION"])
        blob = account.container(names.OUTPUTS_CONTAINER).get_blob_client(
            names.output_blob(kites["id"], 1)
        )
        film = blob.download_blob().readall()
        blob.upload_blob(film[:-1] + b"?", overwrite=True)
        go(page, "look", kites["id"])
        page.click(".actions >> text=Download variant 2")
        page.until("/Not saved/.test(document.querySelector('.actions').textContent)")
        blob.upload_blob(film, overwrite=True)
        account.close()


def test_the_videos_of_a_batch_are_found(mine: Client, films: tuple[dict[str, Any], ...]) -> None:
    lines = [
        {
            "custom_id": f"line-{number}",
            "method": "POST",
            "url": "/v1/videos",
            "body": {"model": "sora-2", "prompt": f"Take {number}", "seconds": "4"},
        }
        for number in range(2)
    ]
    api, http = mine.stack.api, mine.http
    body = "\n".join(json.dumps(line) for line in lines)
    file = http.post(f"{api}/files", data={"purpose": "batch"}, files={"file": ("a.jsonl", body)})
    made = http.post(
        f"{api}/batches",
        json={
            "input_file_id": file.json()["id"],
            "endpoint": "/v1/videos",
            "completion_window": "24h",
            "budget_usd": "5",
            "metadata": {"name": "Takes"},
        },
    )
    assert made.status_code == 200, made.text
    limit = time.monotonic() + 60
    while not http.get(f"{api}/batches/{made.json()['id']}").json()["table_file_id"]:
        assert time.monotonic() < limit, "the batch never ended"
        time.sleep(0.2)
    with looking(mine) as page:
        page.call("selectOption", ".narrow:has-text('Batch') select", {"label": "Takes"})
        captions = "[...document.querySelectorAll('.frame .caption')].map(each => each.textContent)"
        page.until(f"{captions}.sort().join() === 'Take 0,Take 1'")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_look_on_every_screen(
    mine: Client, films: tuple[dict[str, Any], ...], scheme: str
) -> None:
    heron, kites = films
    with looking(mine) as page:
        page.call("emulateMedia", {"colorScheme": scheme, "reducedMotion": "reduce"})
        page.run(AXE)
        for steps in ((), (heron["id"],), (kites["id"],), (heron["id"], kites["id"])):
            go(page, "look", *steps)
            page.call(
                "waitForSelector",
                ".stage .cells > span >> nth=0" if steps else ".frame img >> nth=0",
            )
            page.becomes(VIOLATIONS, [])
            page.call("setViewportSize", PHONE)
            page.until(f"document.documentElement.scrollWidth <= {PHONE['width']}")
            page.becomes(VIOLATIONS, [])
            page.call("setViewportSize", {"width": 1280, "height": 800})
