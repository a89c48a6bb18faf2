"""Sizes by rule: what is allowed, and what is proposed instead of the rest."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.capabilities import Capabilities, check
from shared.domain.errors import InvalidRequest
from shared.domain.request import VideoRequest
from shared.domain.sizes import SizeRule

RULE = SizeRule(multiple_of=16, min=256, max=1920, max_pixels=2_073_600)


@pytest.mark.parametrize(
    ("size", "allowed"),
    [
        ((256, 256), True),
        ((1920, 1072), True),
        ((1280, 720), True),
        ((1920, 1080), False),  # 1080 is no multiple of 16
        ((240, 256), False),
        ((1936, 256), False),
        ((1456, 1440), False),  # 2,096,640 pixels
        ((1440, 1440), True),  # exactly the most
    ],
)
def test_a_size_is_allowed_by_sides_steps_and_pixels(size: tuple[int, int], allowed: bool) -> None:
    assert RULE.allows(*size) is allowed


@pytest.mark.parametrize(
    ("asked", "nearest"),
    [
        ((1000, 700), (1008, 704)),
        ((1920, 1080), (1920, 1072)),
        ((3840, 2160), (1904, 1088)),  # too large: about the same shape
        ((2000, 2000), (1440, 1440)),
        ((10, 10), (256, 256)),
        ((0, 99999), (256, 1920)),
        ((1280, 720), (1280, 720)),
    ],
)
def test_the_nearest_size(asked: tuple[int, int], nearest: tuple[int, int]) -> None:
    assert RULE.nearest(*asked) == nearest


@given(
    st.integers(1, 64), st.integers(16, 256), st.integers(256, 600), st.integers(0, 10**6),
    st.integers(0, 99_999), st.integers(0, 99_999),
)  # fmt: skip
def test_what_is_proposed_is_allowed_and_nothing_allowed_is_nearer(
    step: int, low: int, high: int, more: int, width: int, height: int
) -> None:
    first = -(-low // step) * step
    rule = SizeRule(multiple_of=step, min=low, max=high, max_pixels=first * first + more)
    if not rule.allows(first, first):
        return
    found = rule.nearest(width, height)
    assert rule.allows(*found)

    def apart(size: tuple[int, int]) -> float:
        return math.hypot(math.log(size[0] / max(1, width)), math.log(size[1] / max(1, height)))

    for wide, high_ in ((found[0] + a * step, found[1] + b * step) for a, b in NEIGHBOURS):
        if rule.allows(wide, high_):
            assert apart(found) <= apart((wide, high_)) + 1e-12


NEIGHBOURS = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1)]


def test_a_refusal_says_what_is_allowed_and_the_nearest() -> None:
    wan = Capabilities(
        size_rule=RULE, default_size="832x480", seconds=(5,), default_seconds=5,
        prompt_characters=100,
    )  # fmt: skip
    request = VideoRequest(model="wan", prompt="p", width=1000, height=700, seconds=5)
    with pytest.raises(InvalidRequest) as refused:
        check(request, wan)
    assert refused.value.param == "size"
    assert refused.value.message == (
        "size 1000x700 is not supported by wan. Supported: each side from 256 to 1920 in steps of "
        "16, at most 2,073,600 pixels. The nearest is 1008x704."
    )
    check(VideoRequest(model="wan", prompt="p", width=1008, height=704, seconds=5), wan)
