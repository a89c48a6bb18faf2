"""What an answer of an upstream other than 2xx means: its status, and what its body says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from time import time
from typing import NoReturn

from shared.domain import retry_after
from shared.upstream.error_bodies import ErrorBody, error_body
from shared.upstream.protocol import (
    AnswerLost,
    DeploymentOut,
    JobGone,
    Refused,
    Throttled,
    Unreadable,
)
from shared.upstream.reading import Answer

_CODE = re.compile(r"(?=.*[a-z_])[\w.-]{1,64}", re.ASCII)
"""A code in words; a number repeats the status."""
_OF_ACCESS = frozenset({401, 402, 403, 407})
"""A key, a role, the bill, a proxy."""
_PATH = re.compile(
    r"\bno route\b|\broute\b.{0,200}\bnot found\b|\bcannot [A-Z]+ /|\binvalid url\b", re.IGNORECASE
)
"""Kong, APISIX and Fastify, NestJS, OpenAI and new-api: of a path that they do not have."""
_NOTHING_HERE = re.compile(r"(resource )?not found\.?", re.IGNORECASE)
"""API Management, AWS, Starlette, Spring."""
_MAYBE_DONE = frozenset({408, 409, 424, 425, 499})
"""What a gateway answers that does not know what became of a request."""


def raise_for_create(answer: Answer, *, prompt: str, of_job: bool) -> NoReturn:
    """The answer to a create was lost unless it is a 4xx, and none of a gateway that gave up; or a
    gateway says that it has nobody to ask. With `of_job` the path names a job, and a 404 is about
    that job."""
    said = error_body(answer, prompt=prompt)
    if _has_nobody(answer):
        raise DeploymentOut(said.message, status=answer.status)
    if not 400 <= answer.status < 500 or answer.status in _MAYBE_DONE:
        raise AnswerLost(f"a create was answered with {answer.status}")
    of_model = answer.status == 410 or (answer.status == 404 and not of_job)
    if (of_model or denies_access(answer)) and not said.moderated:
        final = answer.status == 410 or (answer.status == 404 and said.gone)
        raise DeploymentOut(said.message, status=answer.status, final=final)
    if answer.status == 429:
        raise Throttled(said.message, retry_after.read(answer.headers, time()))
    raise Refused(said.message, status=answer.status, moderated=said.moderated)


def _has_nobody(answer: Answer) -> bool:
    """Whether new-api itself says that none of its channels has the model now: it has asked nobody.
    What it passes on from others has another form."""
    error = answer.data.get("error") if isinstance(answer.data, Mapping) else None
    if answer.status != 503 or not isinstance(error, Mapping):
        return False
    return (error.get("type"), error.get("code")) == ("new_api_error", "model_not_found")


def denies_access(answer: Answer) -> bool:
    """Whether an answer turns everybody away, for our key or our bill. Gateways say so with 400 and
    422, too."""
    if answer.status in (400, 422):
        return error_body(answer).of_everybody
    return answer.status in _OF_ACCESS


def _of_a_path(answer: Answer, said: ErrorBody) -> bool:
    """Whether a 404 is of a proxy that finds no server, or of another server: a page, or a text
    without a word of a job, or JSON about the path. What has the form of OpenAI's errors and does
    not name the path is of the upstream: Azure says "Resource not found" of a job, too."""
    if said.unknown_job or not answer.body.strip():
        return False
    if answer.data is None or _PATH.search(said.message):
        return True
    ours = isinstance(answer.data, Mapping) and isinstance(answer.data.get("error"), Mapping)
    return not ours and _NOTHING_HERE.fullmatch(said.message) is not None


def raise_for_read(answer: Answer) -> NoReturn:
    """For reads of what is not the answer, whatever its status: status and code as the message,
    because the sentence may repeat the job's prompt; that is `said`."""
    said, status = error_body(answer), answer.status
    code = next((code for code in said.codes if _CODE.fullmatch(code)), "")
    words = f"HTTP {status} {code}".strip()
    if status == 404 and _of_a_path(answer, said):
        raise Unreadable("HTTP 404 of the path: no word of a job")
    if status == 404 or (status in (200, 400, 410, 422, 500) and said.unknown_job):
        raise JobGone(words)
    if status in (401, 403, 410):
        raise DeploymentOut(words, status=status)
    if status == 429:
        raise Throttled(words, retry_after.read(answer.headers, time()))
    if 400 <= status < 500 and status != 408:
        raise Refused(words, status=status, moderated=said.moderated, said=said.message)
    raise Unreadable(words, said=said.message)
