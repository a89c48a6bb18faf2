"""Nothing secret is written down anywhere: a run of everything, and then a search of all it left.

The run goes through each way a secret can take: callers' keys and tokens, good and bad; images as
files, data URLs and links; an upstream that repeats its key and the prompt in its errors; faults of
the upstream and of storage; redirects, remixes, deletions.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.storage.accounts import Account
from shared.storage.names import (
    APPROVALS,
    CONTAINERS,
    INPUTS_CONTAINER,
    OUTBOX,
    TABLES,
    VIDEOS,
)
from tests.conftest import Simulator
from tests.support import leaks, loopback
from tests.support.leaks import Captured, Secret
from tests.support.media import picture
from tests.support.stacks import Client
from tests.support.watched import MEMBER, Watched, blob_requests, watched

HOOK = {"webhook": "hook"}
"""Asks for the webhook of the watched stack."""
PROMPT = "prompts"
LINK = "signed links"
Rule = tuple[str, dict[str, Any]]
"""An operation of the upstream, and what is to go wrong with it."""


@dataclass
class Run:
    """A run under way: who asks, what was answered, and what of it is secret."""

    watched: Watched
    simulator: Simulator
    images_at: str
    link_secret: str
    answers: list[Captured] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)
    videos: list[tuple[Client, str]] = field(default_factory=list)

    def caller(self, headers: dict[str, str]) -> Client:
        """Somebody with these headers, all of whose answers are kept."""
        client = self.watched.client(None)
        client.http.headers.update(headers)
        client.http.event_hooks["response"] = [self._keep]
        return client

    def prompt(self) -> str:
        """A prompt that nobody else can have written."""
        words = f"an otter named {secrets.token_hex(12)}"
        self.secrets.append(leaks.text(PROMPT, words))
        return words

    def image(self, kind: str = "PNG", size: tuple[int, int] = (720, 1280)) -> bytes:
        data = picture(*size, kind, seed=len(self.secrets))
        self.secrets.append(leaks.binary("an image", data))
        return data

    def keep(self, client: Client, answer: httpx.Response) -> str:
        """Note a video that was made; its id."""
        assert answer.status_code == 200, answer.text
        video_id = str(answer.json()["id"])
        self.videos.append((client, video_id))
        return video_id

    def finish(self) -> None:
        """Wait for every video that was made and is still there."""
        for client, video_id in self.videos:
            found = client.http.get(f"{client.stack.api}/videos/{video_id}")
            if found.status_code == 200:
                client.wait(video_id)
        self.videos.clear()

    def _keep(self, answer: httpx.Response) -> None:
        if not str(answer.url).startswith(self.watched.stack.api.removesuffix("openai/v1")):
            return  # the blob server's
        answer.read()
        headers = dict(answer.headers)
        if answer.status_code == 302 and answer.request.url.path.endswith("/content"):
            del headers["location"]  # the one place where a signed link belongs
        kind = answer.headers.get("content-type", "")
        body = answer.content if kind.startswith("application/json") else b""
        line = f"{answer.request.method} {answer.url} {json.dumps(headers)} ".encode()
        self.answers.append(Captured("an answer", line + body, allowed=(PROMPT,)))


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A stack of its own: it ends within the test, and then its logs are complete."""
    link_secret = secrets.token_urlsafe(24)
    image = picture(720, 1280, "JPEG", seed=99)

    def page(path: str) -> loopback.Page:
        if not path.endswith(f"?sig={link_secret}"):
            return 403, "text/plain", f"bad link {link_secret}".encode()
        return 200, "image/jpeg", image

    with loopback.serving(page) as images_at, watched(tmp_path) as running:
        each = Run(running, Simulator(running.stack.simulator_url), images_at, link_secret)
        each.secrets += [
            leaks.text("the owner's key", running.owner),
            leaks.text("another caller's key", running.other),
            leaks.text("an agent's key", running.asking),
            leaks.text("the upstream's key", running.upstream_key),
            leaks.text("the storage account's key", running.account_key),
            leaks.text("the webhook's secret", running.hook_secret),
            leaks.text("the upstream's signing secret", running.callback_secret),
            leaks.text(
                "the upstream's signing secret", running.callback_secret.removeprefix("whsec_")
            ),
            leaks.text("the webhook's secret", running.hook_secret.removeprefix("whsec_")),
            leaks.text("the secret in an image's address", link_secret),
            leaks.binary("an image", image),
            leaks.literal(LINK, "sig="),
            leaks.literal(LINK, "sig%3D"),
        ]
        yield each


def test_no_secret_is_written_down(run: Run) -> None:
    stack = run.watched.stack
    good_requests(run)
    bad_requests(run)
    an_agent(run)
    an_upstream_that_talks_too_much(run)
    account = Account(connection=stack.settings["STORAGE_CONNECTION"])
    captured = [*stored(account)]
    assert inputs_left(account) == []
    histories = httpx.get(
        f"{stack.api.removesuffix('/openai/v1')}/runtime/webhooks/durabletask/instances",
        params={"top": 1000, "showInput": "true"},
        trust_env=False,
    ).json()
    assert len(histories) >= 8
    captured.append(Captured("the instances", json.dumps(histories).encode()))
    account.close()

    stack.child("Azurite").stop()
    nothing_works(run)
    stack.stop()  # the logs are complete, the databases are closed

    captured += run.answers
    captured += [Captured("an event", told, (PROMPT,)) for told in run.watched.told]
    captured += left_on_disk(stack.data)
    run.secrets += [leaks.text("a token", token) for token in run.watched.tenant.issued]
    run.secrets += [
        leaks.text("a token's signature", token.rpartition(".")[2])
        for token in run.watched.tenant.issued
        if not token.endswith(".")
    ]
    assert [str(each.source) for each in captured if not each.data] == []
    assert_it_was_captured(captured)
    assert leaks.found(run.secrets, captured) == []
    assert_the_search_can_fail(run, captured)

    for request in blob_requests(stack.storage_log):
        if request.by_link:
            assert request.method == "GET"
            assert "/videos/" in request.url


def good_requests(run: Run) -> None:
    """Each way to bring an image and a key, and to get the result."""
    w, api = run.watched, run.watched.stack.api
    owner = run.caller({"authorization": f"Bearer {w.owner}"})
    by_header = run.caller({"api-key": w.owner})
    member = run.caller({"authorization": f"Bearer {w.tenant.token(MEMBER)}"})

    file = {"input_reference": ("otter.png", run.image(size=(900, 900)), "image/png")}
    answer = owner.http.post(f"{api}/videos", data={"prompt": run.prompt()}, files=file)
    first = run.keep(owner, answer)
    fitted = Account(connection=w.stack.settings["STORAGE_CONNECTION"])
    blob = fitted.container(INPUTS_CONTAINER).download_blob(f"{first}/input-0").readall()
    run.secrets.append(leaks.binary("an image, made to fit", blob))
    fitted.close()

    data = base64.b64encode(run.image(size=(480, 480))).decode()
    run.secrets.append(leaks.literal("an image as text", data[200:260]))
    item = {"frame_index": 0, "image_url": f"data:image/png;base64,{data}"}
    body = {"model": "sora", "prompt": run.prompt(), "size": "480x480", "seconds": "5", **HOOK}
    many = by_header.http.post(
        f"{api}/videos", json={**body, "n_variants": 2, "inpaint_items": [item]}
    )
    run.keep(by_header, many)
    link = {"image_url": f"{run.images_at}/otter.jpg?sig={run.link_secret}"}
    run.keep(
        member,
        member.http.post(
            f"{api}/videos",
            json={"prompt": run.prompt(), "input_reference": link, "metadata": {"a": run.prompt()}},
            headers={"Idempotency-Key": "once"},
        ),
    )
    made = run.videos[:]
    run.finish()
    for client, video_id in made:
        video = client.get(video_id)
        assert video["status"] == "completed", video
        for output in video["outputs"]:
            assert client.http.get(output["url"], follow_redirects=True).status_code == 200
            assert client.http.head(output["url"]).status_code == 200
            streamed = client.http.get(output["url"], params={"stream": "true"})
            assert streamed.status_code == 200
    run.keep(owner, owner.http.post(f"{api}/videos/{first}/remix", json={"prompt": run.prompt()}))
    run.finish()
    for client in (owner, by_header, member):
        assert client.http.get(f"{api}/videos").json()["data"]
    assert owner.http.delete(f"{api}/videos/{first}").status_code == 200


def bad_requests(run: Run) -> None:
    """What is refused, with the secret in whatever place it was put by mistake."""
    w, api = run.watched, run.watched.stack.api
    owner = run.caller({"authorization": f"Bearer {w.owner}"})
    otter = run.prompt()
    bodies: list[Any] = [
        {"prompt": otter, "size": "1x1"},
        {"prompt": [otter]},
        {"prompt": {"text": otter}},
        {"prompt": otter, "seconds": otter},
        {"prompt": otter, "n_variants": 99},
        {"prompt": otter, "input_reference": {"image_url": f"https://x.invalid/?sig={w.other}"}},
        {"prompt": otter, "input_reference": {"image_url": f"{run.images_at}/a?s={w.other}"}},
        {"prompt": otter, "input_reference": {"image_url": "data:image/png;base64,!!"}},
        {"prompt": otter, "inpaint_items": otter},
        {"prompt": otter, "model": "sora-9000"},
        {"prompt": otter * 2000},
        otter,
    ]
    for body in bodies:
        answer = owner.http.post(f"{api}/videos", json=body)
        assert answer.status_code == 400, answer.text
    for content in (b"{" + run.image()[:5000], f'{{"prompt": "{otter}'.encode()):
        refused = owner.http.post(
            f"{api}/videos", content=content, headers={"content-type": "application/json"}
        )
        assert refused.status_code == 400
    broken = {"input_reference": ("otter.png", run.image()[:20_000], "image/png")}
    refused = owner.http.post(f"{api}/videos", data={"prompt": otter}, files=broken)
    assert refused.status_code == 400, refused.text

    strangers = {
        "a mistyped key": w.owner[:-4] + "abcd",
        "an expired token": w.tenant.token(MEMBER, exp=1_700_000_000),
        "an unsigned token": w.tenant.unsigned_token(MEMBER),
        "a token of nobody": w.tenant.token("11111111-2222-4333-8444-555555555555"),
    }
    run.secrets.append(leaks.text("a mistyped key", strangers["a mistyped key"]))
    for name, credential in strangers.items():
        stranger = run.caller({"authorization": f"Bearer {credential}"})
        for method, path in (("POST", "videos"), ("GET", "videos"), ("GET", "nothing")):
            answer = stranger.http.request(method, f"{api}/{path}", json={"prompt": otter})
            assert answer.status_code in (401, 404), name


def an_agent(run: Run) -> None:
    """Its tools, and a person's approval; what it gets wrong, with the secret in every place."""
    w, api = run.watched, run.watched.stack.api
    origin = api.removesuffix("/openai/v1")
    asking = run.caller({"authorization": f"Bearer {w.asking}"})
    owner = run.caller({"authorization": f"Bearer {w.owner}"})

    def call(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
        params = {"name": tool, "arguments": arguments}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        answer = client.http.post(f"{origin}/mcp", json=message)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()["result"]["structuredContent"]
        return told

    data = base64.b64encode(run.image(size=(720, 1280))).decode()
    dear = {
        "prompt": run.prompt(),
        "seconds": 8,
        "input_reference": {"image_url": f"data:image/png;base64,{data}"},
        "request_id": "dear",
        "max_usd": 2,
    }
    approval = call(asking, "create_video", **dear)["approval"]
    assert owner.http.get(approval["url"]).status_code == 200
    path = f"{api}/approvals/{approval['id']}"
    assert owner.http.get(path).json()["status"] == "pending"
    given = {"estimated": approval["estimated"]}
    assert owner.http.post(f"{path}/approve", json=given).status_code == 200
    made = call(asking, "create_video", **dear)["id"]
    run.videos.append((asking, made))
    run.finish()
    assert call(asking, "get_video", video_id=made)["status"] == "completed"
    otter = run.prompt()
    for tool, arguments in (
        ("create_video", {"prompt": otter, "request_id": otter * 9, "max_usd": otter}),
        ("create_video", {"prompt": [otter], "request_id": "r", "max_usd": 1}),
        ("create_video", {"prompt": otter, "request_id": "r", "max_usd": 1, "note": otter}),
        ("get_video", {"video_id": otter}),
        ("list_videos", {"after": otter}),
    ):
        assert call(owner, tool, **arguments)["charged"] is False
    for message in (
        {"jsonrpc": "2.0", "id": 1, "method": otter},
        {"jsonrpc": "2.0", "id": {"a": otter}, "method": "ping"},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": w.other}},
    ):
        assert "error" in owner.http.post(f"{origin}/mcp", json=message).json()


def an_upstream_that_talks_too_much(run: Run) -> None:
    """Faults, with the key and the prompt in the words of the errors."""
    w, api = run.watched, run.watched.stack.api
    owner = run.caller({"authorization": f"Bearer {w.owner}"})

    def order(rules: Callable[[str], Iterable[Rule]]) -> str:
        prompt = run.prompt()
        said = f"Incorrect API key provided: {w.upstream_key}. Your prompt was '{prompt}'."
        run.simulator.script(
            *(
                {"operation": name, "match": {"prompt_contains": prompt}, "action": action}
                for name, action in rules(said)
            )
        )
        return run.keep(owner, owner.http.post(f"{api}/videos", json={"prompt": prompt}))

    def refused_with(status: int) -> Callable[[str], Iterable[Rule]]:
        return lambda said: [("create", {"type": "status", "status": status, "message": said})]

    for status in (429, 400, 500):
        order(refused_with(status))
    order(lambda said: [("create", {"type": "fail", "message": said})])
    order(
        lambda said: [
            ("get", {"type": "status", "status": 500, "message": said}),
            ("get", {"type": "drop", "when": "after"}),
            ("content", {"type": "status", "status": 403, "message": said}),
            ("content", {"type": "truncated", "share": 0.5}),
            ("content", {"type": "redirect", "status": 302}),
        ]
    )
    run.finish()
    cancelled = order(lambda _: [("create", {"type": "stuck"})])
    owner.wait(cancelled, until=lambda video: video["stage"] == "rendering")
    assert owner.http.post(f"{api}/videos/{cancelled}/cancel").status_code == 200
    deleted = order(lambda _: [("create", {"type": "stuck"})])
    assert owner.http.delete(f"{api}/videos/{deleted}").status_code == 200
    # the last word: it takes the deployment out of service
    order(refused_with(401))
    order(refused_with(410))
    run.finish()


def nothing_works(run: Run) -> None:
    """Storage is gone: faults of ours, with their tracebacks."""
    owner = run.caller({"authorization": f"Bearer {run.watched.owner}"})
    answer = owner.http.get(f"{owner.stack.api}/videos")
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "unavailable"


def stored(account: Account) -> Iterator[Captured]:
    """Every row of every table, and every blob's name, properties and text."""
    for name in TABLES:
        rows = account.tables.get_table_client(name).list_entities()
        allowed = (PROMPT,) if name in (VIDEOS, OUTBOX, APPROVALS) else ()
        yield Captured(f"the table {name}", name.encode() + leaks.as_text(rows), allowed)
    for container in CONTAINERS:
        for blob in account.container(container).list_blobs(include=["metadata"]):
            kind = blob.content_settings.content_type
            known = f"{blob.name} {blob.metadata} {blob.content_settings}".encode()
            if kind == "application/json":
                known += account.container(container).download_blob(blob.name).readall()
            yield Captured(f"the blob {container}/{blob.name}", known, (PROMPT,))


def inputs_left(account: Account) -> list[str]:
    return [blob.name for blob in account.container(INPUTS_CONTAINER).list_blobs()]


def left_on_disk(data: Path) -> Iterator[Captured]:
    """Every log, and the host's databases: Durable's histories, inputs, outputs and messages."""
    for path in sorted([*(data / "logs").iterdir(), *(data / "host").iterdir()]):
        # storage notes what is asked of it: the links, which are a caller's by then, and rows
        allowed = (LINK, PROMPT) if path.name == "azurite-requests.log" else ()
        yield Captured(f"{path.parent.name}/{path.name}", path.read_bytes(), allowed)


def assert_it_was_captured(captured: list[Captured]) -> None:
    """That the search sees what it is meant to search."""
    by_source = {each.source: each.data for each in captured}
    log = by_source["logs/functions-host.log"]
    for event in ("video_accepted", "request_refused", "job_submitted", "submit_failed"):
        assert f"event={event}".encode() in log, event
    for event in ("output_stored", "output_not_copied", "deployment_out", "request_failed"):
        assert f"event={event}".encode() in log, event
    assert b"Traceback" in log
    assert b"generate_video" in by_source["host/taskhub.db"]
    assert b"BlobStorageContextMiddleware" in by_source["logs/azurite-requests.log"]
    assert b"an otter named" in by_source["the table videos"]
    assert b"RowKey" in by_source["the table ledger"]
    assert sum(source.endswith("manifest.json") for source in by_source) >= 3
    assert len([each for each in captured if each.source == "an answer"]) > 50
    told = [each.data for each in captured if each.source == "an event"]
    assert any(event.startswith(b"/hook\n") for event in told)
    assert any(event.startswith(b"/api/events") for event in told)


def assert_the_search_can_fail(run: Run, captured: list[Captured]) -> None:
    """Every secret, planted in every form into a log, is found there."""
    log = next(each for each in captured if each.source == "logs/functions-host.log")
    middle = len(log.data) // 2
    for secret in run.secrets:
        for needle in secret.needles:
            planted = Captured("planted", log.data[:middle] + needle + log.data[middle:])
            assert leaks.found([secret], [planted]), secret.name
    owner = run.watched.owner.encode()
    for hidden in (owner, base64.b64encode(b"Bearer " + owner), b"x" + owner.hex().encode()):
        assert leaks.found(run.secrets, [Captured("planted", hidden)])
