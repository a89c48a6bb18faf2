"""Every operation answers with the model that the OpenAPI document describes it by, so that a field
cannot be in one and not in the other; and takes one thread for it."""

from __future__ import annotations

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
from tests.support.driver import drive
from tests.support.surface import Answer, send
from triggers import documents
from triggers.contract.document import operations
from triggers.contract.operation import JSON, Operation
from triggers.web.answers import answer, json_answer
from triggers.web.routes import http

App = Callable[..., Services]

FOX = {"model": "sora-2", "prompt": "a fox"}


class Durable:
    """A client whose engine takes everything."""

    async def start_new(self, *_: Any) -> None: ...
    async def raise_event(self, *_: Any) -> None: ...
    async def purge_instance_history(self, *_: Any) -> None: ...


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


def ask(operation: Operation, video_id: str, body: Any = None, key: str = API_KEY) -> Answer:
    path = operation.path.format(video_id=video_id, model="sora-2")
    return send(operation.method.upper(), path, body=body, client=Durable(), key=key)


def test_the_model_and_the_hops_of_every_operation(
    app: App, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = app()
    # a document with the address of this test's app is not to be kept
    monkeypatch.setattr(documents, "_openapi", documents._openapi.__wrapped__)
    described = {operation.id: operation for operation in operations()}
    finished = ask(described["createVideo"], "", FOX).json["id"]
    drive(services, payload(services, finished, "key:local", 1))
    waiting = ask(described["createVideo"], "", FOX).json["id"]
    bodies = {
        "createVideo": FOX,
        "createQuote": FOX,
        "remixVideo": {"prompt": "at night"},
        "redeliverVideo": {},
    }
    last = "deleteVideo"
    for name in [*(name for name in described if name != last), last]:
        operation = described[name]
        video_id = waiting if name == "cancelVideo" else finished
        pool.hops = 0
        answered = ask(operation, video_id, bodies.get(name))
        # what is told again is waited for, without a thread, before it is listed
        assert pool.hops <= (2 if name == "redeliverVideo" else 1), name
        promised = operation.answers[answered.status]
        assert answered.model.__class__ is (promised.model or type(None)), name
        assert (answered.headers["content-type"] == JSON) is (
            promised.model is not None or JSON in promised.content
        ), name
        if not operation.public:
            refused = ask(operation, video_id, bodies.get(name), key="unknown")
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
