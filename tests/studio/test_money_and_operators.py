"""Batches, money and the operators' room, as a plain caller and as an admin: `make studio`."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.stack import Ports, Stack, local_settings
from tests.studio.pages import AXE, PHONE, VIOLATIONS, studio
from tests.support.browser import Page
from tests.support.stacks import Client, client, local_caller

pytestmark = pytest.mark.studio

PLAIN = "the-key-of-a-plain-caller"
BUDGET = 50
WRONG = "prompt,seconds\nA red fox in the snow,4\nThe same fox at night,7\n,4\n"
RIGHT = "prompt,seconds\nA red fox in the snow,4\nThe same fox at night,8\n"
ONE_BY_ONE = "prompt,seconds\n" + "A fox,4\n" * 3
SAVED = """(() => {
  window.saved = [];
  const make = URL.createObjectURL;
  URL.createObjectURL = (blob) => {
    blob.text().then((text) => saved.push(text));
    return make.call(URL, blob);
  };
})()"""
SMALL = (
    "[...document.querySelectorAll('a[href], button, select, textarea, summary')]"
    ".filter(each => each.checkVisibility() && !each.matches('.skip'))"
    ".map(each => [each.textContent, each.getBoundingClientRect().height])"
    ".filter(([, height]) => height < 24)"
)

STILL = "document.getAnimations().length === 0"
"""Once the page has the colours of another scheme: they come level by level."""


@pytest.fixture(scope="module")
def boss(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """An admin, on a stack of this module's own: it pauses a deployment."""
    data = tmp_path_factory.mktemp("operators")
    config = data / "simulator.json"
    config.write_text(
        json.dumps({"render_times": [{"distribution": {"type": "fixed", "seconds": 40}}]})
    )
    callers = json.loads(local_settings()["CALLERS"])
    callers["plain"] = {
        "key_sha256": [hashlib.sha256(PLAIN.encode()).hexdigest()],
        "budget_usd_per_month": BUDGET,
    }
    overrides = {"TIME_SCALE": "60", "CALLERS": json.dumps(callers)}
    stack = Stack(data, Ports.any_free(), overrides=overrides, simulator_config=config)
    with stack, local_caller(stack) as caller:
        yield caller


@pytest.fixture(scope="module")
def plain(boss: Client) -> Iterator[Client]:
    caller = client(boss.stack, PLAIN)
    yield caller
    caller.http.close()


@pytest.fixture(scope="module")
def page(plain: Client) -> Iterator[Page]:
    """The plain caller's."""
    with studio(plain.stack, key=PLAIN) as opened:
        yield opened


@pytest.fixture(scope="module")
def bosses(boss: Client) -> Iterator[Page]:
    with studio(boss.stack) as opened:
        yield opened


def enter_room(page: Page, name: str) -> None:
    page.click(f"nav.rooms >> text={name}")
    page.until(f"document.querySelector('#content h1')?.textContent === '{name}'")


def choose(page: Page, folder: Path, name: str, table: str) -> None:
    """Choose a file in the room of batches."""
    enter_room(page, "Batches")
    file = folder / name
    file.write_text(table)
    page.call("setInputFiles", "input[type=file]", str(file))


def start(page: Page, folder: Path, name: str, table: str, *, budget: str, most: str = "") -> None:
    choose(page, folder, name, table)
    page.call("waitForSelector", "#budget")
    page.fill("#budget", budget)
    page.fill("#most", most)
    page.press("#budget", "Enter")
    page.call("waitForSelector", ".progress-line")


def is_shown(page: Page, status: str) -> None:
    page.until(f"document.querySelector('.batch-head .pill')?.textContent === '{status}'")


def counts(plain: Client, page: Page) -> dict[str, Any]:
    """Of the batch in view, by the API."""
    batch_id = page.run("location.hash.split('/').pop()")
    answer = plain.http.get(f"{plain.stack.api}/batches/{batch_id}").json()
    found: dict[str, Any] = answer["request_counts"]
    return {**found, "paused": answer["paused"]}


def settled(plain: Client) -> str:
    answer = plain.http.get(f"{plain.stack.api}/usage").json()
    return str(answer["total"]["settled"])


def test_errors_are_shown_before_anything_is_spent_and_then_it_runs_to_the_end(
    plain: Client, page: Page, tmp_path: Path
) -> None:
    choose(page, tmp_path, "wrong.csv", WRONG)
    page.says(".verdict", "2 problems, and nothing was spent")
    rows = page.run("[...document.querySelectorAll('.problems tbody tr')].map(e => e.innerText)")
    assert [row.split()[0] for row in rows] == ["3", "4"]
    assert "seconds 7 is not supported" in rows[0]
    assert "prompt" in rows[1]
    assert plain.http.get(f"{plain.stack.api}/videos").json()["data"] == []
    assert plain.http.get(f"{plain.stack.api}/usage").json()["total"]["videos"] == 0

    choose(page, tmp_path, "right.csv", RIGHT)
    page.becomes("document.querySelector('.verdict.good')?.textContent", "Every line is right.")
    page.becomes("document.querySelector('.panel .amount')?.textContent", "$1.20")
    page.fill("#budget", "a lot")
    page.press("#budget", "Enter")
    page.says("#budget-error", "An amount such as")
    page.fill("#budget", "2")
    page.press("#budget", "Enter")
    is_shown(page, "Done")
    page.becomes("document.querySelector('.progress-line .amount')?.textContent", "100 %")
    page.run(SAVED)
    page.click(".file >> text=All lines as a table")
    table = page.until("window.saved[0]").splitlines()
    assert [line.split(",")[1] for line in table] == ["custom_id", "row-2", "row-3"]
    assert settled(plain) == "1.20"


def test_money_shows_what_was_spent(plain: Client, page: Page, tmp_path: Path) -> None:
    if settled(plain) == "0.00":  # alone
        start(page, tmp_path, "film.csv", RIGHT, budget="2")
        is_shown(page, "Done")
    spent = f"${settled(plain)}"
    enter_room(page, "Money")
    page.until(f"document.querySelector('.headline .amount')?.textContent === '{spent} / $50.00'")
    day = time.gmtime().tm_mday
    page.until(f"document.querySelector('.day:nth-child({day}) .part.settled')?.clientHeight > 20")
    page.click("text=These days as a table")
    by_day = page.run("document.querySelector('.chart ~ details tbody').innerText")
    assert spent in by_day
    assert len(by_day.splitlines()) == 1
    by_model = "[...document.querySelectorAll('[aria-labelledby=by-group] tbody tr')]"
    rows = page.until(f"{by_model}.map(e => e.innerText)")
    assert [(row.split()[0], spent in row) for row in rows] == [("sora-2", True)]
    page.click(".option:has(input[value=batch])")
    page.call("waitForSelector", "[aria-labelledby=by-group] tbody a >> nth=0")
    page.click("[aria-label='The month before']")
    page.call("waitForSelector", ".money .empty")


def test_a_batch_is_paused_and_goes_on(
    boss: Client, plain: Client, page: Page, tmp_path: Path
) -> None:
    # nothing of it ends before it is paused
    boss.http.post(f"{boss.stack.api}/deployments/sora-2/pause").raise_for_status()
    start(page, tmp_path, "slow.csv", ONE_BY_ONE, budget="5", most="1")
    page.press(".orders .button:has-text('Pause')", "Enter")
    is_shown(page, "Paused")
    boss.http.post(f"{boss.stack.api}/deployments/sora-2/resume").raise_for_status()
    limit = time.monotonic() + 60
    while (now := counts(plain, page))["running"]:
        assert time.monotonic() < limit
        time.sleep(0.1)
    assert (now["paused"], now["completed"] < 2, now["not_started"] >= 2) == (True, True, True)
    page.press(".orders .button:has-text('Go on')", "Enter")
    is_shown(page, "Done")
    assert counts(plain, page)["completed"] == 3


def test_what_the_budget_did_not_reach_for_is_tried_again_with_more(
    plain: Client, page: Page, tmp_path: Path
) -> None:
    start(page, tmp_path, "short.csv", ONE_BY_ONE, budget="0.5")
    page.call("waitForSelector", ".notice:has-text('the budget did not reach')")
    page.click("text=Try the rest again")
    page.call("waitForSelector", "dialog[open]")
    page.becomes("document.querySelector('#retry-budget').value", "0.80")
    page.press("#retry-budget", "Enter")
    page.until("document.querySelector('.batch-head')?.textContent.includes('the rest of')")
    is_shown(page, "Done")
    assert counts(plain, page)["completed"] == 2


def test_a_batch_that_is_cancelled_says_what_it_cost(
    boss: Client, page: Page, tmp_path: Path
) -> None:
    boss.http.post(f"{boss.stack.api}/deployments/sora-2/pause").raise_for_status()
    start(page, tmp_path, "never.csv", ONE_BY_ONE, budget="5")
    page.click(".orders .button:has-text('Cancel')")
    page.says("dialog", "cancelled at no cost")
    page.call("context.setOffline", True)
    page.click("dialog .button.danger")
    page.call("waitForSelector", ".connection .notice.bad")
    page.call("context.setOffline", False)  # it is sent again by itself
    is_shown(page, "Cancelled")
    page.problems.clear()  # the browser reports every request that failed
    boss.http.post(f"{boss.stack.api}/deployments/sora-2/resume").raise_for_status()
    amounts = page.run("document.querySelector('.amounts').innerText")
    assert "Spent\n$0.00" in amounts


def test_an_admin_pauses_and_resumes_a_deployment(
    boss: Client, plain: Client, bosses: Page
) -> None:
    enter_room(bosses, "Operate")
    bosses.call("reload")  # whose room it is, is asked again
    bosses.press("[aria-label='sora-2'] .button", "Enter")
    bosses.until("document.querySelector('.pill.held')?.textContent === 'Paused'")
    assert "sora-2 is paused" in bosses.text(".operate > [role=status]")
    video = plain.create(prompt="a fox that waits", model="sora-2")
    plain.wait(video["id"], until=lambda seen: seen["stage"] == "waiting_for_quota")
    bosses.until("document.querySelector('.fact b').textContent === '1'")
    bosses.press("[aria-label='sora-2'] .button:has-text('Resume')", "Enter")
    bosses.until("!document.querySelector('.pill.held')")
    assert plain.wait(video["id"])["status"] == "completed"


def test_for_a_plain_caller_that_room_is_not_there(page: Page) -> None:
    enter_room(page, "Money")
    rooms = page.run("[...document.querySelectorAll('nav.rooms a')].map(e => e.textContent)")
    assert rooms == ["Make", "Look", "Batches", "Money"]
    page.run("void (location.hash = '#/operate')")
    page.says("#content .notice", "There is nothing here")


def test_axe_finds_nothing_and_a_phone_shows_it_all(
    boss: Client, bosses: Page, tmp_path: Path
) -> None:
    bosses.run(AXE)
    found: dict[str, Any] = {}

    def look(where: str) -> None:
        for scheme, size in (("light", {"width": 1280, "height": 800}), ("dark", PHONE)):
            bosses.call("setViewportSize", size)
            bosses.call("emulateMedia", {"colorScheme": scheme, "reducedMotion": "reduce"})
            bosses.until(STILL)
            wide = bosses.run("document.documentElement.scrollWidth") - size["width"]
            bosses.becomes(VIOLATIONS, [])
            said = [*bosses.run(SMALL), *([wide] if wide > 0 else [])]
            if said:
                found[f"{where}, {scheme}"] = said

    choose(bosses, tmp_path, "wrong.csv", WRONG)
    bosses.call("waitForSelector", ".problems tbody tr >> nth=0")
    look("problems")
    choose(bosses, tmp_path, "right.csv", RIGHT)
    bosses.call("waitForSelector", "#budget")
    look("terms")
    bosses.press("#budget", "Enter")
    is_shown(bosses, "Done")
    look("batch")
    enter_room(bosses, "Batches")
    bosses.call("waitForSelector", ".shelf-row >> nth=0")
    look("batches")
    enter_room(bosses, "Money")
    bosses.call("waitForSelector", ".chart")
    bosses.call("waitForSelector", ".bar-column >> nth=0")
    look("money")
    boss.http.post(f"{boss.stack.api}/deployments/sora/pause").raise_for_status()
    enter_room(bosses, "Operate")
    bosses.call("waitForSelector", ".pill.held")
    look("operate")
    boss.http.post(f"{boss.stack.api}/deployments/sora/resume").raise_for_status()
    assert found == {}
