"""The fields of requests, each checked by name, wherever they come from: a body, a file in the
inbox, a line of a batch.

Unknown fields are an error, and nothing is changed silently.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema

from shared.domain import data_url, limits
from shared.domain.data_url import BadDataUrl, TooLong
from shared.domain.errors import InvalidRequest
from shared.domain.limits import mib
from shared.domain.money import micro_usd
from shared.domain.parameters import Value, integer
from shared.domain.request import Allowance, Crop, VideoRequest
from shared.lifecycle.requests import parameters
from shared.lifecycle.requests.inputs import Source
from shared.settings.app import settings

WHOLE = r"^[0-9]{1,6}(\.0{1,6})?$"
"""A whole number as text."""


def _whole_number(value: Any) -> Any:
    """A number, or its text, as OpenAI writes `seconds`."""
    if isinstance(value, str) and re.fullmatch(WHOLE, value.strip()):
        value = float(value)
    return integer(value)


WholeNumber = Annotated[
    int,
    BeforeValidator(
        _whole_number, json_schema_input_type=int | Annotated[str, Field(pattern=WHOLE)]
    ),
    Field(strict=True),
]


_ANSWER = "^([Tt]rue|TRUE|[Ff]alse|FALSE)$"


def _yes_or_no(value: Any) -> Any:
    """Forms have only texts, in the spelling of Python and of spreadsheets too. Pydantic by itself
    would take `0` and `"on"` for answers as well."""
    if isinstance(value, str) and re.fullmatch(_ANSWER, value):
        return value.lower() == "true"
    return value


YesOrNo = Annotated[
    bool,
    BeforeValidator(
        _yes_or_no,
        json_schema_input_type=bool | Annotated[str, Field(pattern=_ANSWER)],
    ),
    Field(strict=True),
]


def _number_or_text(value: Any) -> Any:
    """Refuse what pydantic would make a number of: `true` is no dollar."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("it is neither a number nor a text")  # for pydantic
    return value


Usd = Annotated[
    str | int | float,
    BeforeValidator(_number_or_text),
    Field(description="US dollars, as a number or a decimal string.", examples=["20.00"]),
]


def _unicode(text: str) -> str:
    """Refuse lone surrogates: JSON can escape them, but no encoding can store them."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("it is not valid Unicode") from None
    return text


Text = Annotated[str, Field(strict=True), AfterValidator(_unicode)]
Metadata = Annotated[
    dict[
        Annotated[Text, Field(max_length=limits.LONGEST_METADATA_KEY)],
        Annotated[Text, Field(max_length=limits.LONGEST_METADATA_VALUE)],
    ],
    Field(max_length=limits.MOST_METADATA),
]
WebhookName = Annotated[str, Field(strict=True, max_length=limits.LONGEST_WEBHOOK_NAME)]


class RequestBody(BaseModel):
    """A body without unknown fields. In one that may be left out, null is as good as nothing: typed
    clients and tables with gaps write it."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        optional = {
            field.alias or name
            for name, field in cls.model_fields.items()
            if not field.is_required()
        }
        return {
            name: value
            for name, value in given.items()
            if value is not None or name not in optional
        }

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        for name, field in schema.get("properties", {}).items():
            if name not in schema.get("required", ()):
                schema["properties"][name] = _or_null(field)
        return reference


_SAID = ("title", "description", "default", "examples")
_NULL = {"type": "null"}


def _or_null(field: dict[str, Any]) -> dict[str, Any]:
    """The JSON Schema of a field that may be null, too."""
    said = {name: value for name, value in field.items() if name in _SAID}
    kind = {name: value for name, value in field.items() if name not in _SAID}
    either = kind.get("anyOf", [kind])
    return {**said, "anyOf": either if _NULL in either else [*either, _NULL]}


class InputReference(RequestBody):
    """An image for the first frame, by exactly one of the two."""

    image_url: Text | None = Field(
        default=None, description="A data URL (RFC 2397), or an https address on an allowed host."
    )
    file_id: Text | None = Field(
        default=None, description="A file of yours with the purpose `vision` or `user_data`."
    )


Fraction = Annotated[float, Field(strict=True, ge=0, le=1)]


class CropBounds(RequestBody):
    """The part of a file that is used, as fractions of its width and height."""

    left_fraction: Fraction = 0
    top_fraction: Fraction = 0
    right_fraction: Fraction = 1
    bottom_fraction: Fraction = 1

    def crop(self) -> Crop:
        """Raises InvalidRequest if it encloses nothing."""
        if self.left_fraction >= self.right_fraction or self.top_fraction >= self.bottom_fraction:
            raise InvalidRequest("crop_bounds encloses nothing.", param="inpaint_items")
        return Crop(
            left=self.left_fraction,
            top=self.top_fraction,
            right=self.right_fraction,
            bottom=self.bottom_fraction,
        )


class InpaintItem(RequestBody):
    """A file that the video shows from `frame_index` on: an attached one by its `file_name`
    (multipart), or one at `image_url` as in `input_reference`."""

    frame_index: Annotated[WholeNumber, Field(ge=0)] = 0
    type: Literal["image", "video"] | None = None
    file_name: Text | None = None
    image_url: Text | None = None
    crop_bounds: CropBounds | None = None


class AllowSuccessor(RequestBody):
    """What the successor of the model may do; it is allowed to render the request at all."""

    max_usd: Usd | None = Field(default=None, description="The most that the video may cost then.")


AllowsSuccessor = Annotated[
    YesOrNo | AllowSuccessor | None,
    Field(
        description="Whether the successor of the model may render it at another size or length, "
        "or for more than was reserved. `false`: only the model that it names. Without it: as your "
        "entry in CALLERS says, else only exactly as it was asked for."
    ),
]


def allowance(given: bool | AllowSuccessor | None) -> Allowance | None:
    """What a request says of successors. Raises InvalidRequest."""
    if given is None or isinstance(given, bool):
        return None if given is None else Allowance(allowed=given)
    try:
        most = None if given.max_usd is None else micro_usd(given.max_usd)
    except ValueError as error:
        raise InvalidRequest(f"max_usd: {error}.", param="allow_successor.max_usd") from None
    if most is not None and most < 0:
        raise InvalidRequest("max_usd is negative.", param="allow_successor.max_usd")
    return Allowance(allowed=True, most=most)


class CreateVideo(RequestBody):
    """The body of `POST /videos`."""

    prompt: Text = Field(description="What the video shows.")
    model: Text = Field(default="sora-2", description="An id of the models on offer.")
    size: Annotated[str, Field(strict=True, pattern=r"^[0-9]{2,5}x[0-9]{2,5}$")] | None = Field(
        default=None,
        description="Width x height in pixels, one that the model offers; null: its default.",
        examples=["1280x720"],
    )
    seconds: WholeNumber | None = Field(
        default=None, description="A length that the model offers at this size; null: its default."
    )
    n_variants: WholeNumber = Field(
        default=1, description="How many renders of the same request; each costs the price of one."
    )
    input_reference: InputReference | None = Field(
        default=None, description="An image that the video begins with."
    )
    inpaint_items: list[InpaintItem] | None = Field(
        default=None,
        max_length=limits.MOST_INPAINT_ITEMS,
        description="Images or videos that the video shows, instead of `input_reference`.",
    )
    fit: Literal["cover", "contain"] = Field(
        default="cover",
        description="How an image of another shape fits: `cover` crops it, `contain` frames it.",
    )
    metadata: Metadata = Field(default_factory=dict, description="Your own notes, given back.")
    webhook: WebhookName | None = Field(
        default=None, description="A configured endpoint that is told when the video has ended."
    )
    allow_successor: AllowsSuccessor = None

    def request(self, given: Mapping[str, Value]) -> VideoRequest:
        """The request with its parameters, and the defaults of the first deployment that takes
        them. Raises InvalidRequest."""
        offering = settings().offering(self.model)
        offering = [each for each in offering if given.keys() <= each.can.parameters.keys()]
        size, seconds = self.size, self.seconds
        if offering:
            size = size or offering[0].can.default_size
            seconds = offering[0].can.default_seconds if seconds is None else seconds
        width, _, height = (size or "0x0").partition("x")
        return VideoRequest(
            model=self.model,
            prompt=self.prompt,
            width=int(width),
            height=int(height),
            seconds=seconds or 0,
            variants=self.n_variants,
            parameters=given,
            metadata=self.metadata,
            fit=self.fit,
            webhook=self.webhook,
            allow_successor=allowance(self.allow_successor),
        )


class RemixVideo(RequestBody):
    """The body of `POST /videos/{id}/remix`."""

    prompt: Text = Field(description="What the new video shows instead.")
    metadata: Metadata = Field(default_factory=dict, description="Your own notes, given back.")
    webhook: WebhookName | None = Field(
        default=None, description="A configured endpoint that is told when the video has ended."
    )
    allow_successor: AllowsSuccessor = Field(
        default=None,
        description="As in a create; a remix stays with the deployment of its source all the same.",
    )


class Redeliver(RequestBody):
    """The body of `POST /videos/{id}/redeliver`."""

    id: Annotated[str, Field(strict=True, max_length=200)] | None = None


class Approve(RequestBody):
    """The body of `POST /approvals/{id}/approve`."""

    estimated: Annotated[str, Field(strict=True, pattern=r"^\d{1,9}\.\d{2,6}$")] = Field(
        description="The price that was shown, word for word: another one is not approved.",
        examples=["12.00"],
    )


@dataclass(frozen=True)
class NewVideo:
    """A create: the request and its files."""

    request: VideoRequest
    sources: tuple[Source, ...] = ()


def parse(fields: Mapping[str, Any]) -> NewVideo:
    """Parse the fields of a create's JSON body. Raises InvalidRequest."""
    body, request = create(fields)
    return NewVideo(request, sources(body, [], {}))


def remixed(fields: Mapping[str, Any], source: VideoRequest) -> VideoRequest:
    """`source` with the changes of a remix's body. Raises InvalidRequest."""
    body = validated(RemixVideo, fields)
    return replace(
        source,
        prompt=body.prompt,
        metadata=body.metadata,
        webhook=body.webhook,
        allow_successor=allowance(body.allow_successor),
        inputs=(),
    )


def create(fields: Mapping[str, Any]) -> tuple[CreateVideo, VideoRequest]:
    """The body and the request of a create's fields; its files are still to be found. Raises
    InvalidRequest."""
    model = fields.get("model")
    model = CreateVideo.model_fields["model"].default if model is None else model
    own, given = parameters.split(fields, model)
    body = validated(CreateVideo, own, also=parameters.of_model(model))
    return body, body.request(given)


def sources(
    body: CreateVideo, uploaded: Sequence[bytes], attached: Mapping[str, bytes]
) -> tuple[Source, ...]:
    """The files of a create in the order of their frames. Raises InvalidRequest."""
    references = [Source("input_reference", data=data) for data in uploaded]
    if body.input_reference is not None:
        references.append(_reference(body.input_reference))
    if len(references) > 1:
        raise InvalidRequest("input_reference is sent twice.", param="input_reference")
    items = [_item(item, attached) for item in body.inpaint_items or ()]
    if references and items:
        raise InvalidRequest(
            "input_reference and inpaint_items exclude each other.", param="inpaint_items"
        )
    return tuple(references or sorted(items, key=lambda item: item.frame_index))


def _reference(reference: InputReference) -> Source:
    if reference.file_id is not None and reference.image_url is None:
        return Source("input_reference", file_id=reference.file_id)
    if reference.image_url is None or reference.file_id is not None:
        raise InvalidRequest(
            "input_reference: give either image_url or file_id (of a file of yours).",
            param="input_reference",
        )
    return _at(reference.image_url, "input_reference")


def _item(item: InpaintItem, attached: Mapping[str, bytes]) -> Source:
    if item.image_url is not None and item.file_name is None:
        source = _at(item.image_url, "inpaint_items")
    elif item.file_name is None or item.image_url is not None:
        raise InvalidRequest(
            "inpaint_items: give each item either file_name (of an attached file) or image_url.",
            param="inpaint_items",
        )
    elif item.file_name in attached:
        source = Source("inpaint_items", data=attached[item.file_name])
    else:
        raise InvalidRequest(
            f"inpaint_items: no file {item.file_name!r} is attached as files.",
            param="inpaint_items",
        )
    crop = item.crop_bounds.crop() if item.crop_bounds else None
    return replace(source, frame_index=item.frame_index, crop=crop, declared=item.type)


def _at(url: str, param: str) -> Source:
    """The file of a data URL, or an address to fetch later. Raises InvalidRequest."""
    if not data_url.is_data_url(url):
        url = url.strip()
        if len(url) > limits.LONGEST_URL:
            raise InvalidRequest(
                f"{param}: an address has at most {limits.LONGEST_URL} characters. A file itself "
                "is sent as a data URL: data:image/png;base64,...",
                param=param,
            )
        return Source(param, url=url)
    try:
        return Source(param, data=data_url.decode(url, largest=limits.LARGEST_FILE))
    except BadDataUrl as error:
        raise InvalidRequest(
            f"{param}: the data URL {error}. One looks like data:image/png;base64,...", param=param
        ) from None
    except TooLong:
        raise InvalidRequest(
            f"{param}: a file may have at most {mib(limits.LARGEST_FILE)}.", param=param
        ) from None


B = TypeVar("B", bound=RequestBody)


_WORDS = (
    (r"^(Value error, |(Input|String|List|Dictionary|Value) (?=should))", ""),
    (r"^should", "it should"),
    ("a valid integer.*", "a whole number"),
    ("a valid string", "text"),
    ("a valid boolean", "true or false"),
    ("a valid dictionary.*", "an object"),
    (" after validation, not .*", ""),
)
"""Pydantic speaks to who wrote the program, and of Python's types."""


def validated(model: type[B], fields: Mapping[str, Any], also: Iterable[str] = ()) -> B:
    """The fields as a body; `also` are those that were taken out of it before."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _explain(error, model, also) from None


def _explain(
    error: ValidationError, model: type[RequestBody], also: Iterable[str]
) -> InvalidRequest:
    problems = error.errors(include_url=False, include_context=False)
    path = problems[0]["loc"]
    # of the kinds of value that a field may have, the one that fits best
    problem = max(
        (each for each in problems if each["loc"][:1] == path[:1]),
        key=lambda each: len(each["loc"]),
    )
    path = problem["loc"]
    if path[:1] == ("allow_successor",):
        path = (path[0], *path[2:])  # pydantic's name of the kind is between them
    if path[-1:] == ("[key]",):
        path = path[:-1]
    name = ".".join(str(part) for part in path) or None
    if problem["type"] == "missing":
        return InvalidRequest(
            f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    if problem["type"] == "extra_forbidden":
        names = [each.alias or field for field, each in model.model_fields.items()]
        known = f" Known: {', '.join([*names, *also])}." if len(path) == 1 else ""
        return InvalidRequest(
            f"Unknown parameter: '{name}'.{known}", param=name, code="unknown_parameter"
        )
    shown = repr(problem["input"])
    value = shown if len(shown) <= 80 else shown[:77] + "..."
    says = problem["msg"]
    for pattern, words in _WORDS:
        says = re.sub(pattern, words, says)
    if isinstance(problem["input"], str):
        says = says.replace(" items", " characters")
    return InvalidRequest(f"Invalid value {value} for '{name}': {says}.", param=name)
