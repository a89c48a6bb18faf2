"""A caller with hundreds of videos in the works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from azure.data.tables import TableClient, TableServiceClient

from shared.domain.ids import new_video_id
from shared.storage.names import VIDEOS
from shared.storage.videos import row_key
from tests.studio.pages import BUSY_KEY, studio
from tests.support.stacks import Client, client

pytestmark = pytest.mark.studio

MANY = 250


@pytest.fixture
def busy(mine: Client) -> Iterator[Client]:
    caller = client(mine.stack, BUSY_KEY)
    yield caller
    caller.http.close()


@pytest.fixture
def videos(mine: Client) -> Iterator[TableClient]:
    connection = mine.stack.settings["STORAGE_CONNECTION"]
    with TableServiceClient.from_connection_string(connection) as tables:
        yield tables.get_table_client(VIDEOS)


def test_the_first_are_shown_the_others_counted_and_none_forgotten(
    busy: Client, videos: TableClient
) -> None:
    like = busy.create(prompt="One of many", model="sora-2")["id"]
    busy.wait(like, until=lambda video: video["status"] == "in_progress")
    row = dict(videos.get_entity("key:busy", row_key(like)))
    ids = [new_video_id(1_700_000_000_000 + number, bytes(10)) for number in range(MANY)]
    rows = [{**row, "RowKey": row_key(each)} for each in ids]
    for start in range(0, MANY, 50):
        videos.submit_transaction([("create", each) for each in rows[start : start + 50]])
    assert busy.wait(like)["status"] == "completed"
    more = "document.querySelector('[data-more]')?.dataset.more"
    with studio(busy.stack, key=BUSY_KEY) as page:
        page.until(f"{more} === '{MANY - 12}'")
        page.becomes("document.querySelectorAll('.waiting').length", 12)
        page.says("body", f"{MANY} being made, 0 in line")
        # looked at are those that are shown, not all of them in each round
        page.run("performance.clearResourceTimings()")
        looks = (
            "performance.getEntriesByType('resource')"
            ".map(each => each.name).filter(each => each.includes('video_'))"
        )
        page.until(f"{looks}.length > 12")
        assert page.run(f"new Set({looks}).size") <= 12
        # what is gone is noticed, also of those that are not shown
        for start in range(0, MANY, 50):
            videos.submit_transaction([("delete", each) for each in rows[start : start + 50]])
        page.until("document.querySelectorAll('.waiting').length === 0", seconds=60)
        page.problems.clear()  # the browser reports each 404
