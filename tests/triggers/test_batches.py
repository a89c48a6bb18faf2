"""`/batches` as clients meet it: bodies, repeats, lists, and refusals that say what is taken."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from local.stack import API_KEY
from shared.domain.limits import MOST_RUNNING
from shared.lifecycle.services import Services
from tests.support.driver import advanced, drive
from tests.support.forms import form
from tests.support.media import picture
from tests.support.surface import Answer, Durable, page_of, send
from triggers.sweeps import sweep

App = Callable[..., Services]

OTHER_KEY = "the-key-of-somebody-else"
CALLERS = json.dumps(
    {
        name: {"key_sha256": [hashlib.sha256(key.encode()).hexdigest()]}
        for name, key in (("local", API_KEY), ("other", OTHER_KEY))
    }
)
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two characters").decode()
WEBHOOKS = [
    {"name": name, "url": "https://x.example/hook", "secret_setting": "HOOK", "callers": [caller]}
    for name, caller in (("mine", "local"), ("theirs", "other"))
]
NEW: dict[str, Any] = {"endpoint": "/v1/videos", "completion_window": "24h"}
NOBODYS = "batch_019ac1f0c3a14e0e8f3b0f6d2c9b7a51"


class Recording(Durable):
    """A durable client that keeps what was started."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str]] = []

    async def start_new(self, *asked: Any) -> None:
        self.started.append(asked[:2])


@pytest.fixture(autouse=True)
def services(app: App) -> Services:
    return app(CALLERS=CALLERS, WEBHOOKS=json.dumps(WEBHOOKS), HOOK=SECRET)


@pytest.fixture
def durable() -> Recording:
    return Recording()


def uploaded(*numbers: int, key: str = API_KEY) -> str:
    lines = [
        {
            "custom_id": f"fox-{number}",
            "method": "POST",
            "url": "/v1/videos",
            "body": {"prompt": f"fox {number}", "seconds": "4"},
        }
        for number in numbers or (1, 2)
    ]
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    body = form(purpose="batch", file=("film.jsonl", data))
    return str(send("POST", "/files", body=body, key=key).json["id"])


@pytest.fixture
def file_id() -> str:
    return uploaded()


def post(
    path: str, body: Any = None, client: Any = None, *, key: str = API_KEY, **headers: str
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is None:
        named["content-length"] = "0"
    return send("POST", path, body=body, key=key, headers=named, client=client or Durable())


def create(file_id: str, client: Any = None, **fields: Any) -> Answer:
    return post("/batches", {**NEW, "input_file_id": file_id, **fields}, client)


def made(file_id: str, **fields: Any) -> dict[str, Any]:
    answer = create(file_id, **fields)
    assert answer.status == 200, answer.json
    return dict(answer.json)


def shown(batch_id: str) -> dict[str, Any]:
    return dict(send("GET", f"/batches/{batch_id}").json)


def refused(answer: Answer, status: int, param: str | None, says: str) -> None:
    error = answer.json["error"]
    assert (answer.status, error["param"]) == (status, param), error
    assert says in error["message"]
    assert error["charged"] is False


def test_the_object_is_openais_with_ours_beside_it(file_id: str, durable: Recording) -> None:
    answer = create(
        file_id,
        durable,
        budget_usd="20.00",
        max_running=3,
        metadata={"film": "one"},
        webhook="mine",
    )
    batch = answer.json
    assert (answer.status, "idempotent-replayed" in answer.headers) == (200, False)
    assert {name: batch[name] for name in batch if not name.endswith("_at") and name != "id"} == {
        "object": "batch",
        "endpoint": "/v1/videos",
        "errors": None,
        "input_file_id": file_id,
        "completion_window": "24h",
        "status": "validating",
        "output_file_id": None,
        "error_file_id": None,
        "table_file_id": None,
        "request_counts": dict.fromkeys(batch["request_counts"], 0),
        "metadata": {"film": "one"},
        "cost": dict.fromkeys(batch["cost"], "0.00") | {"currency": "USD", "budget": "20.00"},
        "stopped": None,
        "paused": False,
        "dry_run": False,
        "max_running": 3,
        "retry_of": None,
        "source": None,
        "notice": None,
    }
    assert set(batch["request_counts"]) >= {"total", "completed", "failed"}
    # of OpenAI's own clock a day is a day, of this app's at a scale of 100 it is 864 seconds
    assert batch["expires_at"] - batch["created_at"] == pytest.approx(864, abs=1)
    assert shown(batch["id"]) == batch
    assert durable.started == [("run_batch", f"{batch['id']}-1")]


@pytest.mark.parametrize(
    ("given", "budget"),
    [
        (None, None),
        (20, "20.00"),
        (0.5, "0.50"),
        ("19.99", "19.99"),
        ("0.000001", "0.000001"),
        (0.000001, "0.000001"),
        ("1e2", "100.00"),
    ],
)
def test_a_budget_is_a_number_or_a_decimal_string(
    file_id: str, given: Any, budget: str | None
) -> None:
    assert made(file_id, budget_usd=given)["cost"]["budget"] == budget


@pytest.mark.parametrize("window", ["1h", "24h", "720h", "1d", "30d"])
def test_a_window_is_hours_or_days(file_id: str, window: str) -> None:
    assert made(file_id, completion_window=window)["completion_window"] == window


@pytest.mark.parametrize(
    ("fields", "param", "says"),
    [
        ({"budget_usd": 0}, "budget_usd", "more than 0, or left out"),
        ({"budget_usd": "0"}, "budget_usd", "more than 0, or left out"),
        ({"budget_usd": -0.5}, "budget_usd", "more than 0, or left out"),
        ({"budget_usd": "0.0000001"}, "budget_usd", "finer than a millionth of a dollar"),
        ({"budget_usd": 1e-7}, "budget_usd", "finer than a millionth of a dollar"),
        ({"budget_usd": "NaN"}, "budget_usd", "not an amount that can be booked"),
        ({"budget_usd": float("nan")}, "budget_usd", "not an amount that can be booked"),
        ({"budget_usd": "Infinity"}, "budget_usd", "not an amount that can be booked"),
        ({"budget_usd": "1e30"}, "budget_usd", "not an amount that can be booked"),
        ({"budget_usd": "$20"}, "budget_usd", "not an amount in US dollars"),
        ({"budget_usd": True}, "budget_usd", "neither a number nor a text"),
        ({"budget_usd": [20]}, "budget_usd", "neither a number nor a text"),
        ({"budget_usd": ""}, "budget_usd", "not an amount in US dollars"),
        ({"completion_window": "24"}, "completion_window", "pattern"),
        ({"completion_window": "0h"}, "completion_window", "pattern"),
        ({"completion_window": "1w"}, "completion_window", "pattern"),
        ({"completion_window": "24h\n"}, "completion_window", "completion_window"),
        ({"completion_window": "721h"}, "completion_window", "at most 30 days"),
        ({"completion_window": "31d"}, "completion_window", "at most 30 days"),
        ({"completion_window": 24}, "completion_window", "it should be text"),
        ({"completion_window": None}, "completion_window", "it should be text"),
        ({"max_running": 0}, "max_running", "greater than or equal to 1"),
        ({"max_running": MOST_RUNNING + 1}, "max_running", f"equal to {MOST_RUNNING}"),
        ({"max_running": 1.5}, "max_running", "a whole number"),
        ({"endpoint": "/v1/responses"}, "endpoint", "'/v1/videos'"),
        ({"dry_run": "perhaps"}, "dry_run", "true or false"),
        ({"dry_run": 1}, "dry_run", "true or false"),
        ({"metadata": {"a": "b" * 513}}, "metadata.a", "at most 512"),
        ({"webhook": "theirs"}, "webhook", "Yours: mine."),
        ({"webhook": "https://attacker.example"}, "webhook", "Yours: mine."),
        ({"output_expires_after": {}}, "output_expires_after", "Unknown parameter"),
        ({"input_file_id": "file-nothing"}, "input_file_id", "you have no file 'file-nothing'"),
        ({"input_file_id": "../film.jsonl"}, "input_file_id", "you have no file"),
        ({"input_file_id": 7}, "input_file_id", "it should be text"),
    ],
)
def test_what_is_no_batch(
    file_id: str, durable: Recording, fields: dict[str, Any], param: str, says: str
) -> None:
    refused(create(file_id, durable, **fields), 400, param, says)
    assert send("GET", "/batches").json["data"] == []
    assert durable.started == []


@pytest.mark.parametrize("missing", ["input_file_id", "endpoint", "completion_window"])
def test_openais_three_fields_are_needed(file_id: str, missing: str) -> None:
    body = {**NEW, "input_file_id": file_id}
    del body[missing]
    refused(post("/batches", body), 400, missing, "Missing required parameter")


def test_an_input_file_is_a_batchs_and_ones_own(file_id: str) -> None:
    image = form(purpose="vision", file=("a.png", picture(20, 20)))
    image_id = send("POST", "/files", body=image).json["id"]
    refused(create(image_id), 400, "input_file_id", f"the purpose of {image_id} is vision")
    refused(create(uploaded(key=OTHER_KEY)), 400, "input_file_id", "you have no file")


def test_a_form_is_taken_and_a_file_in_it_is_not(file_id: str) -> None:
    fields = {**NEW, "input_file_id": file_id, "max_running": "2", "dry_run": "true"}
    batch = post("/batches", form(**fields)).json
    assert (batch["max_running"], batch["dry_run"]) == (2, True)
    with_file = form(**NEW, input_file_id=file_id, film=("film.jsonl", b"{}"))
    refused(post("/batches", with_file), 400, "film", "name one of /files")


def test_a_repeat_is_the_first_batch(file_id: str, durable: Recording) -> None:
    body = {**NEW, "input_file_id": file_id}
    first = post("/batches", body, idempotency_key="mine")
    again = post("/batches", body, durable, idempotency_key="mine")
    assert again.json == first.json
    assert again.headers["idempotent-replayed"] == "true"
    # its worker may have been lost with the first answer
    assert durable.started == [("run_batch", f"{first.json['id']}-1")]
    other = post("/batches", {**body, "budget_usd": 1}, idempotency_key="mine")
    refused(other, 409, None, "different request")
    assert other.headers["x-should-retry"] == "false"

    retried = post("/batches", body, x_stainless_retry_count="1")
    assert retried.json["id"] != first.json["id"]
    assert post("/batches", body, x_stainless_retry_count="2").json == retried.json
    assert len(send("GET", "/batches").json["data"]) == 2


def test_a_repeat_starts_no_worker_for_a_batch_that_has_ended(
    services: Services, file_id: str, durable: Recording
) -> None:
    body = {**NEW, "input_file_id": file_id, "dry_run": True}
    first = post("/batches", body, idempotency_key="mine").json
    advanced(services, first["id"])
    again = post("/batches", body, durable, idempotency_key="mine")
    assert (again.status, again.json) == (200, shown(first["id"]))
    assert again.json["status"] == "completed"
    assert durable.started == []


def test_a_list_goes_page_by_page(file_id: str) -> None:
    newest = [made(file_id)["id"] for _ in range(3)][::-1]

    assert page_of("/batches") == (newest, False)
    assert page_of("/batches?limit=2") == (newest[:2], True)
    assert page_of(f"/batches?limit=2&after={newest[1]}") == (newest[2:], False)
    assert page_of(f"/batches?after={newest[2]}") == ([], False)
    for query, param in (
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("after=video_1", "after"),
        (f"after={file_id}", "after"),
    ):
        refused(send("GET", f"/batches?{query}"), 400, param, "is not")


@pytest.mark.parametrize("batch_id", [NOBODYS, "batch_1", "BATCH", "x" * 300, "open", "key:local"])
def test_what_is_no_id_of_a_batch_is_not_there(batch_id: str) -> None:
    says = f"Batch {batch_id[:80]!r} was not found"
    refused(send("GET", f"/batches/{batch_id}"), 404, "batch_id", says)
    for verb in ("cancel", "pause", "resume", "retry"):
        refused(post(f"/batches/{batch_id}/{verb}"), 404, "batch_id", says)


def test_another_callers_batch_is_not_there(file_id: str) -> None:
    batch = made(file_id)
    path = f"/batches/{batch['id']}"
    refused(send("GET", path, key=OTHER_KEY), 404, "batch_id", "was not found")
    for verb in ("cancel", "pause", "resume", "retry"):
        answer = post(f"{path}/{verb}", key=OTHER_KEY)
        refused(answer, 404, "batch_id", "was not found")
    assert send("GET", "/batches", key=OTHER_KEY).json["data"] == []
    after = send("GET", f"/batches?after={batch['id']}", key=OTHER_KEY).json
    assert after["data"] == []
    assert shown(batch["id"]) == batch


def test_a_batch_is_paused_resumed_and_cancelled(services: Services, file_id: str) -> None:
    batch_id = made(file_id)["id"]
    path = f"/batches/{batch_id}"
    for _ in range(2):  # a client may repeat any of them
        assert post(f"{path}/pause").json["paused"] is True
    advanced(services, batch_id)
    paused = shown(batch_id)
    assert (paused["status"], paused["request_counts"]["not_started"]) == ("in_progress", 2)
    for _ in range(2):
        assert post(f"{path}/resume").json["paused"] is False
    not_yet = post(f"{path}/retry")
    refused(not_yet, 409, None, "The batch is in_progress")
    assert not_yet.headers["x-should-retry"] == "false"
    for _ in range(2):
        cancelling = post(f"{path}/cancel").json
        assert (cancelling["status"], cancelling["stopped"]) == ("cancelling", "batch_cancelled")
    for verb in ("pause", "resume"):
        refused(post(f"{path}/{verb}"), 409, None, "The batch is cancelling")
    advanced(services, batch_id)
    over = shown(batch_id)
    assert over["status"] == "cancelled"
    assert post(f"{path}/cancel").json == over
    for verb in ("pause", "resume"):
        answer = post(f"{path}/{verb}")
        refused(answer, 409, None, "The batch is cancelled")
        assert answer.headers["x-should-retry"] == "false"


def test_a_batch_that_has_ended_otherwise_cannot_be_cancelled(
    services: Services, file_id: str
) -> None:
    batch_id = made(file_id, dry_run=True)["id"]
    advanced(services, batch_id)
    answer = post(f"/batches/{batch_id}/cancel")
    refused(answer, 409, None, "The batch is completed")
    assert answer.json["error"]["code"] == "not_cancellable"


def test_a_retry_is_a_batch_of_its_own(services: Services, file_id: str) -> None:
    kept = {"metadata": {"film": "one"}, "webhook": "mine", "max_running": 1}
    first = made(file_id, budget_usd="0.40", **kept)
    for job in advanced(services, first["id"]):
        drive(services, job.payload)
    advanced(services, first["id"])
    assert shown(first["id"])["stopped"] == "stopped_by_budget"

    path = f"/batches/{first['id']}/retry"
    durable = Recording()
    again = post(path, {"budget_usd": 5}, durable, idempotency_key="more")
    batch = again.json
    assert (again.status, batch["retry_of"]) == (200, first["id"])
    assert (batch["cost"]["budget"], batch["completion_window"]) == ("5.00", "24h")
    assert {name: batch[name] for name in kept if name != "webhook"} == {
        "metadata": {"film": "one"},
        "max_running": 1,
    }
    assert durable.started == [("run_batch", f"{batch['id']}-1")]
    repeat = post(path, {"budget_usd": 5}, idempotency_key="more")
    assert (repeat.json["id"], repeat.headers["idempotent-replayed"]) == (batch["id"], "true")
    advanced(services, batch["id"])
    (line,) = send("GET", f"/files/{batch['input_file_id']}/content").body.splitlines()
    assert json.loads(line)["custom_id"] == "fox-2"

    same = post(path).json
    assert (same["cost"]["budget"], same["retry_of"]) == ("0.40", first["id"])
    for body, param, says in (
        ({"budget_usd": 0}, "budget_usd", "more than 0"),
        ({"completion_window": "31d"}, "completion_window", "at most 30 days"),
        ({"input_file_id": file_id}, "input_file_id", "Unknown parameter"),
        ({"max_running": 0}, "max_running", "greater than or equal to 1"),
    ):
        refused(post(path, body), 400, param, says)


@pytest.mark.parametrize(
    ("lines", "fields", "says"),
    [
        ((1,), {}, "No line of the batch failed or was not started"),
        ((1,), {"dry_run": True}, "None of its lines was begun"),
        ((1, 1), {}, "None of its lines was begun"),
    ],
)
def test_there_may_be_nothing_to_retry(
    services: Services, lines: tuple[int, ...], fields: dict[str, Any], says: str
) -> None:
    batch_id = made(uploaded(*lines), **fields)["id"]
    for job in advanced(services, batch_id):
        drive(services, job.payload)
    advanced(services, batch_id)
    answer = post(f"/batches/{batch_id}/retry")
    refused(answer, 409, None, says)
    assert answer.json["error"]["code"] == "nothing_to_retry"


def test_the_sweep_starts_a_worker_for_a_batch_that_has_none(
    services: Services, file_id: str, durable: Recording
) -> None:
    batch_id = made(file_id)["id"]
    swept(durable)
    assert durable.started == [], "its worker may be alive"
    services.batches.touch(batch_id, 0.0)
    swept(durable)
    swept(durable)
    assert durable.started == [("run_batch", f"{batch_id}-2")]
    advanced(services, batch_id)
    assert shown(batch_id)["status"] == "validating", "the first worker is superseded"
    advanced(services, batch_id, 2)
    assert shown(batch_id)["status"] == "in_progress"


def swept(client: Recording) -> None:
    built: Any = sweep
    asyncio.run(built._function.get_user_function().client_function(None, client))
