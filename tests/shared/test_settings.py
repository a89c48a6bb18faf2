"""Settings: read on use, wrong ones named, no value ever repeated."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local.stack import local_settings
from shared.settings import app as module
from shared.settings.app import SettingsError, settings

ROOT = Path(__file__).resolve().parents[2]

UPSTREAM: dict[str, Any] = {
    "name": "a",
    "dialect": "sora-2",
    "endpoint": "https://x.openai.azure.com/",
    "deployment": "sora-2",
    "model": "sora-2",
    "auth": {"type": "entra"},
}


UNRESOLVED = "@Microsoft.KeyVault(VaultName=kv-a;SecretName=secret-value)"
"""What Azure puts into the environment while a secret is not there, or may not be read."""


@pytest.fixture(autouse=True)
def _local(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)


def upstreams(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    monkeypatch.setenv("UPSTREAMS", json.dumps([{**UPSTREAM, **changes}]))


def test_the_local_settings_are_valid() -> None:
    assert [upstream.name for upstream in settings().upstreams] == ["sora-2", "sora"]
    assert settings().durations.job_deadline == 60 * 60 / 20


def test_every_duration_is_divided_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    scaled = vars(settings().durations)
    module.settings.cache_clear()
    monkeypatch.setenv("TIME_SCALE", "1")
    for name, value in vars(settings().durations).items():
        if name != "scale":
            assert scaled[name] == pytest.approx(value / 20), name
    assert settings().upstreams[0].max_creates_per_minute == 2


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("UPSTREAMS", "", "UPSTREAMS"),
        ("UPSTREAMS", "[{", "UPSTREAMS is not valid JSON"),
        ("UPSTREAMS", "[{}]", "UPSTREAMS[0].name: is missing"),
        ("CALLERS", UNRESOLVED, "CALLERS is a reference to Key Vault that Azure has not resolved"),
        ("CALLERS", '{"a": {"key_sha256": ["secret-value"]}}', "CALLERS.a.key_sha256[0]"),
        ("PUBLIC_BASE_URL", "ftp://x", "PUBLIC_BASE_URL"),
        ("TIME_SCALE", "0", "TIME_SCALE"),
        ("TIME_SCALE", "inf", "TIME_SCALE: Input should be a finite number"),
        ("QUEUE_DEADLINE_HOURS", "inf", "QUEUE_DEADLINE_HOURS: Input should be a finite number"),
        ("MAX_JOB_USD", "nan", "MAX_JOB_USD: nan USD is not an amount"),
        ("BUDGET_USD_PER_DAY", "inf", "BUDGET_USD_PER_DAY: inf USD is not an amount"),
        ("BUDGET_USD_PER_DAY", "1e13", "that can be booked"),
        ("MAX_JOB_USD", "0.0000001", "finer than a millionth"),
        ("CALLERS", '{"a": {"budget_usd_per_month": NaN}}', "CALLERS.a.budget_usd_per_month"),
        ("CALLERS", '{"a": {"budget_usd_per_month": 1e13}}', "CALLERS.a.budget_usd_per_month"),
        ("STORAGE_ACCOUNT_NAME", "also", "either STORAGE_CONNECTION or STORAGE_ACCOUNT_NAME"),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as raised:
        settings()
    assert says in str(raised.value)
    assert "secret-value" not in str(raised.value)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"endpoint": "http://example.com"}, "https"),
        ({"endpoint": "https://user:pw@x.openai.azure.com"}, "without credentials"),
        ({"endpoint": "https://evil.example.com"}, "Azure's own host names"),
        ({"endpoint": "https://openai.azure.com.evil.example.com"}, "Azure's own host names"),
        ({"model": "other"}, "no built-in price"),
        ({"dialect": "sora"}, "dialect"),
        ({"surprise": 1}, "surprise"),
        ({"name": "a/b"}, "name"),
        ({"max_running": -1}, "max_running"),
    ],
)
def test_a_wrong_deployment_is_refused(
    monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], says: str
) -> None:
    upstreams(monkeypatch, **changes)
    with pytest.raises(SettingsError, match=says):
        settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("EVENT_TOPIC_ENDPOINT", "http://t.eventgrid.azure.net/api/events", "https"),
        ("EVENT_TOPIC_ENDPOINT", "https://evil.example/api/events", "Event Grid topic"),
        ("EVENT_TOPIC_ENDPOINT", "https://eventgrid.azure.net.evil.example/", "Event Grid topic"),
        ("WEBHOOKS", "http://shop.example/h", "https"),
        ("WEBHOOKS", "https://169.254.169.254/h", "link-local"),
        ("WEBHOOKS", "https://[fe80::1]/h", "link-local"),
        ("WEBHOOKS", "https://127.0.0.2/h", "loopback"),
        ("WEBHOOKS", "https://user:pw@shop.example/h", "without credentials"),
        ("WEBHOOKS", "ftp://127.0.0.1/h", "https"),
    ],
)
def test_a_wrong_receiver_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    if name == "WEBHOOKS":
        value = json.dumps([{"name": "a", "url": value, "secret_setting": "S"}])
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=says):
        settings()


def test_receivers_on_loopback_are_refused_on_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIME_SCALE", "1")
    settings()
    module.settings.cache_clear()
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "0123")
    with pytest.raises(SettingsError, match=r"WEBHOOKS\[0\].url: .*only locally"):
        settings()


def test_no_receivers_may_be_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVENT_TOPIC_ENDPOINT", "WEBHOOKS", "EVENT_CALLERS"):
        monkeypatch.setenv(name, "")
    found = settings()
    assert (found.event_topic_endpoint, found.webhooks, found.event_callers) == ("", [], {})


def test_another_model_brings_its_own_price_and_capabilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    upstreams(
        monkeypatch,
        model="wan-2",
        prices={"version": "w1", "usd_per_second": "0.02"},
        capabilities={"sizes": ["832x480"], "seconds": [5]},
    )
    (upstream,) = settings().upstreams
    assert upstream.price.amount(832, 480, 5) == 100_000
    assert (upstream.can.default_size, upstream.can.default_seconds) == ("832x480", 5)


def test_a_part_of_the_capabilities_can_be_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    upstreams(monkeypatch, capabilities={"seconds": [4, 8, 12, 16]})
    (upstream,) = settings().upstreams
    assert upstream.can.seconds == (4, 8, 12, 16)
    assert "1792x1024" in upstream.can.sizes


def test_the_time_scale_is_refused_on_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "0123")
    for name in ("EVENT_TOPIC_ENDPOINT", "WEBHOOKS"):  # on loopback, refused there too
        monkeypatch.setenv(name, "")
    with pytest.raises(SettingsError, match="TIME_SCALE"):
        settings()


def test_nothing_is_read_or_built_at_import() -> None:
    """With no setting at all the app still shows every function."""
    code = (
        "import function_app, sys, json;"
        "print(json.dumps(["
        "sorted(f.get_function_name() for f in function_app.app.get_functions()),"
        "[m for m in ('azure.storage.blob','azure.data.tables','azure.identity',"
        "'azure.eventgrid','standardwebhooks','PIL','local') if m in sys.modules]]))"
    )
    answer = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    functions, heavy = json.loads(answer.stdout)
    assert {"create_video", "get_video", "generate_video", "submit_job"} <= set(functions)
    assert heavy == []


def test_threads_suffice_for_the_activities_that_run_at_once() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    activities = host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"]
    assert int(local_settings()["PYTHON_THREADPOOL_THREAD_COUNT"]) >= activities + 8
