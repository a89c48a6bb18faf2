"""Ids are unique, ordered by time, and invert to a newest-first order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import from_inverted, inverted, is_video_id, new_video_id

moments = st.integers(0, 2**47)
entropies = st.binary(min_size=10, max_size=10)


@given(moments, moments, entropies, entropies)
def test_later_ids_sort_later_and_inverted_ones_earlier(
    a: int, b: int, one: bytes, other: bytes
) -> None:
    first, second = new_video_id(a, one), new_video_id(b, other)
    if a != b:
        assert (first < second) == (a < b)
        assert (inverted(first) > inverted(second)) == (a < b)


@given(moments, entropies)
def test_inverting_twice_gives_the_id_back(now: int, entropy: bytes) -> None:
    video_id = new_video_id(now, entropy)
    assert is_video_id(video_id)
    assert from_inverted(inverted(video_id)) == video_id


@pytest.mark.parametrize(
    "text", ["", "video_", "video_xyz", "video_" + "A" * 32, "video_" + "a" * 31, "a" * 38]
)
def test_what_is_not_an_id(text: str) -> None:
    assert not is_video_id(text)
