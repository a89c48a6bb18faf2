"""POST /quotes: the same answer that a create would give, and nothing is spent or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from shared.domain.errors import LimitReached, RateLimited
from shared.domain.request import VideoRequest
from shared.lifecycle.requests.admit import admit
from shared.lifecycle.services import Services
from shared.storage.names import CONTAINERS, TABLES
from tests.support import heirs
from tests.support.surface import send

pytestmark = pytest.mark.real_storage

App = Callable[..., Services]

CALLER = "key:local"


def written(services: Services) -> list[Any]:
    """Everything that is in storage."""
    rows = [
        dict(row)
        for table in TABLES
        for row in services.account.tables.get_table_client(table).list_entities()
    ]
    blobs = [
        blob.name
        for container in CONTAINERS
        for blob in services.account.container(container).list_blobs()
    ]
    return [*rows, *blobs]


def test_a_quote_says_what_it_would_cost_and_writes_nothing(app: App) -> None:
    services = app()
    answer = send(
        "POST",
        "/quotes",
        body={"model": "sora", "prompt": "a fox", "size": "480x480", "seconds": 5, "n_variants": 2},
    )
    assert answer.status == 200
    quote = answer.json
    assert quote["cost"] == {
        "currency": "USD",
        "estimated": "0.125",
        "usd_per_second": "0.0125",
        "price_version": "sora@2025-05/estimate",
    }
    assert (quote["admitted"], quote["refusal"], quote["deployments"]) == (True, None, ["sora"])
    assert (quote["size"], quote["seconds"], quote["n_variants"]) == ("480x480", "5", 2)
    assert written(services) == []


def test_defaults_are_the_models(app: App) -> None:
    app()
    quote = send("POST", "/quotes", body={"prompt": "a fox"}).json
    assert (quote["model"], quote["size"], quote["seconds"]) == ("sora-2", "720x1280", "4")
    assert quote["cost"]["estimated"] == "0.40"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "a fox", "size": "480x480"}, "size"),
        ({"prompt": "a fox", "seconds": 5}, "seconds"),
        ({"prompt": "a fox", "model": "veo"}, "model"),
        ({"prompt": "a fox", "input_reference": {"image_url": "data:x"}}, "input_reference"),
        ({}, "prompt"),
    ],
)
def test_what_can_never_work_gets_the_400_of_a_create(
    app: App, body: dict[str, Any], param: str
) -> None:
    app()
    answer = send("POST", "/quotes", body=body)
    assert (answer.status, answer.json["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({"MAX_JOB_USD": "0.39"}, {}),
        ({"BUDGET_USD_PER_DAY": "0.79"}, {}),
        ({"BUDGET_USD_PER_DAY": "0"}, {}),
        ({}, {"budget_usd_per_month": 0.79}),
        ({}, {"max_unfinished": 1}),
        (
            {"TIME_SCALE": "1"},
            {"creates_per_minute": 1},
        ),  # a minute that no machine is too slow for
    ],
)
def test_a_refusal_is_told_as_a_create_would_tell_it(
    app: App, settings: dict[str, str], limits: dict[str, float]
) -> None:
    """After one video; the ceiling for one video and the closed one do not even take that."""
    services = app(CALLERS=_with(app(), **limits), **settings)
    with suppress(LimitReached):
        admit(services, CALLER, _fox())
    quote = send("POST", "/quotes", body={"prompt": "a fox"}).json
    assert not quote["admitted"]
    with pytest.raises((LimitReached, RateLimited)) as refused:
        admit(services, CALLER, _fox())
    told = quote["refusal"]
    assert (told["code"], told["type"]) == (refused.value.code, refused.value.type)
    assert told["message"] == refused.value.message
    assert (told["retry_after"] is None) == (refused.value.retry_after is None)


def test_what_is_left_of_each_ceiling(app: App) -> None:
    services = app(BUDGET_USD_PER_DAY="1", CALLERS=_with(app(), budget_usd_per_month=0.9))
    admit(services, CALLER, _fox())
    quote = send("POST", "/quotes", body={"prompt": "a fox"}).json
    assert quote["admitted"]
    assert [(each["limit"], each["committed"], each["left"]) for each in quote["ceilings"]] == [
        ("1.00", "0.40", "0.60"),
        ("0.90", "0.40", "0.50"),
    ]
    assert quote["queue_length"] == 1
    admit(services, CALLER, _fox())
    assert not send("POST", "/quotes", body={"prompt": "a fox"}).json["admitted"]


def _fox() -> VideoRequest:
    return VideoRequest(model="sora-2", prompt="a fox", width=720, height=1280, seconds=4)


def _with(services: Services, **limits: float) -> str:
    (name, caller), *_ = services.settings.callers.items()
    return json.dumps({name: {**caller.model_dump(), **limits}})


def test_quotes_have_a_pace_of_their_own(app: App) -> None:
    """An image is decoded for each, and none is paid."""
    services = app()
    body = {"model": "sora-2", "prompt": "a fox"}
    now = 0.0
    services.quotes._clock = lambda: now
    answers = [send("POST", "/quotes", body=body) for _ in range(61)]
    assert [each.status for each in answers] == [200] * 60 + [429]
    error = answers[-1].json["error"]
    assert (error["code"], error["retryable"]) == ("rate_limit_exceeded", True)
    now = float(answers[-1].headers["retry-after"])
    assert send("POST", "/quotes", body=body).status == 200


def test_a_quote_says_who_would_render_it_and_what(app: App, upstreams: Callable[..., str]) -> None:
    maps = {"sizes": {"1280x720": "480x480"}, "seconds": {"8": 5}}
    services = app(UPSTREAMS=heirs.upstreams(upstreams(), maps))
    body = {"model": "sora-2", "prompt": "a fox", "size": "1280x720", "seconds": 8}
    before = send("POST", "/quotes", body=body).json
    assert (before["rendered_by"], before["asked"], before["size"]) == ("sora-2", None, "1280x720")
    heirs.retire(services)
    refused = send("POST", "/quotes", body=body)
    assert (refused.status, refused.json["error"]["code"]) == (400, "model_retired")
    quote = send("POST", "/quotes", body={**body, "allow_successor": True}).json
    assert (quote["model"], quote["rendered_by"]) == ("sora-2", heirs.HEIR)
    assert (quote["size"], quote["seconds"]) == ("480x480", "5")
    assert quote["asked"] == {"size": "1280x720", "seconds": "8"}
    assert (quote["cost"]["estimated"], quote["deployments"]) == ("0.25", ["ltx"])
    limited = {**body, "allow_successor": {"max_usd": 0.2}}
    assert send("POST", "/quotes", body=limited).status == 400
