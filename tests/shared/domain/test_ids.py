"""Ids are unique, ordered by time, and invert to a newest-first order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.ids import (
    BATCH,
    FILE,
    VIDEO,
    created_ms,
    from_inverted,
    inverted,
    is_batch_id,
    is_file_id,
    is_video_id,
    new_batch_id,
    new_file_id,
    new_video_id,
)

KINDS = {
    VIDEO: (new_video_id, is_video_id),
    FILE: (new_file_id, is_file_id),
    BATCH: (new_batch_id, is_batch_id),
}

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


@pytest.mark.parametrize("prefix", KINDS)
@given(now=moments, entropy=entropies)
def test_every_kind_of_id_has_the_same_layout(prefix: str, now: int, entropy: bytes) -> None:
    made = KINDS[prefix][0](now, entropy)
    assert made.startswith(prefix)
    assert created_ms(made) == now
    assert from_inverted(inverted(made), prefix) == made
    assert [kind for kind, (_, known) in KINDS.items() if known(made)] == [prefix]


@pytest.mark.parametrize("new", [new for new, _ in KINDS.values()])
def test_an_id_takes_ten_random_bytes(new: Any) -> None:
    with pytest.raises(ValueError, match="10 random bytes, not 9"):
        new(1, b"123456789")


@pytest.mark.parametrize(
    "text", ["", "video_", "video_xyz", "video_" + "A" * 32, "video_" + "a" * 31, "a" * 38]
)
def test_what_is_not_an_id(text: str) -> None:
    assert not is_video_id(text)
