"""What operations of several resources have in common: pages, repeats, ranges and conditions."""

from shared.domain import limits
from triggers.contract.operation import Answer, Parameter, Schema

FILE: Schema = {"type": "string", "format": "binary"}

LIMIT = Parameter(
    name="limit",
    text="How many.",
    schema={
        "type": "integer",
        "minimum": 1,
        "maximum": limits.LONGEST_PAGE,
        "default": limits.DEFAULT_PAGE,
    },
)

ORDER = Parameter(
    name="order",
    text="By time of creation.",
    schema={"type": "string", "enum": ["asc", "desc"], "default": "desc"},
)

RANGE = (
    Parameter(
        name="Range",
        where="header",
        text="A part of the file, where it is streamed; an invalid range is ignored.",
        schema={"type": "string", "examples": ["bytes=0-99"]},
    ),
    Parameter(
        name="If-Range",
        where="header",
        text="The ETag (or date) that the file must still have; otherwise `Range` is ignored.",
        schema={"type": "string"},
    ),
)

CONDITIONS = tuple(
    Parameter(name=name, where="header", text=text, schema={"type": "string"})
    for name, text in (
        ("If-None-Match", "ETags of what is there already, or `*`: 304 instead of the same bytes."),
        ("If-Modified-Since", "The same by date, where no ETag is named."),
        ("If-Match", "412 unless the file has one of these ETags."),
        ("If-Unmodified-Since", "The same by date, where no ETag is named."),
    )
)

UNCHANGED = Answer(
    text="The client has the file already.", headers=("etag", "last-modified", "accept-ranges")
)

NOT_THAT = "The file is not the one that `If-Match` or `If-Unmodified-Since` asks for."


def key(made: str) -> Parameter:
    """The header of a request that makes something: `made` is its name."""
    return Parameter(
        name="Idempotency-Key",
        where="header",
        text=f"Repeats of a request with the same key get the same {made}, for "
        f"{limits.KEYS_KEPT / 3600:.0f} hours.",
        schema={"type": "string", "pattern": f"^[ -~]{{1,{limits.LONGEST_KEY}}}$"},
    )
