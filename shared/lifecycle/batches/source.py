"""The lines of a batch's file, read a block at a time."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.domain.batch import Batch, Line, Wrong
from shared.domain.errors import InvalidRequest
from shared.domain.limits import LARGEST_BODY, LONGEST_CUSTOM_ID, mib
from shared.domain.text import NotText, parsed_json
from shared.lifecycle.requests import fields
from shared.lifecycle.requests.fields import NewVideo, RequestBody, Text
from shared.lifecycle.services import Services
from shared.storage.names import file_blob

_LONGEST_MESSAGE = 500
_LONGEST_PARAM = 200
_MARK = b"\xef\xbb\xbf"


class RequestLine(RequestBody):
    """A line of a batch's file, as OpenAI has it."""

    custom_id: Annotated[Text, Field(min_length=1, max_length=LONGEST_CUSTOM_ID)]
    method: Literal["POST"] = "POST"
    url: Literal["/v1/videos", "/openai/v1/videos", "/videos"] = "/v1/videos"
    body: dict[str, Any]


@dataclass(frozen=True)
class RawLine:
    """A line that is not blank: its number in the file (from 1), its bytes (None where they are too
    many), and where it begins and ends."""

    number: int
    data: bytes | None
    start: int
    end: int


@dataclass(frozen=True)
class RequestOfLine:
    """What a line asks for."""

    custom_id: str
    new: NewVideo


def lines_of(services: Services, batch: Batch, *, again: bool = False) -> Iterator[RawLine]:
    """The lines that were not begun; all of them with `again`. Raises BlobGone."""
    number, offset = (1, 0) if again else (batch.next_line, batch.offset)
    blocks = services.file_blobs.blocks(file_blob(batch.input_file_id), offset=offset)
    return split(blocks, number=number, offset=offset)


def line_again(services: Services, batch: Batch, line: Line) -> RawLine:
    """A line that has begun. Raises BlobGone."""
    name, length = file_blob(batch.input_file_id), line.end - line.start
    blocks = services.file_blobs.blocks(name, offset=line.start, length=length)
    return next(split(blocks, number=line.number, offset=line.start))


def split(pieces: Iterable[bytes], *, number: int = 1, offset: int = 0) -> Iterator[RawLine]:
    """The lines in pieces of a file. No more than one line is kept in memory."""
    kept, length = bytearray(), 0
    for piece in pieces:
        *whole, rest = piece.split(b"\n")
        for end in whole:
            length += len(end) + 1
            kept += end[: LARGEST_BODY + 1]
            if (found := _line(number, bytes(kept), offset, length)) is not None:
                yield found
            offset, number, kept, length = offset + length, number + 1, bytearray(), 0
        length += len(rest)
        if len(kept) <= LARGEST_BODY:
            kept += rest
    if (found := _line(number, bytes(kept), offset, length)) is not None:
        yield found


def _line(number: int, data: bytes, start: int, length: int) -> RawLine | None:
    if length > LARGEST_BODY:
        return RawLine(number, None, start, start + length)
    data = data.removeprefix(_MARK) if number == 1 else data
    return RawLine(number, data, start, start + length) if data.strip() else None


def read(line: RawLine) -> RequestOfLine:
    """What a line asks for. Raises InvalidRequest, whose `param` begins with `body.` within the
    body."""
    if line.data is None:
        raise InvalidRequest(f"The line is longer than {mib(LARGEST_BODY)}.", code="line_too_long")
    try:
        parsed = parsed_json(line.data, "utf-8")
    except NotText as error:
        raise InvalidRequest(f"The line is not UTF-8: {error}.", code="invalid_json") from None
    except ValueError as error:
        raise InvalidRequest(f"The line is not JSON: {error}.", code="invalid_json") from None
    if not isinstance(parsed, dict):
        raise InvalidRequest("The line is not a JSON object.", code="invalid_json")
    asked = fields.validated(RequestLine, parsed)
    try:
        return RequestOfLine(asked.custom_id, fields.parse(asked.body))
    except InvalidRequest as error:
        raise within_body(error) from None


def within_body(error: InvalidRequest) -> InvalidRequest:
    """An error about a create's body, as one about a line."""
    param = "body" if error.param is None else f"body.{error.param}"
    return InvalidRequest(error.message, code=error.code, param=param)


def wrong(error: InvalidRequest, number: int) -> Wrong:
    """The error as a problem of a line; in it, what a caller sent may be of any length."""
    param = error.param and error.param[:_LONGEST_PARAM]
    return Wrong(
        code=error.code, message=error.message[:_LONGEST_MESSAGE], param=param, line=number
    )
