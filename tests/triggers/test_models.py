"""GET /models: what can be asked for, at what price, until when, and how its deployments are."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.domain.outage import Outage
from shared.lifecycle import line
from shared.lifecycle.services import Services
from tests.support import heirs
from tests.support.surface import send

App = Callable[..., Services]
Upstreams = Callable[..., str]


def test_both_models_in_openais_list(app: App) -> None:
    app()
    listed = send("GET", "/models").json
    assert listed["object"] == "list"
    assert [(each["id"], each["object"]) for each in listed["data"]] == [
        ("sora-2", "model"),
        ("sora", "model"),
    ]
    for model in listed["data"]:
        assert send("GET", f"/models/{model['id']}").json == model
        assert (model["lifecycle"], model["retires_at"]) == ("active", None)


@pytest.mark.parametrize("slash", ["%2F", "%2f"])
def test_a_model_may_have_a_slash_in_its_name(app: App, upstreams: Upstreams, slash: str) -> None:
    """As vLLM's and OpenRouter's do. OpenAI's clients encode it; Azure's host leaves it so."""
    own = {"model": "google/veo", "prices": {"version": "1", "usd_per_second": "0.1"}}
    app(UPSTREAMS=upstreams(**own, capabilities={"sizes": ["1280x720"], "seconds": [4]}))
    assert send("GET", f"/models/google{slash}veo").json["id"] == "google/veo"


def test_what_a_size_allows_and_costs(app: App) -> None:
    app()
    sora = send("GET", "/models/sora").json["capabilities"]
    sizes = {each["size"]: each for each in sora["sizes"]}
    assert sizes["1280x720"]["usd_per_second"] == "0.05"
    assert sizes["480x480"]["usd_per_second"] == "0.0125"
    assert (sizes["480x480"]["max_variants"], sizes["1920x1080"]["max_variants"]) == (4, 1)
    assert (max(sizes["1280x720"]["seconds"]), max(sizes["1920x1080"]["seconds"])) == (20, 10)
    assert sora["modes"] == ["text", "image", "video"]
    sora_2 = send("GET", "/models/sora-2").json["capabilities"]
    assert sora_2["modes"] == ["text", "image", "remix"]
    assert {each["usd_per_second"] for each in sora_2["sizes"]} == {"0.10"}


def test_a_model_that_is_not_offered(app: App) -> None:
    app()
    answer = send("GET", "/models/veo")
    assert (answer.status, answer.json["error"]["code"]) == (404, "model_not_found")
    assert "sora, sora-2" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("days", "lifecycle", "available"), [(30, "retiring", True), (-1, "retired", False)]
)
def test_a_date_of_retirement(
    app: App, upstreams: Upstreams, days: int, lifecycle: str, available: bool
) -> None:
    at = datetime.now(UTC) + timedelta(days=days)
    app(UPSTREAMS=upstreams(retires_at=at.isoformat()))
    model = send("GET", "/models/sora-2").json
    assert (model["lifecycle"], model["retires_at"]) == (lifecycle, int(at.timestamp()))
    assert model["deployments"][0]["available"] is available


@pytest.mark.parametrize(
    ("status", "lifecycle", "says"),
    [
        (410, "retired", "is gone: 410 (since 2026-11-28T00:00:00Z)"),
        (401, "active", "answers 401 (since 2026-11-28T00:00:00Z)"),
    ],
)
def test_a_deployment_that_turns_everybody_away(
    app: App, status: int, lifecycle: str, says: str
) -> None:
    services = app()
    upstream = services.settings.upstreams[0]
    since = datetime(2026, 11, 28, tzinfo=UTC).timestamp()
    outage = Outage(status=status, message="sk-secret", since=since, final=status == 410)
    services.deployments.change(
        line.limits(services, upstream), lambda at: replace(at, outage=outage)
    )
    model = send("GET", "/models/sora-2").json
    assert (model["lifecycle"], model["deployments"][0]["available"]) == (lifecycle, False)
    assert model["deployments"][0]["notice"] == says


def test_a_model_of_two_deployments_offers_what_either_takes_at_the_higher_price(
    app: App, upstreams: Upstreams
) -> None:
    first: dict[str, Any] = json.loads(upstreams())[0]
    at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    second = {
        **first,
        "name": "other",
        "prices": {"version": "dear", "usd_per_second": "0.30"},
        "capabilities": {"sizes": ["1280x720"], "seconds": [16], "prompt_characters": 10},
        "retires_at": at,
    }
    app(UPSTREAMS=json.dumps([first, second]))
    model = send("GET", "/models/sora-2").json
    sizes = {each["size"]: each for each in model["capabilities"]["sizes"]}
    assert sizes["1280x720"]["seconds"] == [4, 8, 12, 16]
    assert sizes["1280x720"]["usd_per_second"] == "0.30"
    assert sizes["720x1280"]["usd_per_second"] == "0.10"
    assert (model["lifecycle"], model["retires_at"]) == ("active", None)
    assert [each["lifecycle"] for each in model["deployments"]] == ["active", "retired"]


def test_a_successor_is_shown_and_its_date_is_the_models(app: App, upstreams: Upstreams) -> None:
    at = datetime.now(UTC) + timedelta(days=10)
    successor = {
        "from": at.isoformat(), "after_out_minutes": 90, "sizes": {"1280x720": "480x480"},
        "seconds": {"8": 5},
    }  # fmt: skip
    old = {"retires_at": (at + timedelta(days=7)).isoformat()}
    app(UPSTREAMS=heirs.upstreams(upstreams(), successor, old=old))
    model = send("GET", "/models/sora-2").json
    assert model["successor"] == {
        "model": heirs.HEIR,
        "renders": False,
        "from": int(at.timestamp()),
        "on_410": True,
        "after_out_minutes": 90,
        "sizes": {"1280x720": "480x480"},
        "seconds": {"8": 5},
    }
    assert (model["lifecycle"], model["retires_at"]) == ("retiring", int(at.timestamp()))
    assert send("GET", f"/models/{heirs.HEIR}").json["successor"] is None


def test_after_its_date_the_successor_renders(app: App, upstreams: Upstreams) -> None:
    at = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    app(UPSTREAMS=heirs.upstreams(upstreams(), {"from": at}))
    model = send("GET", "/models/sora-2").json
    assert (model["lifecycle"], model["successor"]["renders"]) == ("retired", True)
