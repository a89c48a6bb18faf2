"""The videos table: round trips, pages in both orders, and walls between callers."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.domain.errors import Failure
from shared.domain.ids import new_video_id
from shared.domain.request import VideoRequest
from shared.domain.video import Cost, CostState, Output, Stage, Status, Video, advance
from shared.storage.accounts import Account
from shared.storage.rows import RowChanged
from shared.storage.videos import Videos, join_text, split_text


@pytest.fixture
def videos(connection: str) -> Videos:
    return Videos(Account(connection=connection).table("videos"))


def video(number: int, caller: str = "key:a", prompt: str = "p") -> Video:
    return Video(
        id=new_video_id(1_700_000_000_000 + number, b"0123456789"),
        caller=caller,
        request=VideoRequest(
            model="sora-2",
            prompt=prompt,
            width=720,
            height=1280,
            seconds=4,
            metadata={"order": "7"},
        ),
        status=Status.QUEUED,
        stage=Stage.ACCEPTED,
        progress=0,
        created_at=1_700_000_000,
        cost=Cost(estimated=1, actual=None, state=CostState.RESERVED, price_version="p"),
    )


def test_a_video_comes_back_whole(videos: Videos) -> None:
    output = Output(
        index=0,
        blob="b",
        content_type="video/mp4",
        size_bytes=5_000_000_000,
        sha256="0" * 64,
        width=720,
        height=1280,
        seconds=4.04,
    )
    whole = replace(
        video(1, prompt="🦊" * 20_000),
        status=Status.FAILED,
        stage=None,
        outputs=(output,),
        error=Failure(code="c", message="m", stage="rendering", retryable=True, charged=None),
        deployment="d",
        job_id="j",
        completed_at=9,
        expires_at=10,
        rescued=True,
        cost=Cost(estimated=2**40, actual=0, state=CostState.SETTLED, price_version="p", basis="b"),
    )
    videos.insert(whole)
    found = videos.get(whole.caller, whole.id)
    assert found is not None
    assert found.video == whole


def test_a_strangers_video_is_not_there(videos: Videos) -> None:
    videos.insert(video(1, "key:a"))
    assert videos.get("key:b", video(1).id) is None
    assert videos.page("key:b", after=None, limit=10) == []


def test_a_change_needs_the_version_that_was_read(videos: Videos) -> None:
    videos.insert(video(1))
    stored = videos.get("key:a", video(1).id)
    assert stored is not None
    videos.replace(stored, advance(stored.video, Stage.RENDERING))
    with pytest.raises(RowChanged):
        videos.replace(stored, advance(stored.video, Stage.COLLECTING))


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 10])
def test_pages_in_both_orders_show_each_video_once(videos: Videos, limit: int) -> None:
    made = [video(number) for number in range(7)]
    for each in made:
        videos.insert(each)
    for page, expected in (
        (videos.page, [each.id for each in reversed(made)]),
        (videos.page_oldest_first, [each.id for each in made]),
    ):
        seen: list[str] = []
        after = None
        while found := page("key:a", after=after, limit=limit):
            assert len(found) <= limit
            seen += [each.id for each in found]
            after = found[-1].id
        assert seen == expected


@given(st.text(max_size=200), st.integers(0, 70_000))
@hypothesis_settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)
def test_texts_of_any_length_survive_their_columns(text: str, padding: int) -> None:
    long = "x" * padding + text
    columns = split_text("prompt", long)
    assert join_text("prompt", columns) == long
    assert all(len(str(piece).encode("utf-16-le")) <= 64_000 for piece in columns.values())
