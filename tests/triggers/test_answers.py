"""Error envelopes: every failure says what was wrong, whether it was charged and what to do."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest
from azure.core.exceptions import ServiceRequestError

from shared.domain.errors import (
    Conflict,
    InvalidRequest,
    LimitReached,
    NotAuthenticated,
    NotFound,
    Problem,
    TooLarge,
    Unavailable,
)
from shared.settings.app import SettingsError
from shared.storage.rows import RowChanged
from triggers.web.answers import answer


def failing(error: Exception) -> func.HttpResponse:
    def work() -> func.HttpResponse:
        raise error

    return answer(work)


@pytest.mark.parametrize(
    ("problem", "status", "kind", "retry"),
    [
        (InvalidRequest("m", param="p"), 400, "invalid_request_error", None),
        (NotAuthenticated("m"), 401, "authentication_error", None),
        (NotFound("m"), 404, "invalid_request_error", None),
        (Conflict("m", code="c"), 409, "invalid_request_error", "false"),
        (TooLarge("m"), 413, "invalid_request_error", None),
        (LimitReached("m", code="c"), 429, "insufficient_quota", "false"),
        (Unavailable("m"), 503, "server_error", None),
    ],
)
def test_the_envelope(problem: Problem, status: int, kind: str, retry: str | None) -> None:
    sent = failing(problem)
    body: dict[str, Any] = json.loads(sent.get_body())
    error = body["error"]
    assert sent.status_code == status
    assert {"message", "type", "param", "code"} <= set(error)
    assert (error["message"], error["type"], error["charged"]) == ("m", kind, False)
    assert sent.headers.get("x-should-retry") == retry
    assert sent.headers["x-request-id"].startswith("req_")
    assert error["retryable"] == (status == 503)
    assert ("retry-after" in sent.headers) == (status == 503)


def test_a_fault_of_ours_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    sent = failing(RuntimeError("AccountKey=secret"))
    assert sent.status_code == 500
    assert b"secret" not in sent.get_body()
    assert "AccountKey=secret" in caplog.text


def test_a_missing_setting_is_named() -> None:
    sent = failing(SettingsError("UPSTREAMS: is missing"))
    assert sent.status_code == 500
    assert b"UPSTREAMS: is missing" in sent.get_body()


@pytest.mark.parametrize("error", [ServiceRequestError("no route"), RowChanged("too often")])
def test_storage_that_fails_is_worth_another_try(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    sent = failing(error)
    assert (sent.status_code, sent.headers["retry-after"]) == (503, "5")
    assert json.loads(sent.get_body())["error"]["retryable"] is True
    assert b"no route" not in sent.get_body()
    assert "event=request_failed" in caplog.text
