"""Ranges, as RFC 9110 has them."""

import pytest

from triggers.web.streams import _range


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", None),
        ("bytes=0-9", (0, 9)),
        ("bytes=10-", (10, 99)),
        ("bytes=-10", (90, 99)),
        ("bytes=-500", (0, 99)),
        ("bytes=90-500", (90, 99)),
        ("bytes=100-", (1, 0)),
        ("bytes=-0", (1, 0)),
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=0-1,5-6", None),
        ("items=0-9", None),
    ],
)
def test_ranges_of_a_hundred_bytes(header: str, expected: tuple[int, int] | None) -> None:
    assert _range(header, 100) == expected
