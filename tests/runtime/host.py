"""The host's side: indexes, loads and invokes an app through the worker, and keeps its log."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import threading
import uuid
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from local.stack import ROOT
from tests.support.forms import sent_as

_PATIENCE = 60.0


@dataclass(frozen=True)
class Record:
    """A log record as the host gets it."""

    category: str
    level: str
    message: str
    system: bool
    """Of the platform and not of the app."""
    invocation: str | None
    thread: str
    running: frozenset[str]
    """The invocations that the worker had not answered when the record came."""

    @property
    def kept(self) -> bool:
        """Whether it reaches Application Insights: the host drops every record that does not say
        its invocation, or one that is over (`GrpcWorkerChannel.Log`)."""
        return self.invocation in self.running


@dataclass(frozen=True)
class Function:
    """A function as the library indexed it."""

    name: str
    id: str
    bindings: tuple[Mapping[str, Any], ...]

    @cached_property
    def trigger(self) -> Mapping[str, Any]:
        return next(each for each in self.bindings if each["type"].endswith("Trigger"))

    @property
    def client(self) -> str | None:
        """The parameter that gets the durable client."""
        found = (each["name"] for each in self.bindings if each["type"] == "durableClient")
        return next(found, None)

    def values(self, method: str, path: str) -> dict[str, str] | None:
        """The route's values in a path, or None where method or path are not its own."""
        pattern = re.sub(r"\\{\\\*(\w+)\\}", r"(?P<\1>.*)", re.escape(self.trigger["route"]))
        pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", pattern)
        found = re.fullmatch(pattern, path.lstrip("/"))
        return found.groupdict() if found and method in self.trigger["methods"] else None


@dataclass(frozen=True)
class Invocation:
    """One call of a function and what came of it."""

    id: str
    function: str
    returned: Any
    failure: str
    """The exception's text and trace; empty where there was none."""


@dataclass(frozen=True)
class Answer:
    """What an HTTP function answered."""

    invocation: Invocation
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Host:
    """A worker with an app, from `with Host(...)` to its end.

    `client` is what the durable extension binds to a client's parameter.
    """

    python: Path
    app: Path
    environment: Mapping[str, str]
    log: Path
    client: str
    functions: dict[str, Function] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    invocations: list[Invocation] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._waiting: dict[int, Future[dict[str, Any]]] = {}
        self._running: dict[int, str] = {}
        self._lock = threading.Lock()
        self._sent = 0
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                [self.python, "-B", "-m", "tests.runtime.worker", str(self.app)],
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._index()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def _index(self) -> None:
        """As the host does: init, metadata, then each function is loaded."""
        _succeeded(self._ask("init"))
        answer = _succeeded(self._ask("metadata"))
        for each in answer["functions"]:
            function = Function(each["name"], each["id"], tuple(each["bindings"]))
            self.functions[function.name] = function
            _succeeded(self._ask("load", function=function.id))

    def start(self, name: str, data: Mapping[str, Any]) -> Future[Invocation]:
        """Invoke a function; `data` is its trigger's, as `worker` reads it."""
        function, invocation = self.functions[name], str(uuid.uuid4())
        inputs: dict[str, Any] = {function.trigger["name"]: data}
        if function.client is not None:
            inputs[function.client] = {"string": self.client}
        asked = self._send("invoke", invocation=invocation, function=function.id, inputs=inputs)
        done: Future[Invocation] = Future()

        def settle(answered: Future[dict[str, Any]]) -> None:
            if error := answered.exception():
                done.set_exception(error)
                return
            answer = answered.result()
            made = Invocation(invocation, name, answer["returned"], answer["failure"])
            self.invocations.append(made)
            done.set_result(made)

        asked.add_done_callback(settle)
        return done

    def invoke(self, name: str, data: Mapping[str, Any]) -> Invocation:
        """The same, to its end. Fails where the function raised."""
        made = self.start(name, data).result(_PATIENCE)
        assert not made.failure, f"{name}: {made.failure}"
        return made

    def function_of(self, method: str, path: str) -> tuple[Function, dict[str, str]]:
        """The HTTP function that Azure takes for a request: the first by name whose route and
        method match."""
        for name in sorted(self.functions, key=str.upper):
            function = self.functions[name]
            if function.trigger["type"] == "httpTrigger":
                values = function.values(method, path)
                if values is not None:
                    return function, values
        raise AssertionError(f"nothing takes {method} {path}")

    def start_http(
        self, method: str, path: str, *, key: str | None, body: Any = None
    ) -> Future[Invocation]:
        """Send a request to the function that takes it."""
        function, values = self.function_of(method, path)
        headers = {"host": "127.0.0.1"}
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        raw, kind = sent_as(body)
        if kind is not None:
            headers["content-type"] = kind
        request = {
            "method": method,
            "url": f"http://127.0.0.1/{path.lstrip('/')}",
            "headers": headers,
            "params": values,
            "query": {},
            "body": base64.b64encode(raw).decode(),
        }
        return self.start(function.name, {"http": request})

    def http(self, method: str, path: str, *, key: str | None, body: Any = None) -> Answer:
        """The same, and what it answered."""
        return answer_of(self.start_http(method, path, key=key, body=body))

    def _ask(self, kind: str, **content: Any) -> dict[str, Any]:
        return self._send(kind, **content).result(_PATIENCE)

    def _send(self, kind: str, **content: Any) -> Future[dict[str, Any]]:
        assert self._process.stdin is not None
        with self._lock:
            self._sent += 1
            waiting = self._waiting[self._sent] = Future()
            if "invocation" in content:
                self._running[self._sent] = content["invocation"]
            line = json.dumps({"kind": kind, "number": self._sent, **content})
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        return waiting

    def _read(self) -> None:
        """Everything that comes, in the order in which the worker wrote it."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            with self._lock:
                running = frozenset(self._running.values())
                if "answer" in message:
                    self._running.pop(message["answer"], None)
                    waiting = self._waiting.pop(message["answer"])
            if "log" in message:
                self.records.append(Record(**message["log"], running=running))
            else:
                waiting.set_result(message)
        with self._lock:
            left = list(self._waiting.values())
        for waiting in left:
            waiting.set_exception(RuntimeError(f"the worker ended:\n{self.log.read_text()}"))


def answer_of(started: Future[Invocation]) -> Answer:
    """What an HTTP function answered. Fails where it raised."""
    made = started.result(_PATIENCE)
    assert not made.failure, f"{made.function}: {made.failure}"
    body = base64.b64decode(made.returned["body"])
    return Answer(made, int(made.returned["status"]), made.returned["headers"], body)


def _succeeded(answer: dict[str, Any]) -> dict[str, Any]:
    assert not answer["failure"], answer["failure"]
    return answer
