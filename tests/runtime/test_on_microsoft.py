"""Every function of the packaged app, invoked by Microsoft's runtime library.

It needs Python 3.13 and packages of its own: `make runtime`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from local.stack import API_KEY, ROOT, Ports, Stack, local_settings
from local.topic import TOPIC
from tests.runtime.extension import Extension, Start
from tests.runtime.host import Answer, Host, Record, answer_of
from tests.support import exported
from tests.support.forms import form
from tests.support.packaged import build

PYTHON = ROOT / ".venv-runtime" / "bin" / "python"
BASE = "openai/v1"
PUBLIC = {
    f"{BASE}/health",
    f"{BASE}/docs",
    f"{BASE}/openapi.json",
    "approvals/{approval_id}",
    "studio",
}
"""Routes that need no key."""
VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"
AT_ONCE = 6
AGENT_KEY = "key-of-an-agent"
HTTP = "httpTrigger"
UPLOAD = form(
    purpose="batch", file=("requests.jsonl", b'{"custom_id": "fox", "body": {"prompt": "A fox"}}')
)
OURS = "durable_video"
"""The logger of `shared.telemetry.events`."""
LIFE = {
    "video_accepted",
    "job_submitted",
    "job_ended",
    "output_stored",
    "video_ended",
    "delivered",
}

pytestmark = [pytest.mark.runtime, pytest.mark.timeout(400)]


@dataclass
class Rig:
    """The running app, and who plays what lies around it."""

    host: Host
    extension: Extension

    def started(self, any_id: str) -> Start:
        """What the app asked the extension to start for a video or a batch."""
        (start,) = [each for each in self.extension.starts if any_id in each.instance]
        return start

    def drive(self, any_id: str) -> str:
        return self.extension.drive(self.host, self.started(any_id))

    def get(self, path: str) -> Answer:
        return self.host.http("GET", f"{BASE}/{path}", key=API_KEY)

    def post(self, path: str, body: Any = None) -> Answer:
        return self.host.http("POST", f"{BASE}/{path}", key=API_KEY, body=body)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """Azurite, the simulator and the topic; the extension; and the worker with the packaged app."""
    folder = tmp_path_factory.mktemp("runtime")
    version = subprocess.run([PYTHON, "-c", VERSION], capture_output=True, text=True, check=True)
    app = build(tmp_path_factory.mktemp("package"), version.stdout.strip())
    config = folder / "simulator.json"
    fixed = {"distribution": {"type": "fixed", "seconds": 40}}
    config.write_text(json.dumps({"render_times": [fixed]}))
    ports = Ports.any_free()
    calling_back = json.loads(local_settings()["UPSTREAMS"])
    for entry in calling_back:
        entry["endpoint"] = f"http://127.0.0.1:{ports.simulator}"
    calling_back[0] |= {"callback": {}, "wire": {"calls_back": "openrouter"}}
    callers = json.loads(local_settings()["CALLERS"])
    callers["local"]["approves"] = ["agent"]
    hashed = hashlib.sha256(AGENT_KEY.encode()).hexdigest()
    callers["agent"] = {"key_sha256": [hashed], "approval_above_usd": 0}
    stack = Stack(
        folder,
        ports,
        overrides={
            "TIME_SCALE": "100",
            "UPSTREAMS": json.dumps(calling_back),
            "CALLERS": json.dumps(callers),
        },
        simulator_config=config,
        with_host=False,
        with_topic=True,
    )
    environment = {"PATH": os.environ["PATH"], **stack.settings}
    log = folder / "worker.log"
    with (
        stack,
        Extension() as extension,
        Host(PYTHON, app, environment, log, extension.client) as host,
    ):
        yield Rig(host, extension)
        assert not stack.ended(), stack.ended()[0].last_lines(40)


@pytest.fixture(scope="module")
def strangers(rig: Rig) -> dict[str, Answer]:
    """Each HTTP function without a key, by its route."""
    answers = {}
    for function in rig.host.functions.values():
        if function.trigger["type"] == HTTP:
            route = function.trigger["route"]
            path = re.sub(r"{\*?\w+}", "nothing", route)
            for method in function.trigger["methods"]:
                if rig.host.function_of(method, path)[0] is function:
                    answers[f"{method} {route}"] = rig.host.http(method, path, key=None)
    return answers


@dataclass
class Story:
    """A video from the request to its deletion, and everything that can be asked about it."""

    video_id: str
    output: str
    shown: Answer
    answers: dict[str, Answer]


@pytest.fixture(scope="module")
def story(rig: Rig) -> Story:
    body = {"model": "sora-2", "prompt": "A red fox trots through fresh snow", "seconds": "4"}
    created = rig.post("videos", body)
    video_id = created.json["id"]
    answers = {"create": created, "quote": rig.post("quotes", body)}
    answers["unfinished"] = rig.get(f"videos/{video_id}")
    output = rig.drive(video_id)
    for path in ("videos", f"videos/{video_id}/content", f"videos/{video_id}/deliveries", "usage"):
        answers[path.replace(video_id, "ID")] = rig.get(path)
    for path in ("models", "models/sora-2", "health", "health/ready", "openapi.json", "docs"):
        answers[path] = rig.get(path)
    shown = rig.get(f"videos/{video_id}")
    answers["redeliver"] = rig.post(f"videos/{video_id}/redeliver", {})
    answers["remix"] = remixed = rig.post(f"videos/{video_id}/remix", {"prompt": "At night"})
    answers["cancel"] = rig.post(f"videos/{remixed.json['id']}/cancel")
    answers["callback"] = rig.post("callbacks/sora-2", {"data": {"id": "video_of_nobody"}})
    answers["upload"] = uploaded = rig.post("files", UPLOAD)
    file_id = uploaded.json["id"]
    for path in ("files", f"files/{file_id}", f"files/{file_id}/content"):
        answers[path.replace(file_id, "ID")] = rig.get(path)
    answers |= batches(rig, file_id) | approval(rig)
    answers["deployments"] = rig.get("deployments")
    for verb in ("pause", "resume"):
        answers[f"{verb} deployment"] = rig.post(f"deployments/sora-2/{verb}")
    answers["delete file"] = rig.host.http("DELETE", f"{BASE}/files/{file_id}", key=API_KEY)
    answers["delete"] = rig.host.http("DELETE", f"{BASE}/videos/{video_id}", key=API_KEY)
    answers["nowhere"] = rig.get("nowhere")
    answers["studio"] = studio = rig.host.http("GET", "studio", key=None)
    script = re.search(r'src="/(studio/main-\w+\.js)"', studio.body.decode())
    assert script
    answers["script"] = rig.host.http("GET", script[1], key=None)
    return Story(video_id, output, shown, answers)


def approval(rig: Rig) -> dict[str, Answer]:
    """An agent that asks, and everything about the approval of what it asks for."""
    arguments = {"prompt": "A dear fox", "request_id": "dear", "max_usd": 1}
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "create_video", "arguments": arguments},
    }
    asked = rig.host.http("POST", "mcp", key=AGENT_KEY, body=message)
    path = "approvals/" + asked.json["result"]["structuredContent"]["approval"]["id"]
    return {
        "agent": asked,
        "approval": rig.get(path),
        "approve": rig.post(f"{path}/approve", {"estimated": "0.40"}),
        "page": rig.host.http("GET", path, key=None),
        "page script": rig.host.http("GET", "approvals/files/page.js", key=None),
    }


def batches(rig: Rig, file_id: str) -> dict[str, Answer]:
    """A batch that its budget stops before its only line, so that no video of it is in the way, and
    everything that can be asked about batches."""
    new = {"input_file_id": file_id, "endpoint": "/v1/videos", "completion_window": "24h"}
    answers = {"create batch": rig.post("batches", {**new, "budget_usd": "0.01"})}
    batch_id = answers["create batch"].json["id"]
    for verb in ("pause", "resume"):
        answers[f"{verb} batch"] = rig.post(f"batches/{batch_id}/{verb}")
    assert rig.drive(batch_id) == "done"
    answers["batch"] = rig.get(f"batches/{batch_id}")
    answers["batches"] = rig.get("batches")
    answers["retry batch"] = again = rig.post(f"batches/{batch_id}/retry", {})
    answers["cancel batch"] = rig.post(f"batches/{again.json['id']}/cancel")
    return answers


@pytest.fixture(scope="module")
def events(rig: Rig) -> list[str]:
    """A request in each of Event Grid's schemas; the instances that they started."""
    now = datetime.now(UTC).isoformat()
    before = len(rig.extension.starts)
    data = {"prompt": "A lighthouse in the fog"}
    rig.host.invoke(
        "on_event",
        _json(
            id=str(uuid.uuid4()),
            topic=TOPIC,
            subject="rig",
            eventType="DurableVideo.VideoRequested",
            eventTime=now,
            dataVersion="1",
            metadataVersion="1",
            data=data,
        ),
    )
    rig.host.invoke(
        "on_event",
        _json(
            specversion="1.0",
            id=str(uuid.uuid4()),
            source="/rig",
            type="DurableVideo.VideoRequested",
            time=now,
            data=data,
        ),
    )
    return [start.instance for start in rig.extension.starts[before:]]


@pytest.fixture(scope="module")
def timers(rig: Rig) -> list[str]:
    """Each timer, once."""
    now = datetime.now(UTC).isoformat()
    status = {"Last": now, "Next": now, "LastUpdated": now}
    tick = _json(Schedule={"AdjustForDST": True}, ScheduleStatus=status, IsPastDue=False)
    found = [
        name
        for name, function in rig.host.functions.items()
        if function.trigger["type"] == "timerTrigger"
    ]
    for name in found:
        rig.host.invoke(name, tick)
    return found


@pytest.fixture(scope="module")
def crowd(rig: Rig) -> list[Answer]:
    """Requests at the same time."""
    body = {"model": "sora-2", "prompt": "A crowd", "seconds": "4"}
    started = [
        rig.host.start_http("POST", f"{BASE}/videos", key=API_KEY, body=body)
        for _ in range(AT_ONCE)
    ]
    return [answer_of(each) for each in started]


def _json(**content: Any) -> dict[str, str]:
    return {"json": json.dumps(content)}


def test_it_indexes_what_the_app_exports(rig: Rig) -> None:
    indexed = {
        name: (function.trigger["type"], function.trigger.get("route", ""))
        for name, function in rig.host.functions.items()
    }
    here = {name: (each.trigger, each.route) for name, each in exported.functions().items()}
    assert indexed == here


def test_a_stranger_gets_what_is_public_and_nothing_else(strangers: dict[str, Answer]) -> None:
    routes = {name: name.split(" ")[1] for name in strangers}
    expected = {
        name: 404
        if any(word in route for word in ("*", "callbacks", "{asset}", "files/{name}"))
        else 200
        if route in PUBLIC
        else 401
        for name, route in routes.items()
    }
    assert {name: answer.status for name, answer in strangers.items()} == expected


def test_every_http_function_is_asked_without_a_key_and_with_one(
    strangers: dict[str, Answer], story: Story
) -> None:
    everyone = {name for name, each in exported.functions().items() if each.trigger == HTTP}
    for answers in (strangers, story.answers):
        assert {answer.invocation.function for answer in answers.values()} == everyone


def test_a_video_is_made_and_everything_about_it_is_answered(story: Story) -> None:
    assert story.output == "done"
    assert story.shown.json["status"] == "completed"
    others = {"videos/ID/content": 302, "nowhere": 404, "callback": 204}
    expected = dict.fromkeys(story.answers, 200) | others
    assert {name: answer.status for name, answer in story.answers.items()} == expected


def test_a_batch_runs_to_its_end(story: Story) -> None:
    batch = story.answers["batch"].json
    assert (batch["status"], batch["stopped"]) == ("completed", "stopped_by_budget")
    assert batch["request_counts"]["not_started"] == batch["request_counts"]["total"] == 1


def test_both_event_schemas_start_a_video(events: list[str]) -> None:
    assert len(set(events)) == 2


def test_requests_at_the_same_time_are_told_apart(rig: Rig, crowd: list[Answer]) -> None:
    """A record names the invocation whose answer names the same video."""
    ids = {answer.invocation.id: answer.json["id"] for answer in crowd}
    assert len(set(ids.values())) == AT_ONCE
    named = {
        record.invocation: found[1]
        for record in rig.host.records
        if record.category == OURS
        and (found := re.match(r"event=video_accepted video_id=(\S+)", record.message))
    }
    assert {invocation: named.get(invocation) for invocation in ids} == ids


@pytest.fixture(scope="module")
def everything(
    rig: Rig,
    strangers: dict[str, Answer],
    story: Story,
    events: list[str],
    timers: list[str],
    crowd: list[Answer],
) -> Rig:
    return rig


def test_every_function_was_invoked(everything: Rig) -> None:
    invoked = {invocation.function for invocation in everything.host.invocations}
    assert set(everything.host.functions) - invoked == set()


def test_every_log_record_of_the_app_is_kept(everything: Rig) -> None:
    """Azure drops a record without the invocation that made it."""
    records = [record for record in everything.host.records if not record.system]
    assert {each.category for each in records} >= {OURS}
    lost = sorted({_shown(record) for record in records if not record.kept})
    assert not lost, "\n".join([f"{len(lost)} kinds of records are lost:", *lost])


def test_the_life_of_a_video_can_be_read(rig: Rig, story: Story) -> None:
    """From what is kept: the events of triggers, activities and deliveries."""
    lived = {
        record.message.split(" ")[0].removeprefix("event=")
        for record in rig.host.records
        if record.category == OURS and record.kept and story.video_id in record.message
    }
    assert lived >= LIFE


def _shown(record: Record) -> str:
    event = record.message.split(" ")[0][:60]
    whose = "of no invocation" if record.invocation is None else "of one that is over"
    return f"{record.category} {record.level} {event} in {record.thread}: {whose}"
