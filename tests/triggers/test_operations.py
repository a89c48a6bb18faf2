"""Every operation answers with the model that the OpenAPI document describes it by, so that a field
cannot be in one and not in the other; and takes one thread for it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import azure.functions as func
import pytest

from local.stack import API_KEY, ROOT
from shared.answers.errors import ErrorAnswer, ErrorDetail
from shared.answers.health import Health
from shared.answers.videos import Cost, Failure
from shared.domain.video import CostState
from shared.durable.sdk import blueprint
from shared.lifecycle.requests.admit import payload
from shared.lifecycle.services import Services
from shared.telemetry import offload
from tests.support.driver import advanced, drive
from tests.support.forms import form
from tests.support.surface import Answer, Durable, send
from triggers import documents
from triggers.contract.document import operations
from triggers.contract.operation import JSON, Operation
from triggers.web.answers import answer, json_answer
from triggers.web.routes import http

App = Callable[..., Services]

FOX = {"model": "sora-2", "prompt": "a fox"}
LINE = {"custom_id": "fox", "method": "POST", "url": "/v1/videos", "body": FOX}
DIGESTS = {key: hashlib.sha256(key.encode()).hexdigest() for key in (API_KEY, "key-of-an-agent")}
CALLERS = json.dumps(
    {
        "local": {"key_sha256": [DIGESTS[API_KEY]], "approves": ["agent"], "admin": True},
        "agent": {"key_sha256": [DIGESTS["key-of-an-agent"]], "approval_above_usd": 0},
    }
)
UPLOAD = form(purpose="batch", file=("requests.jsonl", json.dumps(LINE).encode()))


class Pool(ThreadPoolExecutor):
    """Counts what it is given."""

    hops = 0

    def submit(self, *work: Any, **more: Any) -> Future[Any]:
        self.hops += 1
        return super().submit(*work, **more)


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    with Pool(4) as counting:
        monkeypatch.setattr(offload, "_pool", lambda: counting)
        yield counting


def ask(operation: Operation, body: Any = None, key: str = API_KEY, **ids: str) -> Answer:
    path = operation.path.format(model="sora-2", deployment="sora-2", **ids)
    return send(operation.method.upper(), path, body=body, client=Durable(), key=key)


def test_the_model_and_the_hops_of_every_operation(
    app: App, upstreams: Callable[..., str], pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = json.loads(upstreams())
    entries[0] |= {"callback": {}, "wire": {"calls_back": "openrouter"}}
    services = app(UPSTREAMS=json.dumps(entries), CALLERS=CALLERS)
    # a document with the address of this test's app is not to be kept
    monkeypatch.setattr(documents, "_openapi", documents._openapi.__wrapped__)
    described = {operation.id: operation for operation in operations()}
    finished = ask(described["createVideo"], FOX).json["id"]
    drive(services, payload(services, finished, "key:local", 1))
    waiting = ask(described["createVideo"], FOX).json["id"]
    file_id = ask(described["createFile"], UPLOAD).json["id"]
    order = {
        "input_file_id": file_id,
        "endpoint": "/v1/videos",
        "completion_window": "24h",
    }
    batch_id = ask(described["createBatch"], order).json["id"]
    stopped = ask(described["createBatch"], {**order, "budget_usd": 0.01}).json["id"]
    advanced(services, stopped)
    asked = send(
        "POST",
        "/videos",
        body=FOX,
        client=Durable(),
        key="key-of-an-agent",
        headers={"idempotency-key": "fox"},
    ).json["error"]["approval"]
    bodies = {
        "approveRequest": {"estimated": asked["estimated"]},
        "createVideo": FOX,
        "createFile": UPLOAD,
        "createBatch": order,
        "createQuote": FOX,
        "remixVideo": {"prompt": "at night"},
        "redeliverVideo": {},
        "retryBatch": {},
        "receiveCallback": {"data": {"id": "video_of_nobody"}},
    }
    # the batch is paused and resumed before it is cancelled, and the others are of what is left
    last = ("pauseBatch", "resumeBatch", "cancelBatch", "deleteVideo", "deleteFile")
    for name in [*(name for name in described if name not in last), *last]:
        operation = described[name]
        ids = {
            "video_id": waiting if name == "cancelVideo" else finished,
            "file_id": file_id,
            "approval_id": asked["id"],
            "batch_id": stopped if name == "retryBatch" else batch_id,
        }
        pool.hops = 0
        answered = ask(operation, bodies.get(name), **ids)
        # what is told again is waited for, without a thread, before it is listed
        assert pool.hops <= (2 if name == "redeliverVideo" else 1), name
        promised = operation.answers[answered.status]
        assert answered.model.__class__ is (promised.model or type(None)), name
        assert (answered.headers["content-type"] == JSON) is (
            promised.model is not None or JSON in promised.content
        ), name
        if not operation.public:
            refused = ask(operation, bodies.get(name), key="unknown", **ids)
            assert (refused.status, type(refused.model)) == (401, ErrorAnswer), name


def test_only_the_document_itself_is_json_without_a_model() -> None:
    free = {
        operation.id
        for operation in operations()
        for answered in operation.answers.values()
        if JSON in answered.content
    }
    assert free == {"getOpenapi"}


@pytest.mark.parametrize(
    "made",
    [
        lambda: json_answer({"status": "ok"}),  # type: ignore[arg-type]  # the point
        lambda: func.HttpResponse('{"status": "ok"}', mimetype=JSON),
        lambda: Health(status="ok"),
    ],
)
def test_nothing_else_is_answered(made: Callable[[], Any]) -> None:
    answered = answer(made)
    assert (answered.status_code, type(answered.model)) == (500, ErrorAnswer)


def test_functions_are_held_to_it_where_they_are_registered() -> None:
    bp = blueprint()

    @http(bp, "sly", ["GET"])
    def sly(req: func.HttpRequest) -> Any:
        return func.HttpResponse(json.dumps({"status": "ok"}), mimetype=JSON)

    request = func.HttpRequest("GET", "http://x/sly", body=b"")
    built: Any = sly
    answered = built._function._func(request)
    assert answered.status_code == 500
    assert json.loads(answered.get_body())["error"]["code"] == "internal_error"


def test_a_field_that_is_not_given_is_not_sent() -> None:
    """As `stage` of an error, which is not there where it is no reason."""
    shown = ErrorDetail(
        message="m", type="server_error", param=None, code="c", retryable=False, charged=None
    )
    assert "stage" not in shown.as_dict()
    assert (shown.as_dict()["param"], json.loads(shown.as_json())) == (None, shown.as_dict())


def test_what_nobody_expected_fails_no_answer() -> None:
    """Least of all the end of a video, which is announced: an upstream's words may hold half a
    character, and money may be booked as nobody thought."""
    cost = Cost(currency="USD", estimated="-0.40", actual=None, state=CostState.UNKNOWN)
    assert json.loads(cost.as_json())["estimated"] == "-0.40"
    failure = Failure(code="c", message="half \ud83d", stage="s", retryable=True, charged=None)
    assert failure.as_dict()["message"] == "half \ud83d"


def test_triggers_take_nothing_but_settings_and_clock_out_of_the_services() -> None:
    """Everything else is a function of the lifecycle. That they import no adapter is a contract of
    import-linter."""
    taken = {
        (path.name, name)
        for path in (ROOT / "triggers").rglob("*.py")
        for name in re.findall(r"(?<!lifecycle\.)\bservices(?:\(\))?\.(\w+)", path.read_text())
    }
    assert {name for _, name in taken} == {"settings", "clock"}, taken
