"""The fields of a batch, wherever they come from: a body, or the metadata of a dropped file."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.domain import limits, money
from shared.domain.errors import InvalidRequest
from shared.lifecycle.requests import fields
from shared.lifecycle.requests.batches import WINDOW, Again, NewBatch, seconds_of
from shared.lifecycle.requests.fields import (
    Metadata,
    RequestBody,
    Text,
    Usd,
    WebhookName,
    WholeNumber,
    YesOrNo,
)

Window = Annotated[Text, Field(pattern=WINDOW, description="Hours or days, such as 24h or 7d.")]
MaxRunning = Annotated[WholeNumber, Field(ge=1, le=limits.MOST_RUNNING)]


class CreateBatch(RequestBody):
    """The body of `POST /batches`."""

    input_file_id: Text
    endpoint: Literal["/v1/videos", "/openai/v1/videos", "/videos"]
    completion_window: Window
    metadata: Metadata | None = None
    budget_usd: Usd | None = None
    max_running: MaxRunning | None = None
    dry_run: YesOrNo = False
    webhook: WebhookName | None = None


class RetryBatch(RequestBody):
    """The body of `POST /batches/{id}/retry`: what is to be different."""

    completion_window: Window | None = None
    budget_usd: Usd | None = None
    max_running: MaxRunning | None = None


def new_batch(given: Mapping[str, Any]) -> NewBatch:
    """Read the fields of a create. Raises InvalidRequest, which names the field."""
    body = fields.validated(CreateBatch, given)
    seconds_of(body.completion_window)
    return NewBatch(
        input_file_id=body.input_file_id,
        completion_window=body.completion_window,
        budget=_micro_usd(body.budget_usd),
        max_running=body.max_running,
        dry_run=body.dry_run,
        metadata=body.metadata or {},
        webhook=body.webhook,
    )


def again(given: Mapping[str, Any]) -> Again:
    """Read the fields of a retry. Raises InvalidRequest, which names the field."""
    body = fields.validated(RetryBatch, given)
    if body.completion_window is not None:
        seconds_of(body.completion_window)
    return Again(
        completion_window=body.completion_window,
        budget=_micro_usd(body.budget_usd),
        max_running=body.max_running,
    )


def _micro_usd(amount: str | float | None) -> int | None:
    """Raises InvalidRequest."""
    if amount is None:
        return None
    try:
        limit = money.micro_usd(amount)
    except ValueError as error:
        raise InvalidRequest(f"budget_usd: {error}.", param="budget_usd") from None
    if limit <= 0:
        raise InvalidRequest("budget_usd is more than 0, or left out.", param="budget_usd")
    return limit
