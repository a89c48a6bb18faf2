"""What an answer of an upstream other than 2xx means: its status, and what its body says."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from time import time
from typing import Any, NoReturn

from shared.domain import retry_after
from shared.upstream.protocol import (
    AnswerLost,
    DeploymentOut,
    JobGone,
    Refused,
    Throttled,
    Unreadable,
)

_LARGEST_MESSAGE = 500
_CODE = re.compile(r"[\w.-]{1,64}", re.ASCII)
_OF_EVERYBODY = frozenset({401, 402, 403, 407, 410})
"""Problems beyond one request: a key, a role, the bill, a proxy, a model that is gone."""
_GONE_CODES = frozenset(
    {"model_decommissioned", "model_deprecated", "model_retired", "modeldeprecated", "modelretired"}
)
_GONE = re.compile(
    r"\bmodel\b([^.;\n]|\.(?=\S)){0,60}\b(has been|was|is) (now )?"
    r"(decommissioned|deprecated|discontinued|retired|shut down|sunset"
    r"|no longer (available|supported))",
    re.IGNORECASE,
)
"""A sentence of a 404 about a model that does not come back."""

_MODERATION_CODES = frozenset(
    {
        "moderation_blocked",  # Sora 2 jobs, seen live
        "content_filter",  # Azure's general shape, seen live for chat
        "content_policy_violation",
        "responsibleaipolicyviolation",  # Sora 1 spec, inner_error.code
        "input_moderation",
        "output_moderation",
    }
)


@dataclass(frozen=True)
class Answer:
    """An answer read to its end, within limits of size and time."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class ErrorBody:
    """An error answer; the body may be `{"error": {...}}` or flat, as both occur."""

    message: str
    code: str
    inner_code: str

    @property
    def moderated(self) -> bool:
        return bool({self.code.lower(), self.inner_code.lower()} & _MODERATION_CODES)

    @property
    def gone(self) -> bool:
        """Whether it says that the model does not come back."""
        codes = {self.code.lower(), self.inner_code.lower()}
        return bool(codes & _GONE_CODES) or _GONE.search(self.message) is not None


def raise_for_create(answer: Answer, *, prompt: str, of_job: bool) -> NoReturn:
    """The answer to a create was lost unless it is a 2xx or a 4xx other than 408 and 409. With
    `of_job` the path names a job, and a 404 is about that job."""
    if not 400 <= answer.status < 500 or answer.status in (408, 409):
        raise AnswerLost(f"a create was answered with {answer.status}")
    said = error_body(answer, prompt=prompt)
    everybody = answer.status in _OF_EVERYBODY or (answer.status == 404 and not of_job)
    if everybody and not said.moderated:
        final = answer.status == 410 or (answer.status == 404 and said.gone)
        raise DeploymentOut(said.message, status=answer.status, final=final)
    if answer.status == 429:
        raise Throttled(said.message, retry_after.read(answer.headers, time()))
    raise Refused(said.message, status=answer.status, moderated=said.moderated)


def raise_for_read(answer: Answer) -> NoReturn:
    """For reads: only status and code, because the message may repeat the job's prompt."""
    said = error_body(answer)
    status = answer.status
    words = f"HTTP {status} {said.code}" if _CODE.fullmatch(said.code) else f"HTTP {status}"
    if status == 404:
        raise JobGone(words)
    if status in (401, 403, 410):
        raise DeploymentOut(words, status=status)
    if status == 429:
        raise Throttled(words, retry_after.read(answer.headers, time()))
    if 400 <= status < 500 and status != 408:
        raise Refused(words, status=status, moderated=said.moderated)
    raise Unreadable(words)


def error_body(answer: Answer, *, prompt: str = "") -> ErrorBody:
    """Parse an error answer in any shape that occurs, HTML included.

    Cuts out `prompt`: messages about a deployment are shown to all callers.
    """
    try:
        data: Any = json.loads(answer.body)
    except ValueError:
        return ErrorBody(f"HTTP {answer.status} without a JSON body", "", "")
    if isinstance(data, dict) and isinstance(data.get("error"), dict):
        data = data["error"]
    if not isinstance(data, dict):
        return ErrorBody(f"HTTP {answer.status}", "", "")
    inner = data.get("inner_error") or data.get("innererror") or {}
    inner_code = inner.get("code") if isinstance(inner, dict) else None
    message = str(data.get("message") or f"HTTP {answer.status}")
    if prompt:
        message = re.sub(rf"(?<!\w){re.escape(prompt)}(?!\w)", "[prompt]", message)
    return ErrorBody(message[:_LARGEST_MESSAGE], str(data.get("code") or ""), str(inner_code or ""))
