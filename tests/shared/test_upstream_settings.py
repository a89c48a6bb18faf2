"""`prices` and `capabilities` in UPSTREAMS: what is read, and what is refused at the start."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.stack import local_settings
from shared.domain.money import Price
from shared.domain.parameters import Parameter
from shared.domain.sizes import SizeRule
from shared.settings.app import SettingsError, settings
from shared.settings.upstreams import Upstream

WAN: dict[str, Any] = {
    "name": "wan",
    "dialect": "sora-2",
    "endpoint": "https://gpu.example.com",
    "deployment": "wan",
    "model": "wan",
    "auth": {"type": "header", "secret_setting": "K"},
    "prices": {"version": "w", "usd_per_second": "0.02"},
    "capabilities": {"sizes": ["832x480"], "seconds": [5]},
}
RULED = {"size_rule": {"min": 256, "max": 1024, "multiple_of": 16}, "seconds": [5]}


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    settings.cache_clear()
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)


def configured(monkeypatch: pytest.MonkeyPatch, *changes: dict[str, Any]) -> list[Upstream]:
    entries = [{**WAN, "name": f"wan-{number}", **each} for number, each in enumerate(changes)]
    monkeypatch.setenv("UPSTREAMS", json.dumps(entries))
    return settings().upstreams


@pytest.mark.parametrize(
    ("prices", "row"),
    [
        (
            {"usd_per_second": "0.10", "reference_size": "1280x720"},
            Price(version="v", rate=100_000, reference_pixels=921_600),
        ),
        (
            {"usd_per_megapixel_second": 0.08},
            Price(version="v", rate=80_000, unit="megapixel_second"),
        ),
        ({"usd_per_video": "0.25"}, Price(version="v", rate=250_000, unit="video")),
        (
            {"usd_per_gpu_second": "0.000833", "gpus": 8, "expected_seconds": 90},
            Price(version="v", rate=833, unit="gpu_second", gpus=8, expected_seconds=90),
        ),
    ],
)
def test_a_price_has_one_unit(
    monkeypatch: pytest.MonkeyPatch, prices: dict[str, Any], row: Price
) -> None:
    (upstream,) = configured(monkeypatch, {"prices": {"version": "v", **prices}})
    assert upstream.price == row
    assert Upstream.model_validate(json.loads(upstream.model_dump_json())).price == row


@pytest.mark.parametrize(
    ("prices", "says"),
    [
        ({}, "give exactly one of usd_per_second"),
        ({"usd_per_second": 1, "usd_per_video": 1}, "give exactly one of"),
        ({"usd_per_video": 1, "gpus": 2}, "go with usd_per_gpu_second"),
        ({"usd_per_second": 1, "expected_seconds": 2}, "go with usd_per_gpu_second"),
        ({"usd_per_video": 1, "reference_size": "2x2"}, "goes with usd_per_second"),
        ({"usd_per_second": 1, "reference_size": "0x0"}, "not a size"),
        ({"usd_per_second": "0.0000001"}, "finer than a millionth"),
        ({"usd_per_second": "-1"}, "not negative"),
        ({"usd_per_second": "nan"}, "not an amount"),
        ({"usd_per_second": "inf"}, "not an amount"),
        ({"usd_per_second": "1E+999999999"}, "not an amount"),
        ({"usd_per_second": 1e22}, "not an amount"),
        ({"usd_per_gpu_second": 1, "gpus": 10**30}, "less than or equal"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, prices: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        configured(monkeypatch, {"prices": {"version": "v", **prices}})


def test_parameters_sizes_by_rule_and_a_range_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    capabilities = {
        "size_rule": {"multiple_of": 16, "min": 256, "max": 1024, "max_pixels": 600_000},
        "default_size": "832x480",
        "seconds": {"min": 1, "max": 4},
        "parameters": {
            "seed": {"type": "integer", "minimum": 0, "maximum": 2_147_483_647},
            "guidance_scale": {"type": "number", "minimum": 1, "maximum": 20.5},
            "negative_prompt": {"type": "string"},
            "quality": {"type": "string", "enum": ["low", "high"], "max_length": 9},
        },
    }
    (upstream,) = configured(monkeypatch, {"capabilities": capabilities})
    can = upstream.can
    assert can.size_rule == SizeRule(multiple_of=16, min=256, max=1024, max_pixels=600_000)
    assert (can.sizes, can.default_size, can.seconds) == ((), "832x480", (1, 2, 3, 4))
    assert can.default_seconds == 1
    assert can.parameters == {
        "seed": Parameter(type="integer", minimum=0, maximum=2_147_483_647),
        "guidance_scale": Parameter(type="number", minimum=1, maximum=20.5),
        "negative_prompt": Parameter(type="string", max_length=2000),
        "quality": Parameter(type="string", enum=("low", "high"), max_length=9),
    }
    assert Upstream.model_validate(json.loads(upstream.model_dump_json())).can == can


def test_a_rule_replaces_the_sizes_of_a_built_in_model(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"model": "sora-2", "capabilities": {**RULED, "default_size": "512x512"}}
    (upstream,) = configured(monkeypatch, changes)
    assert upstream.can.takes_size(256, 1024)
    assert not upstream.can.takes_size(720, 1280)
    assert upstream.can.remix  # of the built-in ones


@pytest.mark.parametrize(
    ("capabilities", "says"),
    [
        (RULED, "needs a default_size"),
        ({**RULED, "default_size": "500x500"}, "does not fit"),
        ({**RULED, "default_size": "512x512", "sizes": ["512x512"]}, "exclude each other"),
        (
            {"size_rule": {"min": 250, "max": 255, "multiple_of": 16}, "default_size": "256x256"},
            "no size fits",
        ),
        ({"size_rule": {"min": 256, "max": 9000}, "default_size": "256x256"}, "less than or equal"),
        ({"seconds": {"min": 5, "max": 4}}, "min is above max"),
        ({"sizes": ["832x480"]}, "needs sizes .* and seconds"),
        ({"parameters": {"seconds": {"type": "integer"}}}, "is of the API itself"),
        ({"parameters": {"max_usd": {"type": "number"}}}, "is of the API itself"),
        ({"parameters": {"Seed": {"type": "integer"}}}, "match pattern"),
        ({"parameters": {"seed": {"type": "int"}}}, "type"),
        ({"parameters": {"seed": {"type": "integer", "minimum": 2, "maximum": 1}}}, "above"),
        ({"parameters": {"x": {"type": "string", "minimum": 2}}}, "for integer and number"),
        ({"parameters": {"x": {"type": "integer", "max_length": 2}}}, "for string"),
        ({"parameters": {"x": {"type": "number", "maximum": float("inf")}}}, "finite number"),
        ({"parameters": {"x": {"type": "number", "minimum": float("nan")}}}, "finite number"),
        ({"parameters": {"x": {"type": "integer", "enum": ["a"]}}}, "not an integer"),
        ({"parameters": {"x": {"type": "integer", "maximum": 1, "enum": [2]}}}, "outside"),
        (
            {"parameters": {f"x{n}": {"type": "string"} for n in range(17)}},
            "at most 32,000 characters together",
        ),
    ],
)
def test_capabilities_that_make_no_sense_are_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, capabilities: dict[str, Any], says: str
) -> None:
    with pytest.raises(SettingsError, match=says):
        configured(monkeypatch, {"capabilities": capabilities})


def test_a_parameter_has_one_type_on_all_deployments_of_a_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def seed(kind: str) -> dict[str, Any]:
        return {"capabilities": {**WAN["capabilities"], "parameters": {"seed": {"type": kind}}}}

    with pytest.raises(SettingsError, match="two deployments of wan give seed another type"):
        configured(monkeypatch, seed("integer"), seed("string"))
    settings.cache_clear()
    assert len(configured(monkeypatch, seed("integer"), {**seed("string"), "model": "other"})) == 2


@pytest.mark.parametrize(
    "host",
    [
        *("10.0.0.5", "192.168.1.2", "[fd12::1]", "[::ffff:10.0.0.5]", "127.0.0.1", "[::1]"),
        *(
            "sglang",
            "SGLANG",
            "sglang.video.svc",
            "gpu-1.internal",
            "box.lan",
            "xn--bcher-kva.local",
        ),
    ],
)
def test_plain_http_to_a_private_host(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    changes = {"endpoint": f"http://{host}:8000", "plain_http": True, "auth": {"type": "none"}}
    (upstream,) = configured(monkeypatch, changes)
    assert upstream.key_header is None


@pytest.mark.parametrize(
    "host",
    [
        *("8.8.8.8", "example.com", "gpu.example.com.", "localhost.", "10.5"),
        *("evil\u3002com", "evil\uff0ecom"),  # httpx makes a dot of these
        # where clouds serve credentials, and other ways to write that
        *("169.254.169.254", "169.254.169.254.", "[::ffff:169.254.169.254]", "[fe80::1]"),
        *("2852039166", "0xa9fea9fe", "metadata", "metadata.google.internal", "[fd00:ec2::254]"),
        *("0.0.0.0", "[::]", "[::ffff:8.8.8.8]", "100.100.100.200", "168.63.129.16"),
        *("", "-x", "a b", "user@10.0.0.5", "@10.0.0.5", "10.0.0.5\\\\@example.com"),
    ],
)
def test_no_plain_http_to_any_other(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    with pytest.raises(SettingsError, match="UPSTREAMS"):
        configured(monkeypatch, {"endpoint": f"http://{host}", "plain_http": True})


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://x.example\r\nX: y",
        "https://x.example:abc",
        "https://x.example:99999",
        "https://u:s3cr3t@x.example",
        "https://x.example?key=s3cr3t",
    ],
)
def test_an_endpoint_that_is_none_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    with pytest.raises(SettingsError) as raised:
        configured(monkeypatch, {"endpoint": endpoint})
    assert "s3cr3t" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        *(
            (name, "s3cr3t", "is a key")
            for name in ("Authorization", "x-api-key", "X-Goog-Api-Key", "proxy-authorization",
                         "api_key", "apikey", "x-bf-vk", "X-Auth-Token", "Set-Cookie",
                         "x-litellm-api-key", "Ocp-Apim-Subscription-Key", "Idempotency-Key")
        ),
        *(
            (name, "s3cr3t", "is set by the app")
            for name in ("Host", "content-length", "Accept-Encoding", "X-MS-Client-Request-Id")
        ),
        *(
            (name, value, "in ASCII")
            for name, value in (("x", "s3cr3t\r\ny: z"), ("x\ny", "s3cr3t"), ("", "s3cr3t"),
                                (" authorization", "s3cr3t"), ("x", "s3cr\u00e9t"))
        ),
    ],
)  # fmt: skip
def test_headers_that_are_keys_or_the_apps_own_are_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    with pytest.raises(SettingsError, match=says) as raised:
        configured(monkeypatch, {"wire": {"headers": {name: value}}})
    assert "s3cr" not in str(raised.value)


def test_headers_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    headers = {"x-litellm-num-retries": "0", "X-Team": "films, and more", "x-monkey": "1"}
    (upstream,) = configured(monkeypatch, {"wire": {"headers": headers}})
    assert upstream.speaks.headers == headers


def test_the_header_of_a_key_is_one_header(monkeypatch: pytest.MonkeyPatch) -> None:
    auth = {"type": "header", "secret_setting": "K", "name": "x\r\ny"}
    with pytest.raises(SettingsError, match=r"auth\.header\.name"):
        configured(monkeypatch, {"auth": auth})


@pytest.mark.parametrize("text", ["[" * 100_000, '[{"a":' * 5_000, "[NaN]", "nonsense", "1"])
def test_upstreams_that_are_no_list_of_objects(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("UPSTREAMS", text)
    with pytest.raises(SettingsError, match=r"UPSTREAMS|is not valid JSON"):
        settings()


def test_an_entry_of_the_previous_release_means_what_it_did(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = {"auth": {"type": "header", "secret_setting": "K"}, "path_prefix": "/video/v2/"}
    plain, listless, first = configured(
        monkeypatch,
        {**old, "path_prefix": None},
        {**old, "can_list": False, "can_delete_running": True},
        {"dialect": "sora-1", "model": "sora", "prices": None, "capabilities": None},
    )
    assert (plain.key_header, plain.speaks.path_prefix) == ("api-key", "/openai/v1")
    assert plain.speaks.can_list
    assert plain.speaks.video_query == {"variant": "video"}
    assert not plain.speaks.can_delete_running
    assert listless.speaks.path_prefix == "/video/v2"
    assert not listless.speaks.can_list
    assert listless.speaks.can_delete_running
    assert (first.dialect, first.key_header) == ("sora-1", "api-key")


HEIR = {"name": "heir", "model": "heir"}


def test_a_successor_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a date of its own it takes over when the last deployment retires."""
    named = {"model": "heir", "seconds": {"5": "5"}, "after_out_minutes": 30}
    old = {"successor": named, "retires_at": "2026-10-15T00:00:00Z"}
    configured(
        monkeypatch, old, {"retires_at": "2026-11-15T00:00:00Z"}, {"model": "heir", "name": "heir"}
    )
    successor = settings().successor("wan")
    assert successor is not None
    assert (successor.model, successor.seconds, successor.on_410) == ("heir", {5: 5}, True)
    assert successor.since == 1794700800.0  # 2026-11-15
    assert successor.out_for == 30 * settings().durations.minute
    assert settings().successor("heir") is None


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (
            [{"successor": {"model": "nobody"}}],
            "the successor of wan, 'nobody', is no model here: wan",
        ),
        ([{"successor": {"model": "wan"}}], "successors lead in a circle: wan -> wan"),
        (
            [{"successor": {"model": "heir"}}, {**HEIR, "successor": {"model": "wan"}}],
            "successors lead in a circle: wan -> heir -> wan",
        ),
        (
            [
                {"successor": {"model": "heir"}},
                {"successor": {"model": "heir", "on_410": False}},
                HEIR,
            ],
            "two deployments of wan name another successor",
        ),
        (
            [{"successor": {"model": "heir", "sizes": {"832x480": "1x1"}}}, HEIR],
            "UPSTREAMS[0].successor.sizes.832x480",
        ),
        (
            [{"successor": {"model": "heir", "sizes": {"832x480": "640x480"}}}, HEIR],
            "the successor of wan, heir, has no size 640x480",
        ),
        (
            [{"successor": {"model": "heir", "seconds": {"5": 7}}}, HEIR],
            "the successor of wan, heir, has no 7 s",
        ),
        (
            [{"successor": {"model": "heir", "after_out_minutes": 0}}, HEIR],
            "UPSTREAMS[0].successor.after_out_minutes",
        ),
        ([{"successor": {"model": "heir", "form": "x"}}, HEIR], "UPSTREAMS[0].successor.form"),
        (
            [{"successor": {"model": "heir", "from": "2026-10-15T00:00:00"}}, HEIR],
            "UPSTREAMS[0].successor.from",
        ),
    ],
)
def test_a_successor_that_leads_nowhere_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, entries: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        configured(monkeypatch, *entries)
    assert said in str(refused.value)


@pytest.mark.parametrize("amount", [-1, "0.0000001"])
def test_a_callers_limit_for_successors_is_an_amount(
    monkeypatch: pytest.MonkeyPatch, amount: Any
) -> None:
    entry = {"key_sha256": [], "allow_successor": {"max_usd": amount}}
    monkeypatch.setenv("CALLERS", json.dumps({"ann": entry}))
    with pytest.raises(SettingsError, match="CALLERS"):
        settings()
