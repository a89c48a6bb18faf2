"""Entra's sign-in on loopback, over TLS as browsers want it: the authorization code flow with PKCE,
and refresh tokens. Nobody is asked anything: whoever comes is the member."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.tenant import AUDIENCE, TENANT_ID, Tenant

MEMBER = "0e1d2c3b-4a59-4687-8776-655443322110"
"""Who signs in: an object id."""


@dataclass
class SignIn:
    """What the tenant does, and what was asked of it."""

    tenant: Tenant
    certificate: Path
    """What the tenant's server is known by, as PEM."""
    lifetime: int = 3600
    """Seconds of an access token, as its answer says."""
    ended: bool = False
    """Whether refresh tokens are refused: the member has to sign in again."""
    denies: bool = False
    grants: list[str] = field(default_factory=list)
    """The grant type of every token that was issued."""
    authorized: list[dict[str, str]] = field(default_factory=list)
    """The query of every authorization."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def authorize(self, query: dict[str, str]) -> str:
        """Where the browser is sent back to."""
        self.authorized.append(query)
        if self.denies:
            said = {"error": "access_denied", "error_description": "AADSTS65004: <b>Declined.</b>"}
            return f"{query['redirect_uri']}#{urlencode({**said, 'state': query['state']})}"
        code = secrets.token_urlsafe(24)
        self.codes[code] = query
        back = {"code": code, "state": query["state"], "client_info": _client_info()}
        return f"{query['redirect_uri']}#{urlencode(back)}"

    def grant(self, form: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer to a request for tokens."""
        kind = form["grant_type"]
        if kind == "authorization_code":
            asked = self.codes.pop(form["code"])
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if (asked["code_challenge_method"], asked["code_challenge"]) != ("S256", challenge):
                return 400, _refusal("AADSTS501481: the code verifier does not fit the challenge.")
        elif self.ended:
            return 400, _refusal("AADSTS70043: The refresh token has expired.")
        else:
            asked = {}
        self.grants.append(kind)
        claims = {"preferred_username": "member@example.com", "name": "A member"}
        if "nonce" in asked:
            claims["nonce"] = asked["nonce"]
        return 200, {
            "token_type": "Bearer",
            "scope": f"{AUDIENCE}/user_impersonation {AUDIENCE}/.default",
            "expires_in": self.lifetime,
            "ext_expires_in": self.lifetime,
            "access_token": self.tenant.token(MEMBER),
            "refresh_token": secrets.token_urlsafe(32),
            "id_token": self.tenant.token(MEMBER, **claims),
            "client_info": _client_info(),
        }

    def metadata(self) -> dict[str, str]:
        base = f"{self.tenant.authority}/{TENANT_ID}"
        return {
            "issuer": f"{base}/v2.0",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
        }


@contextmanager
def signing_in(folder: Path) -> Iterator[SignIn]:
    """A tenant where the member can sign in while this is open; its certificate is in `folder`."""
    certificate, key = _certificate(folder)
    state = SignIn(Tenant(""), certificate)
    server = _Server(("127.0.0.1", 0), partial(_Handler, state))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.tenant.authority = f"https://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *args: Any) -> None:
        """Say nothing: a browser tries a connection before it is told to trust the certificate."""


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, state: SignIn, *args: Any) -> None:
        self._state = state
        super().__init__(*args)

    def do_OPTIONS(self) -> None:
        self._answer(200, {})

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/authorize"):
            self.send_response(302)
            self.send_header("location", self._state.authorize(_flat(parts.query)))
            self.end_headers()
        elif parts.path.endswith("/openid-configuration"):
            self._answer(200, self._state.metadata())
        elif parts.path.endswith("/keys"):
            self._answer(200, self._state.tenant.published())
        else:
            self._answer(404, {})

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        self._answer(*self._state.grant(_flat(self.rfile.read(length).decode())))

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.send_header("access-control-allow-origin", "*")
        self.send_header("access-control-allow-headers", "*")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


def _flat(text: str) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(text).items()}


def _client_info() -> str:
    told = json.dumps({"uid": MEMBER, "utid": TENANT_ID}).encode()
    return base64.urlsafe_b64encode(told).rstrip(b"=").decode()


def _refusal(why: str) -> dict[str, Any]:
    return {"error": "invalid_grant", "error_description": why, "suberror": "", "error_codes": []}


def _certificate(folder: Path) -> tuple[Path, Path]:
    """For 127.0.0.1, signed by itself: the files of the certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a tenant on loopback")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "tenant.pem", folder / "tenant-key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files
