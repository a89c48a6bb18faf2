"""Events in and out of the running product: the local topic, the host, the commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.messaging import CloudEvent
from openai import OpenAI
from PIL import Image
from standardwebhooks import Webhook

from local.events import Topic, put
from local.ports import free_ports
from local.stack import API_KEY, HOST, ROOT, WEBHOOK, Stack
from shared.storage import names
from shared.storage.accounts import Account
from tests.conftest import Simulator
from tests.events.conftest import LATE_SECRET, Feed, environment
from tests.support.receivers import Receiver
from tests.support.stacks import Client, client
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e


def command(stack: Stack, *arguments: str) -> str:
    answer = subprocess.run(
        [sys.executable, "-m", "local", *arguments],
        cwd=ROOT,
        env=environment(stack),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def picture() -> bytes:
    data = BytesIO()
    Image.new("RGB", (64, 64), "green").save(data, "PNG")
    return data.getvalue()


def one_video(api: Client, feed: Feed, simulator: Simulator) -> dict[str, Any]:
    """The one video that comes to be, from its one event; everything about it agrees."""
    (event,) = feed.until(lambda: feed.events("VideoCompleted"))
    parsed: CloudEvent[Any] = CloudEvent.from_dict(event)
    assert parsed.type == "DurableVideo.VideoCompleted"
    video = api.get(str(parsed.subject))
    assert parsed.data == video
    assert (video["status"], video["error"]) == ("completed", None)
    assert len(simulator.journal()["jobs"]) == 1
    (queued,) = feed.events("VideoQueued")
    assert queued["subject"] == video["id"]
    return video


def test_a_dropped_prompt_file_is_one_video_and_one_event(
    whole: Stack, api: Client, feed: Feed, simulator: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "fox.txt"
    file.write_text("a fox in the snow")
    assert command(whole, "drop", str(file)) == "dropped inbox/local/fox.txt\n"
    assert one_video(api, feed, simulator)["prompt"] == "a fox in the snow"


@pytest.mark.parametrize("first", ["image", "prompt"])
def test_a_dropped_image_and_its_prompt_are_one_video_in_either_order(
    whole: Stack, api: Client, feed: Feed, simulator: Simulator, first: str
) -> None:
    name = f"local/{first} first/x.png"
    parts: list[tuple[str, bytes]] = [(name, picture()), (f"{name}.txt", b"it moves")]
    if first == "prompt":
        parts.reverse()
    log = whole.child(HOST).log
    alone = put(whole, *parts[0])
    Topic(whole).emit(alone)
    eventually(lambda: f"event_ignored event_id={alone['id']}" in log.read_text())
    Topic(whole).emit(put(whole, *parts[1]))
    assert one_video(api, feed, simulator)["prompt"] == "it moves"


@pytest.mark.parametrize("schema", ["Event Grid", "CloudEvents"])
def test_the_same_event_five_times_is_one_job(
    whole: Stack, api: Client, feed: Feed, simulator: Simulator, schema: str
) -> None:
    name = "DurableVideo.VideoRequested"
    event: dict[str, Any] = {"id": str(uuid.uuid4()), "data": {"prompt": "a fox"}, "subject": "x"}
    if schema == "CloudEvents":
        event |= {"specversion": "1.0", "type": name, "source": "/anybody"}
    else:
        event |= {
            "eventType": name,
            "topic": "/subscriptions/s/topics/local",
            "eventTime": "2026-01-01T00:00:00Z",
            "dataVersion": "1",
        }
    hook = f"http://127.0.0.1:{whole.ports.functions}/runtime/webhooks/eventgrid"

    def deliver(_: int = 0) -> int:
        parameters = {"functionName": "on_event"}
        headers = {"aeg-event-type": "Notification"}
        answer = httpx.post(
            hook, params=parameters, headers=headers, json=[event], timeout=60, trust_env=False
        )
        return answer.status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(deliver, range(4))) == {202}
    video = one_video(api, feed, simulator)
    assert deliver() == 202
    assert api.get(video["id"]) == video
    assert len(simulator.journal()["jobs"]) == 1


def test_a_dropped_spreadsheet_is_one_batch_under_its_budget(
    whole: Stack, api: Client, feed: Feed, simulator: Simulator, tmp_path: Path
) -> None:
    file = tmp_path / "films.csv"
    file.write_bytes("prompt;seconds\r\nFüchse;4\r\nHasen;4\r\nEulen;4\r\n".encode("utf-8-sig"))
    options = ("--name", "films/a.csv", "--metadata", "budget_usd=1", "--metadata", "webhook=local")
    command(whole, "drop", str(file), *options)
    (event,) = feed.until(lambda: feed.events("BatchCompleted"))
    batch = event["data"]
    assert (batch["source"], batch["stopped"]) == ("inbox/local/films/a.csv", "stopped_by_budget")
    assert (batch["request_counts"]["completed"], batch["cost"]["settled"]) == (2, "0.80")
    assert len(simulator.journal()["jobs"]) == 2
    answer = api.http.get(f"{api.stack.api}/batches/{event['subject']}")
    assert answer.json() == batch
    (told,) = feed.until(feed.webhooks)
    assert json.loads(told["body"])["data"]["id"] == event["subject"]


def test_what_cannot_work_is_answered_well_and_put_aside(whole: Stack, feed: Feed) -> None:
    forged = put(whole, "local/a.txt", b"a fox")
    forged["data"]["url"] = "http://169.254.169.254/inbox/local/a.txt?sig=SECRET"
    for _ in range(3):
        Topic(whole).emit(forged)
    (event,) = feed.until(lambda: feed.events("RequestRejected"))
    assert event["data"]["error"]["code"] == "not_in_the_inbox"
    account = Account(connection=whole.settings["STORAGE_CONNECTION"])
    blob = f"{event['subject']}.json"
    record = eventually(
        lambda: list(account.container("rejected").list_blob_names(name_starts_with=blob))
    )
    assert record == [blob]
    stored = json.loads(account.container("rejected").download_blob(blob).readall())
    assert stored == event["data"]
    account.close()
    assert "SECRET" not in json.dumps(stored)


def test_a_webhook_is_verified_as_openais_and_as_a_standard_one(
    whole: Stack, api: Client, feed: Feed
) -> None:
    video = api.wait(api.create(prompt="a fox", webhook="local")["id"])
    (request,) = feed.until(feed.webhooks)
    secret = whole.settings[WEBHOOK["secret_setting"]]
    event = Webhook(secret).verify(request["body"], request["headers"])
    assert (event["type"], event["data"]) == ("video.completed", {"id": video["id"]})
    with OpenAI(api_key="none", webhook_secret=secret) as openai:
        unwrapped: Any = openai.webhooks.unwrap(request["body"], request["headers"])
    assert (unwrapped.type, unwrapped.data.id) == ("video.completed", video["id"])


def listed(api: Client, video_id: str) -> dict[str, dict[str, Any]]:
    answer = api.http.get(f"{api.stack.api}/videos/{video_id}/deliveries")
    assert answer.status_code == 200, answer.text
    return {each["webhook"] or each["type"]: each for each in answer.json()["data"]}


def test_a_receiver_that_was_down_gets_it_once_it_is_up(
    api: Client, feed: Feed, late_port: int
) -> None:
    video = api.wait(api.create(prompt="a fox", webhook="late")["id"])
    assert video["status"] == "completed"
    failing = eventually(lambda: _if_tried(listed(api, video["id"])))
    assert (failing["status"], failing["last_status"]) == ("pending", None)
    assert "not reached" in failing["last_error"]
    feed.until(lambda: feed.events("VideoCompleted", video["id"]))  # nobody else has to wait
    receiver = Receiver(port=late_port)
    try:
        eventually(lambda: receiver.received)
        eventually(lambda: listed(api, video["id"])["late"]["status"] == "delivered")
        redelivered = api.http.post(f"{api.stack.api}/videos/{video['id']}/redeliver")
        assert redelivered.status_code == 200
        (request,) = receiver.received  # it has arrived: nothing is left to send
    finally:
        receiver.close()
    event = Webhook(LATE_SECRET).verify(request.body, request.headers)
    assert (event["type"], event["data"]["id"]) == ("video.completed", video["id"])


def _if_tried(found: dict[str, dict[str, Any]]) -> dict[str, Any] | None:
    return found["late"] if "late" in found and found["late"]["attempts"] else None


def test_deliveries_are_their_callers_and_can_be_sent_again(
    whole: Stack, api: Client, feed: Feed
) -> None:
    video = api.wait(api.create(prompt="a fox")["id"])
    url = f"{whole.api}/videos/{video['id']}"
    feed.until(lambda: feed.events("VideoCompleted", video["id"]))
    done = eventually(
        lambda: (
            found
            if (found := listed(api, video["id"])["DurableVideo.VideoCompleted"])["delivered_at"]
            else None
        )
    )
    assert (done["target"], done["status"], done["attempts"]) == ("topic", "delivered", 1)
    again = api.http.post(f"{url}/redeliver", json={"id": done["id"]})
    assert again.status_code == 200
    first, second = feed.until(
        lambda: len(found := feed.events("VideoCompleted", video["id"])) > 1 and found
    )
    assert first == second
    for body in (b"[", b"[]", b'{"x": 1}', b'{"id": 1}', b"x" * 5000):
        assert api.http.post(f"{url}/redeliver", content=body).status_code == 400
    assert api.http.post(f"{url}/redeliver", json={"id": "evt_x"}).status_code == 404
    stranger = client(whole, None)
    assert stranger.http.get(f"{url}/deliveries").status_code == 401
    stranger.http.close()
    assert api.http.get(f"{whole.api}/videos/video_{'0' * 32}/deliveries").status_code == 404


def test_the_commands_send_drop_and_listen(whole: Stack, api: Client, tmp_path: Path) -> None:
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"prompt": "a fox", "webhook": "local"}))
    broken = tmp_path / "broken.json"
    broken.write_text('{"prompt": 7}')
    listening = subprocess.Popen(
        [sys.executable, "-u", "-m", "local", "listen"],
        cwd=ROOT,
        env=environment(whole),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert "VideoRequested" in command(whole, "send-event", str(request))
        command(whole, "drop", str(broken), "--name", "a/b.json")
        assert listening.stdout is not None
        lines: list[str] = []
        wanted = ("VideoCompleted video_", "verified", "RequestRejected rejected_")
        while not all(any(text in line for line in lines) for text in wanted):
            lines.append(listening.stdout.readline())
            assert lines[-1], lines
        assert not any("NOT VERIFIED" in line for line in lines)
    finally:
        listening.terminate()
        listening.communicate(timeout=60)


def test_the_commands_say_when_nothing_runs(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text("{}")
    nowhere = {**os.environ, "TOPIC_PORT": str(free_ports(1)[0])}
    for arguments in (["send-event", str(file)], ["listen"]):
        answer = subprocess.run(
            [sys.executable, "-m", "local", *arguments],
            cwd=ROOT,
            env=nowhere,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert answer.returncode == 1
        assert answer.stderr.splitlines() == [
            "The local stack is not running here. Start it with: make up"
        ]


def test_no_secret_is_in_rows_logs_or_events(whole: Stack, feed: Feed) -> None:
    """After everything above: the last test of this module."""
    secrets = {API_KEY, "whsec_", "SECRET", "sig="}
    for name in (WEBHOOK["secret_setting"], "LATE_SECRET", "SIMULATOR_KEY"):
        secrets.add(whole.settings[name].removeprefix("whsec_"))
    account = Account(connection=whole.settings["STORAGE_CONNECTION"])
    texts = {"host": whole.child(HOST).log.read_text()}
    for table in names.TABLES:
        rows = [dict(row) for row in account.tables.get_table_client(table).list_entities()]
        texts[table] = repr(rows)
    for name in account.container(names.REJECTED_CONTAINER).list_blob_names():
        blob = account.container(names.REJECTED_CONTAINER).download_blob(name)
        texts[name] = blob.readall().decode()
    account.close()
    texts["feed"] = json.dumps(Topic(whole).next(0))
    assert "delivered" in texts["outbox"]
    assert "VideoCompleted" in texts["feed"]
    found = {(where, each) for where, text in texts.items() for each in secrets if each in text}
    assert found == set()
