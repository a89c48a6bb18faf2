"""The running app against its own OpenAPI document, by schemathesis: thousands of requests made out
of the document, each answer held against it."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.ports import free_ports
from local.stack import API_KEY, Ports, Stack, local_settings
from tests.support.stacks import Client, client

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
)
"""Not among them: `positive_data_acceptance`, because a schema cannot say which length goes with
which size of which model (`/models` does)."""

CONFIG = """
[phases.coverage]
# the catch-all claims what the Functions host knows: neither TRACE nor QUERY
unexpected-methods = ["get", "post", "put", "patch", "delete", "options"]

[phases.stateful]
max-steps = 6
generation.max-examples = 60
generation.mode = "positive"
# our own links, not those that schemathesis guesses
inference.algorithms = []
"""

EXAMPLES = 5
MAX_SECONDS = 840
"""For a machine that does thirty other things; alone it takes about a minute."""

pytestmark = [pytest.mark.timeout(900), pytest.mark.long]

PARKED = "parked"
"""A model whose deployment takes nothing: its videos stay in line, so that they can be cancelled.
Another one renders at once."""

AGENT_KEY = "key-of-an-agent"
"""Of a caller whose every video the local caller has to approve."""

LINE = json.dumps({"custom_id": "fox", "body": {"prompt": "a fox", "model": PARKED}}).encode()
"""The input file of its batches."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of this module's own: no limits, no ceilings, renders that take half a second. Time
    is hardly scaled: dozens of batches that wait here are looked at every few seconds, which at the
    scale of other stacks is all that the host would do."""
    data = tmp_path_factory.mktemp("contract")
    ports = Ports.any_free()
    config = data / "simulator.json"
    unlimited = {"max_running": None, "max_creates_per_minute": None}
    config.write_text(
        json.dumps(
            {
                "render_times": [{"distribution": {"type": "fixed", "seconds": 1}}],
                "deployments": [
                    {"name": "sora-2", "dialect": "sora-2", **unlimited},
                    {"name": "sora", "dialect": "sora-1", **unlimited},
                ],
            }
        )
    )
    deployments = json.loads(local_settings()["UPSTREAMS"])
    for deployment in deployments:
        deployment["endpoint"] = f"http://127.0.0.1:{ports.simulator}"
        deployment.update(max_running=150, max_creates_per_minute=1000)
    parked = {
        "prices": {"version": "p", "usd_per_second": "0.1"},
        "capabilities": {"sizes": ["1280x720"], "seconds": [4]},
    }
    deployments[0] |= {"callback": {}, "wire": {"calls_back": "openrouter"}}
    signed = {"secret_setting": "CALLBACK_SECRET"}
    deployments.append(
        {
            **deployments[0],
            "callback": signed,
            "name": PARKED,
            "model": PARKED,
            "max_running": 0,
            **parked,
        }
    )
    callers = json.loads(local_settings()["CALLERS"])
    callers["local"]["approves"] = ["agent"]
    hashed = hashlib.sha256(AGENT_KEY.encode()).hexdigest()
    callers["agent"] = {"key_sha256": [hashed], "approval_above_usd": 0}
    overrides = {
        "TIME_SCALE": "2",
        "CALLERS": json.dumps(callers),
        "CALLBACK_SECRET": "of-the-parked-one",
        "SWEEP_SCHEDULE": "*/10 * * * * *",
        "UPSTREAMS": json.dumps(deployments),
        "BUDGET_USD_PER_DAY": "-1",
        # the deadline of the parked ones lies behind the end of the run
        "QUEUE_DEADLINE_HOURS": "24",
        # nobody listens there, so what is announced stays pending
        "EVENT_TOPIC_ENDPOINT": f"http://127.0.0.1:{free_ports(1)[0]}/api/events",
    }
    with Stack(data, ports, overrides=overrides, simulator_config=config) as running:
        yield running


@pytest.fixture(scope="module")
def caller(stack: Stack) -> Iterator[Client]:
    found = client(stack)
    yield found
    found.http.close()


@dataclass(frozen=True)
class Report:
    """What a run saw: its failures, and the statuses of each operation."""

    failures: list[str]
    seen: Mapping[str, set[int]]
    requests: int
    transitions: set[str]


@pytest.fixture(scope="module")
def document(caller: Client) -> dict[str, Any]:
    found: dict[str, Any] = caller.http.get(f"{caller.stack.api}/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def report(
    caller: Client, document: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Report:
    """One run over every operation, in every phase."""
    folder = tmp_path_factory.mktemp("schemathesis")
    (folder / "openapi.json").write_text(json.dumps(_prepared(document, caller)))
    (folder / "schemathesis.toml").write_text(CONFIG)
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "run", str(folder / "openapi.json")),
            *("--url", caller.stack.api, "-H", f"Authorization: Bearer {API_KEY}"),
            *("--phases", "examples,coverage,fuzzing,stateful", "--checks", ",".join(CHECKS)),
            *("-n", str(EXAMPLES), "--seed", "1", "--generation-deterministic", "--no-shrink"),
            *("--continue-on-failure", "--no-color", "--request-timeout", "30"),
            *("--report", "ndjson,json", "--report-ndjson-path", str(folder / "report.ndjson")),
            *("--report-json-path", str(folder / "report.json")),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
    )
    print(ran.stdout[-20000:], ran.stderr[-2000:])
    summary = json.loads((folder / "report.json").read_text())
    assert summary["complete"], ran.stdout[-3000:]
    return _read(folder / "report.ndjson", [json.dumps(error) for error in summary["errors"]])


def _prepared(document: Mapping[str, Any], caller: Client) -> dict[str, Any]:
    """The document with what only this run knows: names that are offered here, and ids of videos
    in the state that an operation needs. And stricter: an answer may have no undescribed field."""
    prepared: dict[str, Any] = json.loads(json.dumps(document))
    schemas = prepared["components"]["schemas"]
    for schema in schemas.values():
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
    create = schemas["CreateVideo"]["properties"]
    create["model"] = {"enum": ["sora-2", PARKED, None]}
    create["size"] = {"enum": ["1280x720", None]}
    create["seconds"] = {"enum": ["4", 4, None]}
    create["n_variants"] = {"enum": ["1", 1, None]}
    create["webhook"] = {"type": "null"}
    # the files that a run uploads are no images
    schemas["InputReference"]["properties"]["file_id"] = {"type": "null"}
    finished = [caller.create(prompt="a fox")["id"] for _ in range(4)]
    ready = {
        "getVideo": finished[0],
        "getVideoContent": finished[0],
        "headVideoContent": finished[0],
        "remixVideo": finished[1],
        "deleteVideo": finished[2],
        "cancelVideo": caller.create(prompt="a fox", model=PARKED)["id"],
    }
    uploaded = {name: _upload(caller) for name in ("getFile", "getFileContent", "deleteFile")}
    schemas["CreateBatch"]["properties"]["input_file_id"] = {"const": _upload(caller)}
    schemas["CreateBatch"]["properties"]["webhook"] = {"type": "null"}
    batches = _batches(caller)
    approval = _approval(caller)
    schemas["Approve"]["properties"]["estimated"]["examples"] = [approval["estimated"]]
    for video_id in finished:
        assert caller.wait(video_id)["status"] == "completed"
    for path, methods in prepared["paths"].items():
        for operation in methods.values():
            if operation["operationId"] == "approveRequest":
                for content in operation["requestBody"]["content"].values():
                    content["examples"] = {"it": {"value": {"estimated": approval["estimated"]}}}
            for parameter in operation.get("parameters", ()):
                if parameter["name"] == "video_id":
                    parameter["example"] = ready.get(operation["operationId"], finished[3])
                if parameter["name"] == "file_id":
                    parameter["example"] = uploaded[operation["operationId"]]
                if parameter["name"] == "batch_id":
                    parameter["example"] = batches[operation["operationId"]]
                if parameter["name"] == "approval_id":
                    parameter["example"] = approval["id"]
                if parameter["name"] == "deployment":
                    # the one that renders is not to be paused
                    known = [PARKED] if path.startswith("/deployments") else ["sora-2", PARKED]
                    parameter["schema"]["enum"] = [*known, "nobody"]
                    parameter["example"] = known[0]
                if parameter["name"] == "Prefer":
                    parameter["schema"]["examples"] = ["wait=1"]
            for answer in operation["responses"].values():
                answer["headers"] = {
                    **answer.get("headers", {}),
                    "x-request-id": {"required": True, "schema": {"type": "string"}},
                }
    return prepared


def _upload(caller: Client) -> str:
    answer = caller.http.post(
        f"{caller.stack.api}/files",
        data={"purpose": "batch"},
        files={"file": ("requests.jsonl", LINE)},
    )
    return str(answer.json()["id"])


def _approval(caller: Client) -> dict[str, str]:
    """What an agent asks the caller for."""
    answer = caller.http.post(
        f"{caller.stack.api}/videos",
        json={"prompt": "a dear fox"},
        headers={"authorization": f"Bearer {AGENT_KEY}", "idempotency-key": "dear"},
    )
    approval: dict[str, str] = answer.json()["error"]["approval"]
    return approval


def _batches(caller: Client) -> dict[str, str]:
    """A batch for each operation: one whose video stays in line goes on for as long as the run, and
    one that its budget has stopped can be retried."""
    url = f"{caller.stack.api}/batches"
    new = {"input_file_id": _upload(caller), "endpoint": "/v1/videos", "completion_window": "30d"}

    def made(**more: object) -> str:
        answer = caller.http.post(url, json={**new, **more})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    stopped = made(budget_usd="0.01")
    running = {f"{verb}Batch": made() for verb in ("get", "cancel", "pause", "resume")}
    limit = time.monotonic() + 60
    while caller.http.get(f"{url}/{stopped}").json()["status"] != "completed":
        assert time.monotonic() < limit
        time.sleep(0.1)
    return {**running, "retryBatch": stopped}


def _read(path: Path, failures: list[str]) -> Report:
    seen: dict[str, set[int]] = defaultdict(set)
    transitions = set()
    requests = 0
    for line in path.read_text().splitlines():
        scenario = json.loads(line).get("ScenarioFinished")
        if scenario is None or "cases" not in scenario["recorder"]:
            continue
        recorder = scenario["recorder"]
        for case_id, case in recorder["cases"].items():
            name = f"{case['value']['method']} {case['value']['path']}"
            sent = recorder["interactions"].get(case_id)
            if sent and sent.get("response"):
                requests += 1
                seen[name].add(sent["response"]["status_code"])
            if case.get("transition"):
                transitions.add(case["transition"]["id"])
            failures += [
                _failure(name, check, sent)
                for check in recorder["checks"].get(case_id, ())
                if check["status"] == "failure"
            ]
    return Report(failures, seen, requests, transitions)


def _failure(name: str, check: Mapping[str, Any], sent: Mapping[str, Any] | None) -> str:
    answer = (sent or {}).get("response") or {}
    content = (answer.get("content") or {}).get("$base64", "")
    return (
        f"{name}: {check['name']}: {json.dumps(check.get('failure_info'))[:1500]}\n"
        f"  {(sent or {}).get('request', {}).get('uri')} -> {answer.get('status_code')} "
        f"{base64.b64decode(content)[:500]!r}"
    )


def test_every_answer_is_as_described(report: Report) -> None:
    assert report.requests > 500
    assert not report.failures, "\n".join(report.failures[:20])


def test_every_operation_was_answered_with_every_common_status(
    document: dict[str, Any], report: Report
) -> None:
    missing = {}
    for name, operation in _operations(document).items():
        described = {int(status) for status in operation["responses"]}
        success = {status for status in described if status < 300}
        lacking = (described & {400, 401, 404}) - report.seen[name]
        if not report.seen[name] & success:
            lacking |= success
        if lacking:
            missing[name] = lacking
    assert not missing


def test_the_common_statuses_are_described_where_they_can_occur(document: dict[str, Any]) -> None:
    """So that the test above cannot be passed by describing less."""
    for name, operation in _operations(document).items():
        described = set(operation["responses"])
        public = operation.get("security") == []
        signed = operation["operationId"] == "receiveCallback"
        assert ("401" in described) is (signed or not public), name
        parameters = {each["in"]: each for each in operation.get("parameters", ())}
        assert ("404" in described) is ("path" in parameters), name
        if "query" in parameters or "requestBody" in operation:
            assert "400" in described, name


def test_links_of_a_created_video_were_taken(document: dict[str, Any], report: Report) -> None:
    """By the stateful phase, which takes them as chance has it."""
    links = document["paths"]["/videos"]["post"]["responses"]["200"]["links"]
    taken = {transition.rpartition(" -> ")[0] for transition in report.transitions}
    assert len(taken & {f"POST /videos -> [200] {name}" for name in links}) >= 3


def test_the_links_lead_from_a_create_to_the_end(document: dict[str, Any], caller: Client) -> None:
    """Create, get, content, delete: each request made of an answer and its link."""
    video = caller.wait(caller.create(prompt="a fox")["id"])
    found = _follow(caller, document, "createVideo", "getVideo", video)
    assert found.json()["status"] == "completed"
    content = _follow(caller, document, "getVideo", "getVideoContent", found.json())
    assert content.content[4:8] == b"ftyp"
    deleted = _follow(caller, document, "getVideo", "deleteVideo", found.json())
    assert deleted.json()["deleted"] is True


def _follow(
    caller: Client,
    document: Mapping[str, Any],
    operation: str,
    following: str,
    answer: Mapping[str, str],
) -> httpx.Response:
    """What a linked operation answers to the values that an operation's answer has for it."""
    found = {each["operationId"]: (name, each) for name, each in _operations(document).items()}
    links = found[operation][1]["responses"]["200"]["links"].values()
    (link,) = [each for each in links if each["operationId"] == following]
    method, path = found[following][0].split(" ")
    for name, expression in link["parameters"].items():
        path = path.replace(f"{{{name}}}", answer[expression.removeprefix("$response.body#/")])
    sent = caller.http.request(method, caller.stack.api + path, follow_redirects=True)
    assert sent.status_code == 200, sent.text
    return sent


def _operations(document: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
