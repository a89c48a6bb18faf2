"""Answers in OpenAI's form: JSON bodies, error envelopes, and a request id on every one."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import azure.functions as func

from shared.answers.errors import AskedApproval, ErrorAnswer, ErrorDetail
from shared.answers.model import AnswerModel
from shared.domain import retry_after
from shared.domain.errors import (
    ApprovalRequired,
    Problem,
    Unavailable,
    UnsupportedEncoding,
    WrongMethod,
)
from shared.domain.money import usd
from shared.durable import names
from shared.lifecycle.services import is_storage_fault
from shared.settings.app import SettingsError
from shared.telemetry.events import Event, emit

BASE_PATH = names.BASE_PATH

NO_STORE = {"cache-control": "no-store"}


def new_request_id() -> str:
    return f"req_{secrets.token_hex(16)}"


class Response(func.HttpResponse):
    """The answer of an HTTP function; `routes` accepts no other type. `model` is the model of its
    JSON: only the OpenAPI document and MCP's messages are JSON without one."""

    def __init__(
        self,
        body: AnswerModel | bytes,
        headers: Mapping[str, str],
        *,
        status: int = 200,
        content_type: str | None = None,
    ) -> None:
        self.model = body if isinstance(body, AnswerModel) else None
        super().__init__(
            body.as_json() if isinstance(body, AnswerModel) else body,
            status_code=status,
            mimetype="application/json" if self.model else content_type,
            headers={"x-request-id": new_request_id(), **headers},
        )


def json_answer(
    body: AnswerModel, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON answer; never cached, because its content changes."""
    return Response(body, {**NO_STORE, **(headers or {})}, status=status)


def nothing() -> Response:
    """204: done, and there is nothing to say."""
    return Response(b"", NO_STORE, status=204)


def text_answer(body: str, *, content_type: str) -> Response:
    """Text in UTF-8; never cached."""
    return Response(body.encode(), NO_STORE, content_type=content_type)


def public_answer(
    body: bytes, *, content_type: str, headers: Mapping[str, str] | None = None
) -> Response:
    """A document that is the same for everybody until the next release."""
    kept = {"cache-control": "max-age=300", "x-content-type-options": "nosniff"}
    return Response(body, {**kept, **(headers or {})}, content_type=content_type)


def redirect(location: str) -> Response:
    """A redirect; never cached, because its location is a short-lived credential."""
    headers = {"location": location, **NO_STORE, "referrer-policy": "no-referrer"}
    return Response(b"", headers, status=302)


def error_detail(problem: Problem) -> ErrorDetail:
    """What the error envelope says: `stage`, `retryable` and `charged` beside OpenAI's four."""
    more: dict[str, Any] = {} if problem.stage is None else {"stage": problem.stage}
    if isinstance(problem, ApprovalRequired) and (asked := problem.approval) is not None:
        more["approval"] = AskedApproval(
            id=asked.id, url=asked.url, estimated=usd(asked.amount), expires_at=asked.expires_at
        )
    return ErrorDetail(
        message=_printable(problem.message),
        type=problem.type,
        param=None if problem.param is None else _printable(problem.param),
        code=problem.code,
        retryable=problem.retryable,
        charged=problem.charged,
        **more,
    )


def problem_answer(problem: Problem, request_id: str | None = None) -> Response:
    """The error envelope."""
    headers = retry_after.header(problem.retry_after_seconds)
    if problem.status in (409, 429) and not problem.retryable:
        # OpenAI's clients retry 409 and 429; here a retry cannot help
        headers["x-should-retry"] = "false"
    if isinstance(problem, WrongMethod):
        headers["allow"] = ", ".join(problem.allowed)
    if isinstance(problem, UnsupportedEncoding):
        headers["accept-encoding"] = ", ".join(problem.accepted)
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    if request_id is not None:
        headers["x-request-id"] = request_id
    answered = ErrorAnswer(error=error_detail(problem))
    return json_answer(answered, status=problem.status, headers=headers)


def _printable(text: str) -> str:
    """Make text encodable: it may quote a lone surrogate from a caller."""
    return text.encode("utf-8", "backslashreplace").decode()


def answer(work: Callable[[], object]) -> Response:
    """The answer of `work`, or the envelope of the error that it raises."""
    try:
        return _ours(work())
    except Exception as error:  # noqa: BLE001  # the last line before the host's empty 500
        return _failed(error)


async def answer_async(work: Awaitable[object]) -> Response:
    """`answer` for functions that are `async`."""
    try:
        return _ours(await work)
    except Exception as error:  # noqa: BLE001  # the last line before the host's empty 500
        return _failed(error)


def _ours(answered: object) -> Response:
    if not isinstance(answered, Response):
        raise TypeError(f"an HTTP function answered with a {type(answered).__name__}")
    return answered


def _failed(error: Exception) -> Response:
    request_id = new_request_id()
    return problem_answer(logged(error, request_id), request_id)


def logged(error: Exception, request_id: str) -> Problem:
    """The problem that a caller sees, after the log has got what happened."""
    if isinstance(error, Problem):
        emit(
            Event.REQUEST_REFUSED,
            status=error.status,
            code=error.code,
            param=error.param_to_log,
        )
        return error
    if isinstance(error, SettingsError):
        emit(Event.MISCONFIGURED, message=str(error))
        return Problem(f"The app is not configured: {error}.", code="misconfigured")
    emit(Event.REQUEST_FAILED, error=error, request_id=request_id)
    return _hidden(error)


def _hidden(error: Exception) -> Problem:
    """The problem that a caller sees for a fault; the log has the details."""
    if is_storage_fault(error):
        return Unavailable("Storage does not answer as it should right now. Try again.")
    hidden = Problem("Something failed here. The log has it.", code="internal_error")
    hidden.retryable = True
    return hidden
