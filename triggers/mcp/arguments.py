"""What tools take: the fields of the API's bodies, and what keeps an agent from overspending."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from shared.answers.usage import GroupBy
from shared.answers.videos import ID_PATTERN
from shared.domain import limits, money
from shared.domain.errors import InvalidRequest
from shared.domain.parameters import integer
from shared.domain.video import Status
from shared.lifecycle.requests import fields
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.fields import CreateVideo, RemixVideo, RequestBody, Usd

_KEY = f"[ -~]{{1,{limits.LONGEST_KEY}}}"


def _key(text: str) -> str:
    if not re.fullmatch(_KEY, text):
        raise ValueError(f"it has 1 to {limits.LONGEST_KEY} printable ASCII characters")
    return text


def _video_id(text: str) -> str:
    if not re.fullmatch(ID_PATTERN.strip("^$"), text):
        raise ValueError("it is video_ and 32 hexadecimal digits, as the tools answer it")
    return text


RequestId = Annotated[
    str,
    Field(
        strict=True,
        json_schema_extra={"pattern": f"^{_KEY}$"},
        description="Names this request: make one up, such as a UUID, and keep it. The same call "
        "with the same request_id never makes a second video, however often it is repeated; use "
        "it again after a timeout or a lost answer, and a new one only for a new video.",
    ),
    AfterValidator(_key),
]
MaxUsd = Annotated[
    Usd,
    Field(
        description="The most that the video may cost, in US dollars. Above it nothing is made or "
        "charged, and the error says the price. quote_video tells it beforehand.",
        examples=["0.50"],
    ),
]
VideoId = Annotated[
    str,
    Field(strict=True, json_schema_extra={"pattern": ID_PATTERN}, description="The video's id."),
    AfterValidator(_video_id),
]
_WHOLE = BeforeValidator(integer)
Day = Annotated[str, Field(strict=True, pattern=r"^[12]\d{3}-\d\d-\d\d$", examples=["2026-11-21"])]


class Spending(RequestBody):
    """What a call that costs money needs."""

    request_id: RequestId
    max_usd: MaxUsd

    def repeatable(self, route: str) -> Repeatable:
        """The same claim as the API's `Idempotency-Key` on this route."""
        return Repeatable(route, self.request_id)

    @property
    def most(self) -> int:
        """In micro-USD. Raises InvalidRequest."""
        try:
            most = money.micro_usd(self.max_usd)
        except ValueError as error:
            raise InvalidRequest(f"max_usd: {error}.", param="max_usd") from None
        if most < 0:
            raise InvalidRequest("max_usd is an amount of US dollars, at least 0.", param="max_usd")
        return most


class Nothing(RequestBody):
    pass


class Create(CreateVideo, Spending):
    pass


class OneVideo(RequestBody):
    video_id: VideoId


class Wait(OneVideo):
    seconds: Annotated[int, Field(strict=True, ge=0, le=limits.LONGEST_WAIT), _WHOLE] = Field(
        default=limits.LONGEST_WAIT, description="How long to wait at most."
    )


class ListOf(RequestBody):
    limit: Annotated[int, Field(strict=True, ge=1, le=limits.LONGEST_PAGE), _WHOLE] = Field(
        default=limits.DEFAULT_PAGE, description="How many."
    )
    after: VideoId | None = Field(
        default=None, description="The last_id of the page before; null: the first page."
    )
    order: Literal["asc", "desc"] = Field(
        default="desc", description="By time of creation; desc: newest first."
    )
    status: Status | None = Field(default=None, description="Only these; null: all.")
    model: fields.Text | None = Field(default=None, description="Only of this model.")


class Remix(OneVideo, RemixVideo, Spending):
    pass


class Usage(RequestBody):
    first: Day | None = Field(
        default=None, alias="from", description="The first day (UTC); null: this month's first."
    )
    to: Day | None = Field(default=None, description="The last day (UTC); null: today.")
    group_by: GroupBy = Field(default=GroupBy.DAY, description="What each row sums up.")


def spending(given: Mapping[str, Any]) -> tuple[dict[str, Any], Spending]:
    """The arguments that say what is wanted, and those that say what it may cost. Raises
    InvalidRequest."""
    own = {name: value for name, value in given.items() if name in Spending.model_fields}
    rest = {name: value for name, value in given.items() if name not in own}
    return rest, fields.validated(Spending, own)
