"""The Durable extension's side: answers the client's requests, and drives instances by hand.

Just enough for one orchestration of this app: activities one after the other, timers slept, hints
taken and not delivered (losing one only costs time), generations that continue as new.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from local.host.bindings import RPC_PATH, DurableLinks
from tests.runtime.host import Host

# EventType of a history's events
EXECUTION_STARTED, TASK_SCHEDULED, TASK_COMPLETED = 0, 4, 5
TIMER_CREATED, TIMER_FIRED = 10, 11
ORCHESTRATOR_STARTED, ORCHESTRATOR_COMPLETED = 12, 13
# actionType of what an orchestrator asks for
CALL_ACTIVITY, CONTINUE_AS_NEW, CREATE_TIMER, WAIT_FOR_EVENT = 0, 4, 5, 6
COMPOUND = (11, 12)


@dataclass(frozen=True)
class Start:
    """What a client asked for: an instance of an orchestrator with an input (JSON text, in which
    the SDK's client puts JSON text once more)."""

    orchestrator: str
    instance: str
    input: str


@dataclass
class Extension:
    """From `with Extension()` to its end, on a port of loopback."""

    starts: list[Start] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def client(self) -> str:
        """The value of a durable client's binding."""
        origin = f"http://127.0.0.1:{self._server.server_port}"
        return DurableLinks(origin, "RuntimeRig", "AzureWebJobsStorage", "key").client(None, None)

    def drive(self, host: Host, start: Start) -> str:
        """Run an instance to its end, over all generations; its output."""
        payload: str | None = start.input
        while payload is not None:
            state, payload = _Generation(host, start, payload).run()
        self.ended.add(start.instance)
        return str(state["output"])


class _Generation:
    """One generation of an instance: its history, and the episodes that make it longer."""

    def __init__(self, host: Host, start: Start, payload: str) -> None:
        self._host = host
        self._start = start
        self._input = payload
        self._known = 0
        self._history = [
            _event(ORCHESTRATOR_STARTED),
            _event(
                EXECUTION_STARTED,
                Name=start.orchestrator,
                Version="",
                Input=payload,
                OrchestrationInstance={
                    "InstanceId": start.instance,
                    "ExecutionId": uuid.uuid4().hex,
                },
                ParentInstance=None,
                Tags=None,
            ),
        ]

    def run(self) -> tuple[dict[str, Any], str | None]:
        """The last state, and the input of the next generation if there is one."""
        while not (state := self._episode())["isDone"]:
            self._go_on(list(_asked(state["actions"][0])))
        for action in state["actions"][0]:
            if action["actionType"] == CONTINUE_AS_NEW:
                return state, json.dumps(action["input"])
        return state, None

    def _episode(self) -> dict[str, Any]:
        context = {
            "history": self._history,
            "input": json.loads(self._input),
            "instanceId": self._start.instance,
            "isReplaying": len(self._history) > 2,
            "parentInstanceId": None,
            "upperSchemaVersion": 1,
            "upperSchemaVersionNew": 3,
            "longRunningTimerIntervalDuration": "3.00:00:00",
            "maximumShortTimerDuration": "6.00:00:00",
            "defaultHttpAsyncRequestSleepTimeMillseconds": 30000,
        }
        made = self._host.invoke(self._start.orchestrator, {"string": json.dumps(context)})
        self._history = [{**event, "IsPlayed": True} for event in self._history]
        state: dict[str, Any] = json.loads(made.returned)
        assert not state.get("error"), state
        return state

    def _go_on(self, asked: list[dict[str, Any]]) -> None:
        """Put what is new among the actions on record, do it, and open the next episode."""
        new = list(enumerate(asked))[self._known :]
        self._known = len(asked)
        self._history.extend(_scheduled(sequence, action) for sequence, action in new)
        self._history.append(_event(ORCHESTRATOR_COMPLETED))
        done = [self._done(sequence, action) for sequence, action in new]
        assert done, "the orchestrator waits for nothing"
        self._history.extend((_event(ORCHESTRATOR_STARTED), *done))

    def _done(self, sequence: int, action: dict[str, Any]) -> dict[str, Any]:
        if action["actionType"] == CREATE_TIMER:
            fires = datetime.fromisoformat(action["fireAt"])
            time.sleep(max(0.0, (fires - datetime.now(UTC)).total_seconds()))
            return _event(TIMER_FIRED, TimerId=sequence, FireAt=action["fireAt"])
        made = self._host.invoke(action["functionName"], {"string": action["input"]})
        return _event(TASK_COMPLETED, TaskScheduledId=sequence, Result=made.returned)


def _event(kind: int, event_id: int = -1, **fields: Any) -> dict[str, Any]:
    """An event of a history, made now."""
    return {
        "EventType": kind,
        "EventId": event_id,
        "IsPlayed": False,
        "Timestamp": _now(),
        **fields,
    }


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _asked(actions: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The activities and timers among actions, in the order in which the SDK numbers them."""
    for action in actions:
        if action["actionType"] in COMPOUND:
            yield from _asked(action["compoundActions"])
        elif action["actionType"] in (CALL_ACTIVITY, CREATE_TIMER):
            yield action
        else:
            assert action["actionType"] == WAIT_FOR_EVENT, action


def _scheduled(sequence: int, action: dict[str, Any]) -> dict[str, Any]:
    if action["actionType"] == CREATE_TIMER:
        return _event(TIMER_CREATED, sequence, FireAt=action["fireAt"])
    name, input_ = action["functionName"], action["input"]
    return _event(TASK_SCHEDULED, sequence, Name=name, Version="", Input=input_, Tags=None)


def _status(instance: str, *, ended: bool) -> dict[str, Any]:
    return {
        "name": "generate_video",
        "instanceId": instance,
        "runtimeStatus": "Completed" if ended else "Running",
        "input": None,
        "customStatus": None,
        "output": None,
        "createdTime": _now(),
        "lastUpdatedTime": _now(),
    }


def _handler(extension: Extension) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0)).decode()
            match self._asked():
                case ["orchestrators", name, instance]:
                    extension.starts.append(Start(name, instance, body))
                    self._answer(202, {"id": instance})
                case ["instances", _, "raiseEvent", _]:
                    self._answer(202, {})
                case _:
                    self._answer(404)

        def do_GET(self) -> None:
            match self._asked():
                case ["instances", instance]:
                    ended = instance in extension.ended
                    if instance in {start.instance for start in extension.starts}:
                        self._answer(200 if ended else 202, _status(instance, ended=ended))
                    else:
                        self._answer(404)
                case _:
                    self._answer(404)

        def do_DELETE(self) -> None:
            if self._asked()[0] == "instances":
                self._answer(200, {"instancesDeleted": 1})
            else:
                self._answer(404)

        def _asked(self) -> list[str]:
            path = self.path.partition("?")[0].removeprefix(RPC_PATH)
            return path.strip("/").split("/")

        def _answer(self, status: int, content: dict[str, Any] | None = None) -> None:
            body = b"" if content is None else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
