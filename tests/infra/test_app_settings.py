"""The app settings: what the code reads is set, what is set is read, and the values are valid."""

from __future__ import annotations

import ast
import json
import re

import pytest

from shared.settings import app as settings_module
from shared.settings.app import Settings, settings
from tests.infra.bicep.functions import TENANT
from tests.infra.templates import EVERYTHING, INFRA, ROOT, deployed, settings_of

LOCAL_ONLY = {
    "STORAGE_CONNECTION": "Azure has STORAGE_ACCOUNT_NAME instead",
    "TIME_SCALE": "is refused on Azure",
    "ENTRA_AUTHORITY": "its default is Azure's own; tests have a tenant of their own",
}
READ_BY_OTHERS = {
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "the Functions host",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "the Functions host",
    "AZURE_CLIENT_ID": "azure-identity",
    "PYTHON_THREADPOOL_THREAD_COUNT": "the Python worker",
    "DURABLE_TASK_SCHEDULER_CONNECTION_STRING": "the Durable extension, with the scheduler",
}
PREFIXES_READ_BY_OTHERS = ("AzureWebJobsStorage__", "AzureFunctionsJobHost__")
FORBIDDEN_ON_FLEX = {
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_EXTENSION_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_TIME_ZONE",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "ENABLE_ORYX_BUILD",
    "AzureWebJobsStorage",
}
CALLERS = '{"main": {"key_sha256": ["' + "0" * 64 + '"], "admin": true}}'
HEADER = {
    "name": "vllm",
    "dialect": "sora-2",
    "endpoint": "https://video.example.com",
    "path_prefix": "/v1",
    "deployment": "wan",
    "model": "sora-2",
    "auth": {"type": "header", "name": "Authorization", "secret_setting": "VLLM_KEY"},
}


def read_by_the_code() -> set[str]:
    """Fields of Settings, names between percent signs, and direct reads of the environment."""
    found = {name.upper() for name in Settings.model_fields} - set(LOCAL_ONLY)
    found |= set(re.findall(r"%([A-Z_]+)%", (ROOT / "host.json").read_text()))
    for folder in ("shared", "triggers", "orchestrators", "activities"):
        for path in (ROOT / folder).rglob("*.py"):
            text = path.read_text()
            found |= set(re.findall(r'"%([A-Z_]+)%"', text))
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                    "os.environ.get",
                    "os.getenv",
                ):
                    name = node.args[0]
                    if isinstance(name, ast.Constant) and not str(name.value).startswith(
                        "WEBSITE_"
                    ):
                        found.add(str(name.value))
    return found


def test_every_setting_that_the_code_reads_is_set() -> None:
    assert read_by_the_code() - set(settings_of(deployed(**EVERYTHING))) == set()


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["defaults", "everything"])
def test_every_setting_that_is_set_is_read(changes: dict[str, object]) -> None:
    given = set(settings_of(deployed(**changes)))
    known = read_by_the_code() | set(READ_BY_OTHERS)
    assert {name for name in given - known if not name.startswith(PREFIXES_READ_BY_OTHERS)} == set()
    assert given & FORBIDDEN_ON_FLEX == set()


def as_read(monkeypatch: pytest.MonkeyPatch, **changes: object) -> Settings:
    """The app's own reading of the settings, with Key Vault's references resolved."""
    values = settings_of(deployed(**changes))
    secrets = {"CALLERS": CALLERS}
    monkeypatch.delenv("STORAGE_CONNECTION", raising=False)
    for name, value in values.items():
        resolved = secrets.get(name, "secret") if value.startswith("@Microsoft") else value
        monkeypatch.setenv(name, resolved)
    monkeypatch.setenv("WEBSITE_INSTANCE_ID", "0123")  # as on Azure
    settings_module.settings.cache_clear()
    return settings()


def test_the_app_takes_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    made = as_read(monkeypatch)
    assert [(each.name, each.dialect, each.model) for each in made.upstreams] == [
        ("sora-2", "sora-2", "sora-2"),
        ("sora", "sora-1", "sora"),
    ]
    assert made.storage_account_name.startswith("stvideo")
    assert made.public_base_url == deployed().outputs["API_BASE_URL"].removesuffix("/openai/v1")
    assert made.content_delivery == "redirect"
    assert made.video_retention_days == 30
    assert made.callers["main"].admin


def test_a_private_environment_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_read(monkeypatch, **EVERYTHING).content_delivery == "stream"


def test_a_skipped_model_stays_in_the_list_with_its_date(monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {"skippedModels": "sora", "retirementDates": "sora=2026-02-28T00:00:00Z,sora-2="}
    made = as_read(monkeypatch, **changes)
    (sora2, sora) = made.upstreams
    assert sora2.retires_at is None  # the region knows no date, whatever the file says
    assert sora.retires_at is not None
    assert sora.retires_at.isoformat() == "2026-02-28T00:00:00+00:00"
    created = deployed(**changes).of("Microsoft.CognitiveServices/accounts/deployments")
    assert [each.name for each in created] == ["sora-2"]


def test_every_deployment_is_the_one_that_upstreams_names(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads(json.dumps(as_two_regions()))
    made = as_read(monkeypatch, videoModels=listed)
    created = {
        (each.id.split("/")[-3], each.name): each["properties.model"]["name"]
        for each in deployed(videoModels=listed).of(
            "Microsoft.CognitiveServices/accounts/deployments"
        )
    }
    accounts = {
        each["properties.customSubDomainName"]
        for each in deployed(videoModels=listed).of("Microsoft.CognitiveServices/accounts")
    }
    assert len(accounts) == 2
    assert created == {
        (each.endpoint.removeprefix("https://").partition(".")[0], each.deployment): each.model
        for each in made.upstreams
    }


def as_two_regions() -> list[dict[str, object]]:
    listed = json.loads((ROOT / "infra" / "main.parameters.json").read_text())
    models: list[dict[str, object]] = listed["parameters"]["videoModels"]["value"]
    return [*models, {**models[0], "name": "sora-2-sweden", "location": "swedencentral"}]


def test_the_key_of_another_upstream_comes_from_the_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    made = as_read(monkeypatch, otherUpstreams=[HEADER])
    assert made.upstreams[-1].name == "vllm"
    vault = deployed(otherUpstreams=[HEADER]).one("Microsoft.KeyVault/vaults").name
    reference = settings_of(deployed(otherUpstreams=[HEADER]))["VLLM_KEY"]
    assert reference == f"@Microsoft.KeyVault(VaultName={vault};SecretName=vllm-key)"


def test_the_secret_of_callbacks_comes_from_the_vault_too(monkeypatch: pytest.MonkeyPatch) -> None:
    calling_back = {
        **HEADER,
        "wire": {"calls_back": "standard"},
        "callback": {"secret_setting": "VLLM_HOOK"},
    }
    unsigned = {**calling_back, "name": "b", "wire": {"calls_back": "openrouter"}, "callback": {}}
    given = settings_of(deployed(otherUpstreams=[calling_back, unsigned]))
    assert given["VLLM_HOOK"].endswith(";SecretName=vllm-hook)")
    assert given["VLLM_KEY"].endswith(";SecretName=vllm-key)")
    made = as_read(monkeypatch, otherUpstreams=[calling_back, unsigned])
    assert [each.callback is not None for each in made.upstreams[-2:]] == [True, True]
    assert made.public_base_url.startswith("https://")


@pytest.mark.parametrize("given", ["https://v.example.com/base", "https://v.example.com/base/"])
def test_the_urls_that_callers_get_have_no_doubled_slash(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """`curl "$API_BASE_URL/health"` of the runbook is another path with one."""
    assert as_read(monkeypatch, publicBaseUrl=given).public_base_url == given.rstrip("/")
    outputs = deployed(publicBaseUrl=given).outputs
    assert outputs["API_BASE_URL"] == "https://v.example.com/base/openai/v1"


def test_tokens_are_accepted_only_with_an_audience(monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_read(monkeypatch).entra_tenant_id == ""
    made = as_read(monkeypatch, entraAudience="api://durable-video")
    assert (made.entra_tenant_id, made.entra_audience) == (TENANT, "api://durable-video")
    other = "00000000-1111-2222-3333-444444444444"
    made = as_read(monkeypatch, entraAudience="x", entraTenantId=other)
    assert made.entra_tenant_id == other


def test_web_pages_are_those_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_read(monkeypatch).cors_origins == []
    page = "https://app.example.com"
    assert as_read(monkeypatch, corsOrigins=[page]).cors_origins == [page]


def test_hosts_of_images_are_those_that_were_given(monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_read(monkeypatch).input_hosts == frozenset()
    made = as_read(monkeypatch, inputUrlHosts=["a.example.com", "B.example.com"])
    assert made.input_hosts == {"a.example.com", "b.example.com"}


WEBHOOK = {"name": "shop", "url": "https://shop.example.com/hook", "secret_setting": "SHOP_HOOK"}


def test_results_are_announced_and_requests_are_charged(monkeypatch: pytest.MonkeyPatch) -> None:
    made = as_read(monkeypatch, webhooks=[WEBHOOK], otherTopicCallers={"trailers": "main"})
    assert made.event_topic_endpoint == deployed().outputs["EVENT_TOPIC_ENDPOINT"]
    topic = deployed().outputs["REQUEST_TOPIC_NAME"]
    assert made.event_callers == {topic: "main", "trailers": "main"}
    assert [each.name for each in made.webhooks] == ["shop"]
    reference = settings_of(deployed(webhooks=[WEBHOOK]))["SHOP_HOOK"]
    assert reference.endswith(";SecretName=shop-hook)")
    assert as_read(monkeypatch, topicCaller="").event_callers == {}


def test_the_first_caller_pays_for_the_topic() -> None:
    listed = (ROOT / "infra" / "main.parameters.json").read_text()
    hook = (ROOT / "infra" / "hooks" / "postprovision.sh").read_text()
    assert "${FIRST_CALLER=main}" in listed
    assert "caller=${FIRST_CALLER:-main}" in hook


def test_no_retention_means_no_setting_and_no_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    assert as_read(monkeypatch, videoRetentionDays=0).video_retention_days is None


def test_threads_suffice_on_azure_too() -> None:
    host = json.loads((ROOT / "host.json").read_text())
    activities = host["extensions"]["durableTask"]["maxConcurrentActivityFunctions"]
    threads = int(settings_of(deployed())["PYTHON_THREADPOOL_THREAD_COUNT"])
    assert threads >= activities + 8


def test_the_scheduler_overrides_what_host_json_says() -> None:
    given = settings_of(deployed(durableBackend="durableTaskScheduler"))
    start = "AzureFunctionsJobHost__extensions__durableTask__storageProvider__"
    assert given[start + "type"] == "azureManaged"
    assert "Authentication=ManagedIdentity" in given[given[start + "connectionStringName"]]
    provider = json.loads((ROOT / "host.json").read_text())["extensions"]["durableTask"]
    assert provider["storageProvider"]["type"] == "azureStorage"  # what the settings replace
    assert not any(name.startswith(start) for name in settings_of(deployed()))


def test_a_model_of_the_list_may_have_a_successor(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = json.loads((INFRA / "main.parameters.json").read_text())["parameters"]
    models = listed["videoModels"]["value"]
    named = {"model": "sora", "from": "2026-10-08T00:00:00Z", "seconds": {"12": 10}}
    made = as_read(monkeypatch, videoModels=[{**models[0], "successor": named}, models[1]])
    successor = made.successor("sora-2")
    assert successor is not None
    assert (successor.model, successor.seconds) == ("sora", {12: 10})
    assert made.successor("sora") is None
