"""How a failure is told, in the extension's words.

Orchestrators read them (``str(error)``), statuses and histories show them. Sources: host
``RpcException``, ``WorkerProcess``; extension ``TaskActivityShim``, ``TaskOrchestrationShim``,
``OutOfProcOrchestrationShim``; DurableTask.Core ``Utils.SerializeCause``.
"""

import traceback
from collections.abc import Iterable
from typing import Any

from .. import net_json
from .work import Failed

HOST_FRAMES = "   at (frames of the host's own)"
"""Stands for a .NET stack trace."""

WORKER_EXITED = "python exited with code 137 (0x89)"
"""What the host says of an invocation whose worker is gone, killed for want of memory."""

_CORE = "System.Private.CoreLib"
_SCRIPT = "Microsoft.Azure.WebJobs.Script"
_NO_DATA = {"$type": f"System.Collections.ListDictionaryInternal, {_CORE}"}
_HRESULT = -2146233088


def unknown_function(name: str, kind: str, known: Iterable[str]) -> str:
    """Why a function cannot be called; ``kind`` is ``activity``, ``orchestrator`` or ``entity``."""
    article = "an" if kind[0] in "aeio" else "a"
    names = "', '".join(known)
    info = (
        f"The following are the known {kind} functions: '{names}'."
        if names
        else f"No {kind} functions are currently registered!"
    )
    return (
        f"The function '{name}' doesn't exist, is disabled, or is not {article} {kind} function."
        f" Additional info: {info}"
    )


def error_text(error: BaseException) -> str:
    """As the worker tells the host what a function raised."""
    return f"{type(error).__name__}: {error}"


def frames(error: BaseException) -> str:
    """The worker's stack trace (``marshall_exception_trace``)."""
    return "".join(traceback.extract_tb(error.__traceback__).format())


def rpc_text(error: BaseException) -> str:
    """The host's exception for what a function raised."""
    return f"Result: Failure\nException: {error_text(error)}\nStack: {frames(error)}"


def activity_raised(name: str, error: BaseException) -> Failed:
    text, trace = error_text(error), frames(error)
    remote = {
        "$type": f"{_SCRIPT}.Workers.Rpc.RpcException, {_SCRIPT}",
        "IsUserException": False,
        "RemoteStackTrace": trace,
        "RemoteMessage": text,
        "RemoteTypeName": None,
        **_thrown(rpc_text(error), None),
    }
    # the extension makes an exception of its own around it, with the friendly part of the message
    details = {
        "$type": f"System.Exception, {_CORE}",
        "ClassName": "System.Exception",
        "Message": text,
        "Data": None,
        "InnerException": remote,
        "HelpURL": None,
        "StackTraceString": None,
        "RemoteStackTraceString": None,
        "RemoteStackIndex": 0,
        "ExceptionMethod": None,
        "HResult": _HRESULT,
        "Source": None,
        "WatsonBuckets": None,
    }
    # There is a space, since the message is cut out of the host's exception behind "Exception:".
    return Failed(f"Activity function '{name}' failed: {text}", net_json.dumps(details))


def activity_lost(name: str) -> Failed:
    """An activity whose worker died: there is no second attempt for Python."""
    return Failed(f"Activity function '{name}' failed: {WORKER_EXITED}", net_json.dumps(_exit()))


def http_activity_raised(error: BaseException) -> Failed:
    """The built-in activity runs in the host, which reports the bare message."""
    return Failed(str(error), net_json.dumps(_thrown(str(error), None)))


def orchestrator_threw(name: str, message: str) -> Failed:
    """Whatever goes wrong around user code in the extension."""
    details = {"$type": f"System.Exception, {_CORE}", **_thrown(message, None)}
    return Failed(f"Orchestrator function '{name}' failed: {message}", net_json.dumps(details))


def orchestrator_raised(name: str, error: str) -> Failed:
    """User code raised; ``error`` is its text, which the SDK hands over with the actions."""
    return Failed(
        f"Orchestrator function '{name}' failed: {error}",
        f"Message: {error}, StackTrace: {HOST_FRAMES}",
    )


def non_deterministic(message: str) -> Failed:
    """DurableTask.Core itself fails the orchestration."""
    error = f"DurableTask.Core.Exceptions.NonDeterministicOrchestrationException: {message}"
    return Failed(
        message,
        f"Unhandled exception while executing orchestration: {error}\n{HOST_FRAMES}\n\t"
        f"{HOST_FRAMES}",
    )


def invocation_failed(message: str) -> str:
    """The message of an orchestrator's invocation that failed as a whole."""
    return f"One or more errors occurred. ({message})"


def _thrown(message: str, inner: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "Message": message,
        "Data": _NO_DATA,
        "InnerException": inner,
        "HelpLink": None,
        "Source": _CORE,
        "HResult": _HRESULT,
        "StackTrace": HOST_FRAMES,
    }


def _exit() -> dict[str, Any]:
    kind = f"{_SCRIPT}.Workers.WorkerProcessExitException, {_SCRIPT}"
    return {"$type": kind, "ExitCode": 137, **_thrown(WORKER_EXITED, None)}
