"""What goes wrong around the page: it goes on by itself, and never makes a video twice."""

from __future__ import annotations

import pytest
from azure.storage.blob import BlobServiceClient, CorsRule

from local.stack import HOST
from tests.studio.pages import OTHER_KEY, PLAYS, PRICED, address, enter, make, plays, studio
from tests.support.stacks import Client, client

pytestmark = pytest.mark.studio

LOST = "document.querySelector('.connection .notice.bad') !== null"


def prompts(caller: Client) -> list[str]:
    listed = caller.http.get(f"{caller.stack.api}/videos?limit=100").json()["data"]
    return [each["prompt"] for each in listed]


def test_a_host_that_is_killed_is_waited_for_and_found_again(mine: Client) -> None:
    with studio(mine.stack) as page:
        make(page, "A bridge in a storm")
        page.call("waitForSelector", ".waiting >> nth=0")
        mine.stack.child(HOST).kill()
        page.until(LOST)
        mine.stack.restart_host()
        page.until(f"!({LOST})", seconds=60)  # nobody presses anything
        plays(page, "A bridge in a storm")
        page.problems.clear()  # the browser reports every request that failed


def test_a_lost_connection_is_tried_less_and_less_often(mine: Client) -> None:
    with studio(mine.stack) as page:
        make(page, "A raft at sea")
        page.call("waitForSelector", ".waiting >> nth=0")
        page.call("context.setOffline", True)
        page.until(LOST)
        page.run("performance.clearResourceTimings()")
        # 1, 2, 4 s: each try is announced with the seconds until the next one
        page.until("/in [4-9] s/.test(document.querySelector('.connection').textContent)")
        tries = page.run("performance.getEntriesByType('resource').length")
        assert tries <= 16  # four at once, four times
        page.call("context.setOffline", False)  # the browser says so, and nothing is waited for
        page.until(f"!({LOST})")
        page.problems.clear()


@pytest.mark.parametrize("answered", [True, False])
def test_a_reload_while_a_create_is_under_way_makes_one_video(mine: Client, answered: bool) -> None:
    """Whether or not the app had the first request."""
    prompt = f"A mill, answered {answered}"
    with studio(mine.stack) as page:
        page.run(
            "{ const real = window.fetch; window.fetch = async (url, options) => {"
            " if (options?.method !== 'POST' || !url.endsWith('/videos'))"
            " return real(url, options);"
            f" if ({str(answered).lower()}) await real(url, options);"
            " window.sent = true; return new Promise(() => {}); }; }"
        )
        make(page, prompt)
        page.until("window.sent === true")
        page.call("reload")
        plays(page, prompt)
    assert prompts(mine).count(prompt) == 1


CUT_OFF = (
    "real(url, options).then(async answer =>"
    " new Response((await answer.text()).slice(0, -1), answer))"
)
STOPPED = "new Response('<h1>404 Web Site not found.</h1>', {status: 404})"
"""What Azure says in front of an app that is stopped, or begins."""


@pytest.mark.parametrize(
    ("prompt", "instead"), [("A path that breaks off", CUT_OFF), ("A path to a gate", STOPPED)]
)
def test_an_answer_that_is_none_of_the_apps_is_asked_for_again(
    mine: Client, prompt: str, instead: str
) -> None:
    """Of a create, which is made once all the same, and of what is looked at."""
    with studio(mine.stack) as page:
        page.until(PRICED)
        page.run(
            "{ const real = window.fetch, cut = new Set();"
            " window.fetch = (url, options) => {"
            " const kind = (options?.method ?? 'GET') + url.replace(/video_\\w+/, 'one');"
            " if (!/videos(.one)?$/.test(kind) || cut.has(kind)) return real(url, options);"
            " cut.add(kind);"
            f" return Promise.resolve({instead}); }}; }}"
        )
        make(page, prompt)
        plays(page, prompt)
    assert prompts(mine).count(prompt) == 1


def test_what_was_made_while_the_page_slept_is_all_there(mine: Client) -> None:
    """Of which the newest page has only a part."""
    slept = [f"While the laptop was closed, {number}" for number in range(3)]
    shown = "[...document.querySelectorAll('.tile .said')].map(each => each.textContent)"
    with studio(mine.stack) as page:
        page.call("waitForSelector", ".tile, .first >> nth=0")
        page.run(
            "{ const real = window.fetch; window.fetch = async (url, options) => {"
            " const answer = await real(url, options);"
            " if (!/videos.limit=20$/.test(url)) return answer;"
            " const list = await answer.json();"
            " const data = list.data.slice(0, 1);"
            " const short = {...list, data, last_id: data[0]?.id ?? null, has_more: true};"
            " return new Response(JSON.stringify(short)); }; }"
        )
        page.call("context.setOffline", True)
        for each in [mine.create(prompt=each, model="sora-2") for each in slept]:
            mine.wait(each["id"])
        page.call("context.setOffline", False)
        page.until(f"{shown}.includes({slept[2]!r})")
        page.until(f"{slept!r}.every(each => {shown}.includes(each))", seconds=40)
        page.problems.clear()


def test_what_failed_is_tried_again_where_it_is_seen_and_as_it_was(mine: Client) -> None:
    """From the room that shows one video, and never with another model in its place."""
    gone, there = "A film of a model that is gone", "A film of a model that is there"
    ids = {}
    for prompt, model in ((gone, "sora"), (there, "sora-2")):
        ids[prompt] = mine.create(prompt=prompt, model=model)["id"]
        mine.http.post(f"{mine.stack.api}/videos/{ids[prompt]}/cancel").raise_for_status()
    with studio(mine.stack) as page:
        page.call(
            "addInitScript",
            {
                "content": "{ const real = window.fetch; window.fetch = async (url, options) => {"
                " const answer = await real(url, options);"
                " if (!/models$/.test(url)) return answer;"
                " const list = await answer.json();"
                " const data = list.data.filter(each => each.id !== 'sora');"
                " return new Response(JSON.stringify({...list, data})); }; }"
            },
        )
        page.call("reload")
        page.call("waitForSelector", "#model")
        for prompt in (gone, there):
            page.run(f"void (location.hash = '#/look/{ids[prompt]}')")
            page.click(".failure .button >> text=Try again")
            page.becomes("document.querySelector('#prompt')?.value", prompt)
        page.call("waitForSelector", f'.waiting[aria-label="{there}"]')
    assert [prompts(mine).count(each) for each in (gone, there)] == [1, 2]


def test_two_tabs_with_two_keys_never_mix(mine: Client) -> None:
    """They share a service worker, which asks the tab that wants the film."""
    other = client(mine.stack, OTHER_KEY)
    theirs = other.create(prompt="For the other one only", model="sora-2")["id"]
    assert other.wait(theirs)["status"] == "completed"
    ours = mine.create(prompt="For us only", model="sora-2")["id"]
    assert mine.wait(ours)["status"] == "completed"
    status = (
        "fetch('/openai/v1/videos/{}/content', {{headers: {{range: 'bytes=0-99'}}}})"
        ".then(answer => answer.status)"
    )
    with studio(mine.stack) as page, page.tab() as tab:
        tab.open(address(mine.stack))
        enter(tab, OTHER_KEY)
        plays(tab, "For the other one only")
        plays(page, "For us only")
        assert tab.run(status.format(theirs)) == page.run(status.format(ours)) == 206
        assert tab.run(status.format(ours)) == page.run(status.format(theirs)) == 404
        page.problems.clear()
        page.click("text=Sign out")
        page.call("waitForSelector", "#key")
        assert page.run(status.format(ours)) == 401
        page.problems.clear()
        assert tab.run(status.format(theirs)) == 206
    other.http.close()


def test_what_was_sent_for_one_caller_is_never_repeated_for_the_next(mine: Client) -> None:
    other = client(mine.stack, OTHER_KEY)
    with studio(mine.stack) as page:
        page.run("navigator.serviceWorker.ready.then(() => undefined)")
        page.until(PRICED)
        page.call("context.setOffline", True)
        make(page, "Paid by nobody else")
        page.until(LOST)
        page.click("text=Sign out")
        page.call("waitForSelector", "#key")
        page.call("context.setOffline", False)
        enter(page, OTHER_KEY)
        page.call("waitForSelector", "#prompt")
        page.becomes("document.querySelector('#prompt').value", "")
        make(page, "Paid by the other one")
        plays(page, "Paid by the other one")
        page.problems.clear()
    assert "Paid by nobody else" not in prompts(other) + prompts(mine)
    other.http.close()


def test_where_storage_lets_no_page_read_films_come_through_the_app(mine: Client) -> None:
    """As in a deployment from before the studio."""
    video = mine.create(prompt="A film from an older deployment", model="sora-2")
    mine.wait(video["id"])
    connection = mine.stack.settings["STORAGE_CONNECTION"]
    with BlobServiceClient.from_connection_string(connection) as blobs:
        rules = [
            CorsRule(
                allowed_origins=rule.allowed_origins.split(","),
                allowed_methods=rule.allowed_methods.split(","),
                allowed_headers=rule.allowed_headers.split(","),
                exposed_headers=rule.exposed_headers.split(","),
                max_age_in_seconds=rule.max_age_in_seconds,
            )
            for rule in blobs.get_service_properties()["cors"]
        ]
        blobs.set_service_properties(cors=[])
        try:
            with studio(mine.stack) as page:
                plays(page, "A film from an older deployment")
                assert page.run("navigator.serviceWorker.controller !== null")
                page.problems.clear()  # the browser reports what CORS has refused
        finally:
            blobs.set_service_properties(cors=rules)


def test_with_content_delivery_stream_films_come_through_the_app(mine: Client) -> None:
    video = mine.create(prompt="A film behind a wall", model="sora-2")
    mine.wait(video["id"])
    before = mine.stack.overrides
    mine.stack.overrides = {**before, "CONTENT_DELIVERY": "stream"}
    mine.stack.child(HOST).stop()
    mine.stack.restart_host()
    try:
        with studio(mine.stack) as page:
            plays(page, "A film behind a wall")
            page.run("document.querySelector('video.player').currentTime = 3")
            page.until("document.querySelector('video.player').currentTime > 3")
            page.until(PLAYS)
    finally:
        mine.stack.overrides = before
        mine.stack.child(HOST).stop()
        mine.stack.restart_host()


def test_a_part_that_a_newer_version_has_replaced_is_no_blank_page(mine: Client) -> None:
    with studio(mine.stack) as page:
        page.call("context.setOffline", True)
        page.run("void (location.hash = '#/look')")
        page.call("waitForSelector", "text=Load the page again")
        page.call("context.setOffline", False)
        page.click("text=Load the page again")
        page.call("waitForSelector", "#look-title")
        page.problems.clear()


def test_a_fragment_that_nobody_can_read_is_no_blank_page(mine: Client) -> None:
    with studio(mine.stack) as page:
        page.open(f"{address(mine.stack)}#/%")
        page.call("reload")
        page.call("waitForSelector", "text=There is nothing here.")


def test_nothing_that_one_caller_was_told_is_shown_to_the_next(mine: Client) -> None:
    """The price of the form is one of those things: with it the next one's first press came to
    nothing, because what can be asked for was not known yet."""
    with studio(mine.stack) as page:
        page.until(PRICED)
        page.run(
            "{ const real = window.fetch;"
            " const refusal = {error: {message: 'Said to the first one', charged: false}};"
            " window.fetch = (url, ...more) => /models$/.test(url) ? new Promise(() => {})"
            " : /videos$/.test(url) && more[0].method === 'POST'"
            " ? Promise.resolve(new Response(JSON.stringify(refusal), {status: 400}))"
            " : real(url, ...more); }"
        )
        make(page, "A fox for the first one")
        page.until("document.body.innerText.includes('Said to the first one')")
        page.click("text=Sign out")
        page.call("waitForSelector", "#key")
        enter(page, OTHER_KEY)
        page.call("waitForSelector", "#prompt")
        assert not page.run(PRICED)
        page.becomes("document.querySelector('#prompt').value", "")
        assert "first one" not in page.run("document.body.innerText")
        page.problems.clear()
