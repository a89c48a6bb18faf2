"""Entra tokens: only what the tenant signed for us, in time, and with keys that are its own."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from local.stack import local_settings
from shared.entra import caller_tokens
from shared.entra.caller_tokens import BadToken, SigningKeys, Unverifiable, object_id
from shared.settings import app

TENANT = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "99999999-8888-7777-6666-555555555555"
TENANT_OF_LETTERS = "abcdefab-cdef-abcd-efab-cdefabcdefab"
OID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"


@dataclass
class Tenant:
    """Publishes keys on loopback and signs with them."""

    url: str = ""
    asked: list[str] = field(default_factory=list)
    keys: dict[str, rsa.RSAPrivateKey] = field(default_factory=dict)
    status: int = 200

    def new_key(self, key_id: str) -> None:
        self.keys[key_id] = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def published(self) -> bytes:
        listed = []
        for key_id, key in self.keys.items():
            listed.append({**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": key_id})
        return json.dumps({"keys": listed}).encode()

    def token(self, key_id: str = "one", **changes: Any) -> str:
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": f"{self.url}/{TENANT}/v2.0",
            "aud": AUDIENCE,
            "exp": now + 600,
            "nbf": now - 10,
            "oid": OID,
            **changes,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.keys[key_id], "RS256", headers={"kid": key_id})


@pytest.fixture(scope="module")
def published() -> Iterator[Tenant]:
    tenant = Tenant()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tenant.asked.append(self.path)
            self.send_response(tenant.status)
            self.end_headers()
            self.wfile.write(tenant.published())

        def log_message(self, *_: object) -> None:
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        tenant.url = f"http://127.0.0.1:{server.server_port}"
        tenant.new_key("one")
        try:
            yield tenant
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def tenant(published: Tenant, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    for name, value in local_settings().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ENTRA_TENANT_ID", TENANT)
    monkeypatch.setenv("ENTRA_AUDIENCE", AUDIENCE)
    monkeypatch.setenv("ENTRA_AUTHORITY", published.url)
    caller_tokens._signing_keys.cache_clear()
    app.settings.cache_clear()
    published.asked.clear()
    published.status = 200
    yield published
    caller_tokens._signing_keys.cache_clear()


@pytest.mark.parametrize(
    "changes",
    [{}, {"aud": f"api://{AUDIENCE}"}, {"iss": f"https://sts.windows.net/{TENANT}/"}],
    ids=["v2", "id URI", "v1"],
)
def test_a_token_of_the_tenant_for_us_names_its_owner(
    tenant: Tenant, changes: dict[str, Any]
) -> None:
    assert object_id(tenant.token(**changes)) == OID
    assert tenant.asked == [f"/{TENANT}/discovery/v2.0/keys"]


@pytest.mark.parametrize("configured", [AUDIENCE, f"api://{AUDIENCE}"])
@pytest.mark.parametrize("audience", [AUDIENCE, f"api://{AUDIENCE}"])
def test_the_audience_may_be_configured_as_client_id_or_as_its_uri(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, configured: str, audience: str
) -> None:
    monkeypatch.setenv("ENTRA_AUDIENCE", configured)
    app.settings.cache_clear()
    assert object_id(tenant.token(aud=audience)) == OID


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"exp": int(time.time()) - 3600}, "expired"),
        ({"exp": None}, "not a valid"),
        ({"aud": "someone-else"}, "another audience"),
        ({"iss": "https://login.microsoftonline.com/other/v2.0"}, "another tenant"),
        ({"oid": None}, "not a valid"),
        ({"nbf": int(time.time()) + 3600}, "not a valid"),
    ],
)
def test_any_other_token_is_refused_with_its_reason(
    tenant: Tenant, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadToken, match=says):
        object_id(tenant.token(**changes))


def unsigned(tenant: Tenant) -> str:
    claims = jwt.decode(tenant.token(), options={"verify_signature": False})
    return jwt.encode(claims, None, "none", headers={"kid": "one"})  # type: ignore[arg-type]


def signed_with_the_public_key(tenant: Tenant) -> str:
    """The classic confusion: HS256 with the published key as the shared secret."""
    claims = jwt.decode(tenant.token(), options={"verify_signature": False})
    return jwt.encode(claims, "x" * 64, "HS256", headers={"kid": "one"})


def changed_after_signing(tenant: Tenant) -> str:
    head, body, signature = tenant.token().split(".")
    return ".".join((head, body[:-4] + "AAAA", signature))


@pytest.mark.parametrize(
    "forge", [unsigned, signed_with_the_public_key, changed_after_signing, lambda _: "eyJ.e30.x"]
)
def test_a_forgery_is_refused(tenant: Tenant, forge: Callable[[Tenant], str]) -> None:
    with pytest.raises(BadToken):
        object_id(forge(tenant))


def test_without_a_tenant_no_token_counts(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRA_TENANT_ID", "")
    app.settings.cache_clear()
    with pytest.raises(BadToken, match="ENTRA_TENANT_ID"):
        object_id(tenant.token())
    assert tenant.asked == []


def test_a_new_key_is_found_and_forged_ids_do_not_make_us_ask_all_day(tenant: Tenant) -> None:
    now = [0.0]
    keys = SigningKeys(f"{tenant.url}/keys", clock=lambda: now[0])
    keys.key("one")
    for _ in range(5):
        with pytest.raises(BadToken):
            keys.key("forged")
    assert len(tenant.asked) == 1
    tenant.new_key("two")
    now[0] = 31.0
    assert keys.key("two").key_id == "two"
    assert len(tenant.asked) == 2


def test_a_key_that_is_withdrawn_counts_for_an_hour_at_most(tenant: Tenant) -> None:
    now = [0.0]
    keys = SigningKeys(f"{tenant.url}/keys", clock=lambda: now[0])
    tenant.new_key("withdrawn")
    keys.key("withdrawn")
    del tenant.keys["withdrawn"]
    now[0] = 3599.0
    keys.key("withdrawn")
    now[0] = 3601.0
    with pytest.raises(BadToken):
        keys.key("withdrawn")


def test_known_keys_outlive_an_outage_and_without_any_nothing_is_known(tenant: Tenant) -> None:
    now = [0.0]
    keys = SigningKeys(f"{tenant.url}/keys", clock=lambda: now[0])
    keys.key("one")
    tenant.status = 500
    now[0] = 4000.0
    assert keys.key("one").key_id == "one"
    with pytest.raises(Unverifiable):
        SigningKeys(f"{tenant.url}/keys").key("one")


def test_guids_in_upper_case_are_the_same(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTRA_TENANT_ID", TENANT_OF_LETTERS.upper())
    monkeypatch.setenv("CALLERS", json.dumps({"people": {"entra": [OID.upper()]}}))
    app.settings.cache_clear()
    issuer = f"{tenant.url}/{TENANT_OF_LETTERS}/v2.0"
    caller = app.settings().caller(f"entra:{object_id(tenant.token(iss=issuer))}")
    assert caller is app.settings().callers["people"]
