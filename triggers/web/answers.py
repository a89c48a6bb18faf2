"""Answers in OpenAI's form: JSON bodies, error envelopes, and a request id on every one."""

import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import azure.functions as func

from shared.domain import retry_after
from shared.domain.errors import Problem, Unavailable, UnsupportedEncoding, WrongMethod
from shared.durable import names
from shared.settings.app import SettingsError
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit

BASE_PATH = names.BASE_PATH

Handler = Callable[[func.HttpRequest], func.HttpResponse]


def json_answer(
    body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """A JSON answer; never cached, because what it shows changes."""
    return func.HttpResponse(
        json.dumps(body, ensure_ascii=False),
        status_code=status,
        mimetype="application/json",
        headers=_headers({"cache-control": "no-store", **(headers or {})}),
    )


def text_answer(body: str, *, content_type: str) -> func.HttpResponse:
    """Text in UTF-8; never cached."""
    return func.HttpResponse(
        body.encode(),
        status_code=200,
        mimetype=content_type,
        charset="utf-8",
        headers=_headers({"cache-control": "no-store"}),
    )


def public_answer(
    body: bytes, *, content_type: str, headers: Mapping[str, str] | None = None
) -> func.HttpResponse:
    """A document that is the same for everybody until the next release."""
    return func.HttpResponse(
        body,
        status_code=200,
        mimetype=content_type,
        charset="utf-8",
        headers=_headers(
            {"cache-control": "max-age=300", "x-content-type-options": "nosniff", **(headers or {})}
        ),
    )


def bytes_answer(
    body: bytes, *, status: int, content_type: str, headers: Mapping[str, str]
) -> func.HttpResponse:
    return func.HttpResponse(
        body, status_code=status, mimetype=content_type, headers=_headers(headers)
    )


def redirect(location: str) -> func.HttpResponse:
    """A redirect that nobody may keep: its location is a short-lived credential."""
    headers = {"location": location, "cache-control": "no-store", "referrer-policy": "no-referrer"}
    return func.HttpResponse(b"", status_code=302, headers=_headers(headers))


def problem_answer(problem: Problem) -> func.HttpResponse:
    """The error envelope, with `stage`, `retryable` and `charged` beside OpenAI's four fields."""
    error: dict[str, Any] = {
        "message": _printable(problem.message),
        "type": problem.type,
        "param": None if problem.param is None else _printable(problem.param),
        "code": problem.code,
        "retryable": problem.retryable,
        "charged": problem.charged,
    }
    if problem.stage is not None:
        error["stage"] = problem.stage
    headers = retry_after.header(problem.retry_after_seconds)
    if problem.status in (409, 429) and not problem.retryable:
        # OpenAI's clients repeat 409 and 429 by themselves; here a repeat cannot help
        headers["x-should-retry"] = "false"
    if isinstance(problem, WrongMethod):
        headers["allow"] = ", ".join(problem.allowed)
    if isinstance(problem, UnsupportedEncoding):
        headers["accept-encoding"] = ", ".join(problem.accepted)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return json_answer({"error": error}, status=problem.status, headers=headers)


def _printable(text: str) -> str:
    """A text that quotes what a caller sent, which may hold half a character."""
    return text.encode("utf-8", "backslashreplace").decode()


def answer(work: Callable[[], func.HttpResponse]) -> func.HttpResponse:
    """What `work` answers, or the envelope of what it raises."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001  # the last line before the host's empty 500
        return _failed(error)


async def answer_async(work: Awaitable[func.HttpResponse]) -> func.HttpResponse:
    """`answer` for functions that bind the durable client."""
    try:
        return await work
    except Exception as error:  # noqa: BLE001  # the last line before the host's empty 500
        return _failed(error)


def _failed(error: Exception) -> func.HttpResponse:
    if isinstance(error, Problem):
        # the name of an unknown field is the caller's own text, and so is a metadata key
        param = None if error.code == "unknown_parameter" else (error.param or "").split(".")[0]
        emit(Event.REQUEST_REFUSED, status=error.status, code=error.code, param=param)
        return problem_answer(error)
    if isinstance(error, SettingsError):
        emit(Event.MISCONFIGURED, message=str(error))
        misconfigured = Problem(f"The app is not configured: {error}.", code="misconfigured")
        return problem_answer(misconfigured)
    answered = problem_answer(_hidden(error))
    emit(Event.REQUEST_FAILED, error=error, request_id=answered.headers["x-request-id"])
    return answered


def _hidden(error: Exception) -> Problem:
    """What a caller is told of a fault that the log has whole."""
    from azure.core.exceptions import AzureError  # whoever raised it has loaded it

    if isinstance(error, AzureError | RowChanged):
        return Unavailable("Storage does not answer as it should right now. Try again.")
    hidden = Problem("Something failed here. The log has it.", code="internal_error")
    hidden.retryable = True
    return hidden


def _headers(extra: Mapping[str, str]) -> dict[str, str]:
    return {"x-request-id": f"req_{secrets.token_hex(16)}", **extra}
