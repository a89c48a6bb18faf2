"""`/openai/v1/usage`: what all videos cost, as JSON or CSV."""

import csv
import io
import re
from datetime import date

import azure.functions as func

from shared.answers.usage import GroupBy, Usage, UsageSums
from shared.domain.errors import InvalidRequest
from shared.durable.sdk import blueprint
from shared.lifecycle.requests.usage import usage
from shared.lifecycle.services import services
from triggers.web.answers import BASE_PATH, Response, json_answer, text_answer
from triggers.web.authenticate import Authenticated, authenticate, on_behalf_of
from triggers.web.query import parameter
from triggers.web.routes import http

bp = blueprint()


@http(bp, f"{BASE_PATH}/usage", ["GET"])
def get_usage(req: func.HttpRequest) -> Response:
    caller = _whose(req, authenticate(req))
    as_csv = _as_csv(req)
    by = parameter(req, "group_by") or GroupBy.DAY
    if by not in list(GroupBy):
        raise InvalidRequest(
            f"group_by {by[:80]!r} is not one of: {', '.join(GroupBy)}.", param="group_by"
        )
    answer = usage(services(), caller, _day(req, "from"), _day(req, "to"), GroupBy(by))
    return text_answer(_csv(answer), content_type="text/csv") if as_csv else json_answer(answer)


def _whose(req: func.HttpRequest, authenticated: Authenticated) -> str | None:
    """The caller whose usage is asked for; None for everybody's, an admin's default."""
    if authenticated.admin and not parameter(req, "caller"):
        return None
    return on_behalf_of(req, authenticated)


def _as_csv(req: func.HttpRequest) -> bool:
    wanted = parameter(req, "format")
    if wanted not in (None, "json", "csv"):
        raise InvalidRequest(f"format {wanted[:80]!r} is not json or csv.", param="format")
    return wanted == "csv" or (wanted is None and "text/csv" in req.headers.get("accept", ""))


def _day(req: func.HttpRequest, name: str) -> date | None:
    text = parameter(req, name)
    if text is None:
        return None
    try:
        if not re.fullmatch(r"[12]\d{3}-\d\d-\d\d", text):
            raise ValueError(text)
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(
            f"{name} {text[:80]!r} is not a day like 2026-11-21.", param=name
        ) from None


def _csv(answer: Usage) -> str:
    """One line per row, with the JSON's field names as headers; amounts are US dollars."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow([answer.group_by, *UsageSums.model_fields])
    for row in answer.data:
        writer.writerow([row.group, *(getattr(row, name) for name in UsageSums.model_fields)])
    return lines.getvalue()
