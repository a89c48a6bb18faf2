"""A stack of which everything is known: each secret in it, and everything that it writes down."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from local.stack import Ports, Stack, local_settings
from tests.support import loopback
from tests.support import tenant as tenants
from tests.support.stacks import Client, client
from tests.support.tenant import Tenant

MEMBER = "2d8f5a10-94c1-4a8e-b0f3-6c7d8e9fa0b1"
"""The object id of a caller who comes with tokens."""
_ACCOUNT = "watched"
_KEYS = ("owner", "other", "poor", "asking", "boss")


@dataclass(frozen=True)
class Watched:
    """The running stack. `owner`, `other`, `poor` (with $1 a month), `asking` (who may spend half a
    dollar on a video, and for more asks the owner) and `boss` (an admin) are keys of callers."""

    stack: Stack
    tenant: Tenant
    owner: str
    other: str
    poor: str
    asking: str
    boss: str
    upstream_key: str
    account_key: str
    hook_secret: str
    callback_secret: str
    """With it the upstream of `sora-2` signs its callbacks."""
    told: list[bytes]
    """What the topic and the webhook `hook` were sent."""
    clients: list[Client] = field(default_factory=list)

    def client(self, key: str | None) -> Client:
        """A caller with a key or a token, or with nothing."""
        self.clients.append(client(self.stack, key))
        return self.clients[-1]


@dataclass(frozen=True)
class StorageRequest:
    """A request as the blob server got it. Names of headers are in lower case."""

    method: str
    url: str
    headers: Mapping[str, str]

    @property
    def by_link(self) -> bool:
        """Whether a signed link was its credential."""
        return "sig" in parse_qs(urlsplit(self.url).query)


def blob_requests(log: Path) -> list[StorageRequest]:
    """Every request in Azurite's log that went to its blob server."""
    return [
        StorageRequest(found["method"], found["url"], json.loads(found["headers"]))
        for found in _BLOB_REQUEST.finditer(log.read_text(errors="replace"))
    ]


_BLOB_REQUEST = re.compile(
    r"BlobStorageContextMiddleware: RequestMethod=(?P<method>\S+) RequestURL=(?P<url>\S+) "
    r"RequestHeaders:(?P<headers>\{.*?\}) ClientIP="
)


@contextmanager
def watched(data: Path) -> Iterator[Watched]:
    """Start it: state on disk and Azurite's log of requests, so that both can be searched."""
    keys = {name: f"{name}-{secrets.token_urlsafe(32)}" for name in _KEYS}
    upstream_key = f"upstream-{secrets.token_urlsafe(32)}"
    account_key = base64.b64encode(secrets.token_bytes(64)).decode()
    hook_secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    callback_secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    told: list[bytes] = []
    ports = Ports.any_free()
    with (
        tenants.issuing() as tenant,
        loopback.serving(lambda _: (200, "text/plain", b""), told) as listener,
    ):
        stack = Stack(
            data,
            ports,
            overrides={
                **tenant.settings,
                "TIME_SCALE": "100",
                "SWEEP_SCHEDULE": "*/5 * * * * *",
                "CALLERS": _callers(keys),
                "SIMULATOR_KEY": upstream_key,
                "STORAGE_CONNECTION": _connection(ports, account_key),
                "AZURITE_ACCOUNTS": f"{_ACCOUNT}:{account_key}",
                "INPUT_URL_HOSTS": "127.0.0.1",
                "EVENT_TOPIC_ENDPOINT": f"{listener}/api/events",
                "EVENT_CALLERS": json.dumps({"orders": "owner"}),
                "WEBHOOKS": json.dumps(
                    [{"name": "hook", "url": f"{listener}/hook", "secret_setting": "HOOK_SECRET"}]
                ),
                "HOOK_SECRET": hook_secret,
                "UPSTREAMS": _upstreams(ports),
                "CALLBACK_SECRET": callback_secret,
            },
            ephemeral=False,
            simulator_config=_simulator_config(data, ports, upstream_key, callback_secret),
            log_storage=True,
        )
        with stack:
            running = Watched(
                stack,
                tenant,
                owner=keys["owner"],
                other=keys["other"],
                poor=keys["poor"],
                asking=keys["asking"],
                boss=keys["boss"],
                upstream_key=upstream_key,
                account_key=account_key,
                hook_secret=hook_secret,
                callback_secret=callback_secret,
                told=told,
            )
            yield running
            for each in running.clients:
                each.http.close()


def _callers(keys: Mapping[str, str]) -> str:
    callers: dict[str, dict[str, object]] = {
        name: {"key_sha256": [hashlib.sha256(key.encode()).hexdigest()]}
        for name, key in keys.items()
    }
    callers["poor"]["budget_usd_per_month"] = 1
    callers["asking"]["approval_above_usd"] = 0.5
    callers["owner"]["approves"] = ["asking"]
    callers["boss"]["admin"] = True
    callers["member"] = {"entra": [MEMBER]}
    return json.dumps(callers)


def _connection(ports: Ports, key: str) -> str:
    blob, queue, table = ports.azurite
    return (
        f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={key};"
        f"BlobEndpoint=http://127.0.0.1:{blob}/{_ACCOUNT};"
        f"QueueEndpoint=http://127.0.0.1:{queue}/{_ACCOUNT};"
        f"TableEndpoint=http://127.0.0.1:{table}/{_ACCOUNT}"
    )


def _upstreams(ports: Ports) -> str:
    """Those of the local stack; the one of Sora 2 calls back."""
    entries = json.loads(local_settings()["UPSTREAMS"])
    for entry in entries:
        entry["endpoint"] = f"http://127.0.0.1:{ports.simulator}"
    entries[0] |= {
        "wire": {"calls_back": "standard"},
        "callback": {"secret_setting": "CALLBACK_SECRET"},
    }
    return json.dumps(entries)


def _simulator_config(data: Path, ports: Ports, key: str, callback_secret: str) -> Path:
    path = data / "simulator.json"
    fixed = {"distribution": {"type": "fixed", "seconds": 40}}
    callback = {
        "callback_url": f"http://127.0.0.1:{ports.functions}/openai/v1/callbacks/sora-2",
        "callback_secret": callback_secret,
    }
    deployments = [
        {"name": "sora-2", "dialect": "sora-2", **callback},
        {"name": "sora", "dialect": "sora-1"},
    ]
    config = {"render_times": [fixed], "api_keys": [key], "deployments": deployments}
    path.write_text(json.dumps(config))
    return path
