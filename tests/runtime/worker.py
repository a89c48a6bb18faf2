"""The worker of Azure around Microsoft's runtime library: runs with Python 3.13, in its own venv.

    python -m tests.runtime.worker FOLDER_OF_THE_APP

Does what `workers/proxy_worker/dispatcher.py` of azure-functions-python-worker does for Python 3.13
and later: hands each request to the library as a task that carries the invocation's id, and gives
every log record the id that it finds where the record is made. Lines of JSON on standard input and
output stand for its gRPC stream; what the app prints goes to standard error.
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TextIO

from tests.runtime import messages

_SYSTEM = ("proxy_worker", "azure.functions", "azure_functions_runtime")
"""`is_system_log_category`: the platform's own, which no customer sees."""
_PACKAGES = ".python_packages/lib/site-packages"
_ID = "__azure_function_invocation_id__"

_ids_of_threads: dict[int, str] = {}


class ContextEnabledTask(asyncio.Task[Any]):
    """A task that belongs to the invocation of the task that made it."""

    def __init__(self, coroutine: Any, **options: Any) -> None:
        super().__init__(coroutine, **options)
        current = asyncio.current_task(options["loop"])
        if (invocation := getattr(current, _ID, None)) is not None:
            setattr(self, _ID, invocation)


def current_invocation(runtime: Any) -> str | None:
    """`get_current_invocation_id`: of the task, else of the context, else of the thread."""
    with suppress(RuntimeError):  # no event loop runs in this thread
        task = asyncio.current_task(asyncio.get_running_loop())
        if (invocation := getattr(task, _ID, None)) is not None:
            return str(invocation)
    invocation = runtime.invocation_id_cv.get() or _ids_of_threads.get(threading.get_ident())
    return None if invocation is None else str(invocation)


class LoggingHandler(logging.Handler):
    """`on_logging`: every record to the host, with the invocation that it belongs to."""

    def __init__(self, runtime: Any, send: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._runtime = runtime
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        log = {
            "category": record.name,
            "level": record.levelname,
            "message": self.format(record),
            "system": record.name.startswith(_SYSTEM),
            "invocation": current_invocation(self._runtime),
            "thread": record.threadName,
        }
        self._send({"log": log})


@dataclass
class WorkerRequest:
    """What the library gets."""

    name: str
    request: messages.StreamingMessage
    properties: dict[str, Any] = field(default_factory=dict)


class Dispatcher:
    """Requests to the library, its answers to the host."""

    def __init__(self, runtime: Any, send: Callable[[dict[str, Any]], None], app: str) -> None:
        self._runtime = runtime
        self._send = send
        self._app = app

    async def dispatch(self, request: dict[str, Any]) -> None:
        handlers: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "init": self._init,
            "metadata": self._metadata,
            "load": self._load,
            "invoke": self._invoke,
        }
        answer = await handlers[request["kind"]](request)
        self._send({"answer": request["number"], **answer})

    async def _init(self, _request: dict[str, Any]) -> dict[str, Any]:
        init = messages.WorkerInitRequest(function_app_directory=self._app)
        properties = {"protos": messages, "host": "127.0.0.1"}
        self._runtime.start_threadpool_executor()
        response = await self._runtime.worker_init_request(
            self._request("WorkerInitRequest", properties, worker_init_request=init)
        )
        return {**_result(response), "capabilities": response.capabilities}

    async def _metadata(self, _request: dict[str, Any]) -> dict[str, Any]:
        response = await self._runtime.functions_metadata_request(
            self._request("WorkerMetadataRequest")
        )
        functions = [
            {
                "name": each.name,
                "id": each.function_id,
                "bindings": [json.loads(binding) for binding in each.raw_bindings],
            }
            for each in response.function_metadata_results
        ]
        return {**_result(response), "functions": functions}

    async def _load(self, request: dict[str, Any]) -> dict[str, Any]:
        load = messages.FunctionLoadRequest(function_id=request["function"])
        response = await self._runtime.function_load_request(
            self._request("FunctionLoadRequest", function_load_request=load)
        )
        return _result(response)

    async def _invoke(self, request: dict[str, Any]) -> dict[str, Any]:
        invocation = request["invocation"]
        setattr(asyncio.current_task(), _ID, invocation)
        _ids_of_threads[threading.get_ident()] = invocation
        invoke = messages.InvocationRequest(
            invocation_id=invocation,
            function_id=request["function"],
            input_data=[
                messages.ParameterBinding(name=name, data=_typed(data))
                for name, data in request["inputs"].items()
            ],
        )
        response = await self._runtime.invocation_request(
            self._request("FunctionInvocationRequest", invocation_request=invoke)
        )
        return {**_result(response), "returned": _untyped(response.return_value)}

    @staticmethod
    def _request(
        name: str, properties: dict[str, Any] | None = None, **content: messages.Message
    ) -> WorkerRequest:
        return WorkerRequest(name, messages.StreamingMessage(**content), properties or {})


def _result(response: Any) -> dict[str, Any]:
    """How it went: an empty `failure` is a success."""
    result = response.result
    if result.status == messages.StatusResult.Success:
        return {"failure": ""}
    return {"failure": f"{result.exception.message}\n{result.exception.stack_trace}"}


def _typed(data: dict[str, Any]) -> messages.TypedData:
    """`{"json": ...}`, `{"string": ...}`, or `{"http": ...}` with the body in base64."""
    if "http" not in data:
        return messages.TypedData(**data)
    request = dict(data["http"])
    body = base64.b64decode(request.pop("body"))
    if body:  # the host sends none that is empty
        request["body"] = messages.TypedData(bytes=body)
    return messages.TypedData(http=messages.RpcHttp(**request))


def _untyped(value: messages.TypedData) -> Any:
    match value.WhichOneof("data"):
        case None:
            return None
        case "http":
            body = base64.b64encode(value.http.body.bytes).decode()
            answer = value.http
            return {"status": answer.status_code, "headers": answer.headers, "body": body}
        case kind:
            return getattr(value, kind)


def _stream() -> TextIO:
    """Standard output for us alone."""
    alone = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return alone


def main(app: str) -> None:
    # the app and its packages come first, as on Azure, and nothing of the repository is there
    sys.path[:1] = [f"{app}/{_PACKAGES}", app]
    os.chdir(app)
    import azure_functions_runtime as runtime

    stream, lock = _stream(), threading.Lock()

    def send(message: dict[str, Any]) -> None:
        with lock:
            stream.write(json.dumps(message) + "\n")
            stream.flush()

    root = logging.getLogger()
    root.setLevel(logging.INFO)
    root.addHandler(LoggingHandler(runtime, send))

    loop = asyncio.new_event_loop()
    loop.set_task_factory(
        lambda loop, coroutine, **options: ContextEnabledTask(coroutine, loop=loop, **options)
    )
    dispatcher = Dispatcher(runtime, send, app)

    def read() -> None:
        for line in sys.stdin:
            request = json.loads(line)
            loop.call_soon_threadsafe(loop.create_task, dispatcher.dispatch(request))
        loop.call_soon_threadsafe(loop.stop)

    threading.Thread(target=read, daemon=True).start()
    loop.run_forever()
    os._exit(0)  # the app's threads need not end first


if __name__ == "__main__":
    main(sys.argv[1])
