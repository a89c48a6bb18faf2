"""Request bodies: first the size, then JSON or multipart (`forms`), then every field by name.

Unknown fields are an error, and nothing is changed silently.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

import azure.functions as func
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from shared.domain import data_url, limits
from shared.domain.data_url import BadDataUrl, TooLong
from shared.domain.errors import InvalidRequest, LengthRequired, TooLarge
from shared.domain.limits import mib
from shared.domain.parameters import Value
from shared.domain.request import Crop, VideoRequest
from shared.domain.text import NotText, parsed_json
from shared.lifecycle.requests.claims import Repeatable
from shared.lifecycle.requests.inputs import Source
from shared.settings.app import settings
from triggers.web import encodings, forms, parameters
from triggers.web.forms import Form

_KEY = re.compile(f"[ -~]{{1,{limits.LONGEST_KEY}}}")
_NO_LENGTH = (
    "No body arrived. One that is sent in chunks, without its length, does not reach this app: "
    "send the whole body with a Content-Length header. Nothing was charged."
)


def _whole_number(value: Any) -> Any:
    """A number, or a string of digits, as OpenAI writes `seconds`."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value.strip()):
        return int(value)
    return value


WholeNumber = Annotated[
    int,
    BeforeValidator(
        _whole_number, json_schema_input_type=int | Annotated[str, Field(pattern="^[0-9]{1,6}$")]
    ),
    Field(strict=True),
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


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class InputReference(_Body):
    """An image for the first frame: a data URL (RFC 2397), or an https address on an allowed
    host."""

    image_url: Text


class CropBounds(_Body):
    """The part of a file that is used, as fractions of its width and height."""

    left_fraction: Annotated[float, Field(ge=0, le=1)] = 0
    top_fraction: Annotated[float, Field(ge=0, le=1)] = 0
    right_fraction: Annotated[float, Field(ge=0, le=1)] = 1
    bottom_fraction: Annotated[float, Field(ge=0, le=1)] = 1

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


class InpaintItem(_Body):
    """A file that the video shows from `frame_index` on: an attached one by its `file_name`
    (multipart), or one at `image_url` as in `input_reference`."""

    frame_index: Annotated[int, Field(strict=True, ge=0)] = 0
    type: Literal["image", "video"] | None = None
    file_name: Text | None = None
    image_url: Text | None = None
    crop_bounds: CropBounds | None = None


class CreateVideo(_Body):
    """The body of `POST /videos`."""

    prompt: Text
    model: Text = "sora-2"
    size: Annotated[str, Field(strict=True, pattern=r"^[0-9]{2,5}x[0-9]{2,5}$")] | None = None
    seconds: WholeNumber | None = None
    n_variants: WholeNumber = 1
    input_reference: InputReference | None = None
    inpaint_items: list[InpaintItem] | None = Field(
        default=None, max_length=limits.MOST_INPAINT_ITEMS
    )
    fit: Literal["cover", "contain"] = "cover"
    metadata: Metadata = Field(default_factory=dict)
    webhook: WebhookName | None = None

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
        )


class RemixVideo(_Body):
    """The body of `POST /videos/{id}/remix`."""

    prompt: Text
    metadata: Metadata = Field(default_factory=dict)
    webhook: WebhookName | None = None


class Redeliver(_Body):
    """The body of `POST /videos/{id}/redeliver`."""

    id: Annotated[str, Field(strict=True, max_length=200)] | None = None


@dataclass(frozen=True)
class NewVideo:
    """A create: the request and its files."""

    request: VideoRequest
    sources: tuple[Source, ...] = ()


def check_size(req: func.HttpRequest) -> None:
    """Raise TooLarge or LengthRequired before anything else is done with the request. Azure's host
    passes on a body only if the request announces its length."""
    announced = req.headers.get("content-length", "")
    if not announced and not req.get_body() and "transfer-encoding" in req.headers:
        raise LengthRequired(_NO_LENGTH)
    length = int(announced) if re.fullmatch("[0-9]{1,15}", announced) else 0
    if max(length, len(req.get_body())) > limits.LARGEST_BODY:
        raise TooLarge(f"The body is larger than {mib(limits.LARGEST_BODY)}.")


def create_video(req: func.HttpRequest) -> NewVideo:
    """Parse a create's body. Raises InvalidRequest, which names the field."""
    form = _form(req)
    uploaded = form.files.pop("input_reference", ())
    # OpenAI's clients add brackets to the names of list parts
    attached = [*form.files.pop("files", ()), *form.files.pop("files[]", ())]
    if form.files:
        name = next(iter(form.files))
        raise InvalidRequest(
            f"{name}: files are sent as input_reference, or as files with inpaint_items.",
            param=name,
        )
    body, request = _create(form.fields)
    if len({file.name for file in attached}) < len(attached):
        raise InvalidRequest("files: two files have the same name.", param="files")
    sources = _sources(body, list(uploaded), {file.name: file.data for file in attached})
    if len(attached) != sum(1 for item in body.inpaint_items or () if item.file_name):
        raise InvalidRequest(
            "files: every attached file is named by the file_name of one of inpaint_items.",
            param="files",
        )
    return NewVideo(request, sources)


def parse(fields: Mapping[str, Any]) -> NewVideo:
    """Parse the fields of a create's JSON body. Raises InvalidRequest."""
    body, request = _create(fields)
    return NewVideo(request, _sources(body, [], {}))


def _create(fields: Mapping[str, Any]) -> tuple[CreateVideo, VideoRequest]:
    model = fields.get("model", CreateVideo.model_fields["model"].default)
    own, given = parameters.split(fields, model)
    body = _validated(CreateVideo, own, also=parameters.of_model(model))
    return body, body.request(given)


def remix_video(req: func.HttpRequest, source: VideoRequest) -> VideoRequest:
    """`source` with the changes of a remix's body. Raises InvalidRequest."""
    form = _form(req)
    if form.files:
        name = next(iter(form.files))
        raise InvalidRequest(f"{name}: a remix takes no files.", param=name)
    body = _validated(RemixVideo, form.fields)
    return replace(
        source, prompt=body.prompt, metadata=body.metadata, webhook=body.webhook, inputs=()
    )


def redeliver(req: func.HttpRequest) -> Redeliver:
    """Parse a redeliver's body, which is optional. Raises InvalidRequest."""
    if not req.get_body():
        return Redeliver()
    form = _form(req)
    if form.files:
        name = next(iter(form.files))
        raise InvalidRequest(f"{name}: a redeliver takes no files.", param=name)
    return _validated(Redeliver, form.fields)


def repeatable(req: func.HttpRequest, route: str) -> Repeatable:
    """How to recognise a repeat of a request. Raises InvalidRequest."""
    key = req.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise InvalidRequest(
            f"Idempotency-Key takes 1 to {limits.LONGEST_KEY} printable ASCII characters.",
            param="Idempotency-Key",
        )
    retries = req.headers.get("x-stainless-retry-count", "0")
    return Repeatable(route, key, repeated=re.fullmatch("0*[1-9][0-9]{0,8}", retries) is not None)


def _form(req: func.HttpRequest) -> Form:
    if not req.get_body():
        if "content-length" not in req.headers:  # chunked, but a proxy removed the header
            raise LengthRequired(_NO_LENGTH)
        raise InvalidRequest("The body is empty: send a JSON object.", code="invalid_json")
    from werkzeug.http import parse_options_header  # the SDK has loaded it

    kind, parameters = parse_options_header(req.headers.get("content-type", ""))
    body = encodings.body_of(req, largest=limits.LARGEST_BODY)
    kind = kind.lower()
    if kind == "multipart/form-data":
        return forms.read(req.headers["content-type"], body)
    if kind and kind != "application/json":
        raise InvalidRequest(
            f"content-type {kind!r} is not supported: send application/json or multipart/form-data."
        )
    try:
        parsed = parsed_json(body, parameters.get("charset"))
    except NotText as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error}. Send UTF-8, or name its charset in "
            "content-type.",
            code="invalid_json",
        ) from None
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.", code="invalid_json") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The body is not a JSON object.", code="invalid_json")
    return Form(parsed, {})


def _sources(
    body: CreateVideo, uploaded: list[forms.File], attached: Mapping[str, bytes]
) -> tuple[Source, ...]:
    """The files of a create in the order of their frames. Raises InvalidRequest."""
    references = [Source("input_reference", data=file.data) for file in uploaded]
    if body.input_reference is not None:
        references.append(_at(body.input_reference.image_url, "input_reference"))
    if len(references) > 1:
        raise InvalidRequest("input_reference is sent twice.", param="input_reference")
    items = [_item(item, attached) for item in body.inpaint_items or ()]
    if references and items:
        raise InvalidRequest(
            "input_reference and inpaint_items exclude each other.", param="inpaint_items"
        )
    return tuple(references or sorted(items, key=lambda item: item.frame_index))


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
                f"{param}: an address has at most {limits.LONGEST_URL} characters.", param=param
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


B = TypeVar("B", bound=_Body)


def _validated(model: type[B], fields: Mapping[str, Any], also: Iterable[str] = ()) -> B:
    """The fields as a body; `also` are those that were taken out of it before."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise _explain(error, [*model.model_fields, *also]) from None


def _explain(error: ValidationError, fields: Iterable[str]) -> InvalidRequest:
    problem = error.errors(include_url=False, include_context=False)[0]
    name = ".".join(str(part) for part in problem["loc"]) or None
    if problem["type"] == "missing":
        return InvalidRequest(
            f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter"
        )
    if problem["type"] == "extra_forbidden":
        known = f" Known: {', '.join(fields)}." if len(problem["loc"]) == 1 else ""
        return InvalidRequest(
            f"Unknown parameter: '{name}'.{known}", param=name, code="unknown_parameter"
        )
    shown = repr(problem["input"])
    value = shown if len(shown) <= 80 else shown[:77] + "..."
    return InvalidRequest(f"Invalid value {value} for '{name}': {problem['msg']}.", param=name)
