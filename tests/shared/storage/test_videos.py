"""The videos table: round trips, pages in both orders, and walls between callers."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from shared.domain.errors import Failure
from shared.domain.ids import new_video_id
from shared.domain.request import Crop, Input, Remix, VideoRequest
from shared.domain.video import Cost, CostState, Extra, Output, Stage, Status, Video, advance
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
        extras=(
            Extra(
                variant="thumbnail",
                blob="t",
                content_type="image/webp",
                size_bytes=9,
                sha256="1" * 64,
            ),
        ),
    )
    plain = video(1, prompt="🦊" * 20_000)
    inputs = (
        Input(content_type="image/png", sha256="2" * 64),
        Input(content_type="image/jpeg", sha256="3" * 64, frame_index=9, crop=Crop(left=0.5)),
    )
    whole = replace(
        plain,
        request=replace(
            plain.request,
            inputs=inputs,
            fit="contain",
            parameters={"seed": 7, "scale": 7.0, "up": True, "negative_prompt": "🦊" * 20_000},
            remix=Remix(video_id="v", deployment="d", job_id="j"),
        ),
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


@pytest.mark.parametrize("order", ["desc", "asc"])
def test_a_filtered_page_is_full_or_the_last(videos: Videos, order: str) -> None:
    made = []
    for number in range(12):
        each = video(number)
        if number % 4 == 1:
            each = replace(each, status=Status.CANCELLED, stage=None)
        if number % 4 == 3:
            each = replace(each, request=replace(each.request, model="it's"))
        videos.insert(each)
        made.append(each)
    page = partial(videos.page, oldest_first=order == "asc")
    wanted = [each.id for each in made if each.status is Status.CANCELLED]
    odd = [each.id for each in made if each.request.model == "it's"]
    if order == "desc":
        wanted, odd = wanted[::-1], odd[::-1]

    def ids(**kwargs: Any) -> list[str]:
        return [each.id for each in page("key:a", **{"after": None, "limit": 2, **kwargs})]

    assert ids(status=Status.CANCELLED) == wanted[:2]
    assert ids(status=Status.CANCELLED, after=wanted[1]) == wanted[2:]
    assert ids(model="it's", limit=9) == odd
    assert ids(model="it's", status=Status.CANCELLED) == []
    for odd_model in ("a @pk", "a  b", "x' or 'a' eq 'a", "@e0"):
        assert ids(model=odd_model) == []


def test_a_buried_video_is_seen_by_its_workers_only(videos: Videos) -> None:
    videos.insert(video(1))
    stored = videos.get("key:a", video(1).id)
    assert stored is not None
    videos.bury(stored)
    assert videos.get("key:a", video(1).id) is None
    assert videos.page("key:a", after=None, limit=5) == []
    assert videos.page("key:a", after=None, limit=5, oldest_first=True) == []
    found = videos.find("key:a", video(1).id)
    assert found is not None
    assert found.video == video(1)
    videos.replace(found, replace(found.video, progress=7))
    changed = videos.find("key:a", video(1).id)
    assert changed is not None
    assert changed.video.progress == 7
    videos.delete("key:a", video(1).id)
    assert videos.find("key:a", video(1).id) is None


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
        (partial(videos.page, oldest_first=True), [each.id for each in made]),
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
