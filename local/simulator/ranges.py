"""Range requests (RFC 9110), one range at a time."""

import re


class Unsatisfiable(ValueError):
    """The range begins behind the end: 416."""


def parse_range(header: str | None, length: int) -> tuple[int, int] | None:
    """[start, stop) of a file of `length` bytes; None for the whole file.

    Malformed headers and lists of ranges are ignored, as the RFC allows.

    Raises:
        Unsatisfiable: no byte of the file is in the range.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").replace(" ", ""))
    if match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if not first:
        suffix = int(last)
        if suffix == 0 or length == 0:
            raise Unsatisfiable
        return max(0, length - suffix), length
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= length:
        raise Unsatisfiable
    return start, min(length, int(last) + 1) if last else length
