"""Nobody gets anything who is not a caller, on any function that the app exports."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
import pytest

from tests.support.exported import functions
from tests.support.stacks import Client
from tests.support.watched import MEMBER, Watched

PUBLIC = {"health", "docs", "openapi"}
"""The functions that answer anybody. Whoever adds one says so here."""

FALLBACK = "z_fallback"
"""It only says that something does not exist."""

UNLISTED = "11111111-2222-4333-8444-555555555555"

BEHIND_THE_HOST = {
    "orchestrationTrigger",
    "activityTrigger",
    "timerTrigger",
    "eventGridTrigger",
}
"""Triggers that the host itself guards (system key, master key) or that have no address at all."""


@dataclass(frozen=True)
class Operation:
    """One method of one HTTP function."""

    function: str
    method: str
    route: str

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    @property
    def names_a_video(self) -> bool:
        return "{video_id}" in self.route

    def url(self, origin: str, video_id: str) -> str:
        filled = self.route.replace("{video_id}", video_id)
        return f"{origin}/{re.sub(r'{[^}]*}', 'sora-2', filled)}"


FUNCTIONS = functions()
GUARDED = [
    Operation(each.name, method, each.route)
    for each in FUNCTIONS.values()
    if each.trigger == "httpTrigger" and each.name not in PUBLIC and each.name != FALLBACK
    for method in each.methods
]
ON_A_VIDEO = [operation for operation in GUARDED if operation.names_a_video]


@pytest.fixture(scope="module")
def origin(_watched: Watched) -> str:
    return _watched.stack.api.removesuffix("/openai/v1")


@pytest.fixture(scope="module")
def mine(_watched: Watched) -> tuple[Client, str]:
    """The owner and its finished video."""
    owner = _watched.client(_watched.owner)
    made = owner.create(prompt="a fox that nobody else may see")
    assert owner.wait(made["id"])["status"] == "completed"
    return owner, made["id"]


def ask(operation: Operation, url: str, headers: dict[str, str]) -> httpx.Response:
    """A request that would work with the right key, but for the body: it is read too early by
    whoever answers anything but 401."""
    body = b"{ not json" if operation.method in ("POST", "PUT", "PATCH") else None
    return httpx.request(
        operation.method,
        url,
        headers={"content-type": "application/json", **headers},
        content=body,
        timeout=60,
        trust_env=False,
    )


def turned_away(operation: Operation, answer: httpx.Response) -> bool:
    if answer.status_code != 401 or answer.headers["www-authenticate"] != "Bearer":
        return False
    return operation.method == "HEAD" or answer.json()["error"]["type"] == "authentication_error"


def principal() -> dict[str, str]:
    """What App Service's authentication would add, and what anybody can send."""
    claims = {
        "auth_typ": "aad",
        "claims": [
            {"typ": "http://schemas.microsoft.com/identity/claims/objectidentifier", "val": MEMBER}
        ],
    }
    return {
        "X-MS-CLIENT-PRINCIPAL": base64.b64encode(json.dumps(claims).encode()).decode(),
        "X-MS-CLIENT-PRINCIPAL-ID": MEMBER,
        "X-MS-CLIENT-PRINCIPAL-NAME": "owner",
        "X-MS-CLIENT-PRINCIPAL-IDP": "aad",
        "X-MS-TOKEN-AAD-ACCESS-TOKEN": "anything",
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


Credential = Callable[[Watched], dict[str, str]]
OTHER_TENANT = "00000000-0000-4000-8000-000000000000"
HOUR = 3600
NOWHERE = "video_01a1fdd079b0eb952318beb45afe19bd"
"""An id of a video that never was."""

STRANGERS: dict[str, Credential] = {
    "nothing": lambda w: {},
    "a wrong key": lambda w: bearer("wrong-key"),
    "a wrong key in api-key": lambda w: {"api-key": "wrong-key"},
    "an empty key": lambda w: {"Authorization": "Bearer", "api-key": ""},
    "the beginning of a key": lambda w: bearer(w.owner[:-1]),
    "a key and more": lambda w: bearer(w.owner + "x"),
    "the key as another scheme": lambda w: {"Authorization": f"Basic {basic(f'owner:{w.owner}')}"},
    "the key as a cookie": lambda w: {"Cookie": f"api-key={w.owner}"},
    "the stored hash of a key": lambda w: bearer(
        json.loads(w.stack.settings["CALLERS"])["owner"]["key_sha256"][0]
    ),
    "the upstream's key": lambda w: bearer(w.upstream_key),
    "the name of a caller": lambda w: bearer("owner"),
    "the object id of a caller": lambda w: bearer(MEMBER),
    "a forged principal": lambda w: principal(),
    "a forged principal and a wrong key": lambda w: {**principal(), **bearer("wrong-key")},
    "an expired token": lambda w: bearer(
        w.tenant.token(MEMBER, iat=time.time() - 2 * HOUR, exp=time.time() - HOUR)
    ),
    "a token of tomorrow": lambda w: bearer(w.tenant.token(MEMBER, nbf=time.time() + HOUR)),
    "a token that never expires": lambda w: bearer(w.tenant.token(MEMBER, exp=None)),
    "a token for another audience": lambda w: bearer(
        w.tenant.token(MEMBER, aud="https://management.azure.com")
    ),
    "a token of another tenant": lambda w: bearer(
        w.tenant.token(MEMBER, iss=f"{w.tenant.authority}/{OTHER_TENANT}/v2.0")
    ),
    "a token with alg none": lambda w: bearer(w.tenant.unsigned_token(MEMBER)),
    "a token signed with the public key": lambda w: bearer(w.tenant.symmetric_token(MEMBER)),
    "a token that somebody else signed": lambda w: bearer(w.tenant.strangers_token(MEMBER)),
    "a token whose owner is not listed": lambda w: bearer(w.tenant.token(UNLISTED)),
    "a token without an owner": lambda w: bearer(w.tenant.token("")),
    "a token in api-key": lambda w: {"api-key": w.tenant.token(MEMBER)},
}


def test_every_function_is_accounted_for() -> None:
    """A new function is guarded, or somebody has said that it is public; nothing lies between."""
    assert {each.trigger for each in FUNCTIONS.values()} - {"httpTrigger"} <= BEHIND_THE_HOST
    assert {"health", FALLBACK} <= set(FUNCTIONS)
    assert {operation.function for operation in GUARDED} >= {"create_video", "get_video_content"}
    assert {str(operation) for operation in ON_A_VIDEO} >= {
        "GET openai/v1/videos/{video_id}",
        "DELETE openai/v1/videos/{video_id}",
        "GET openai/v1/videos/{video_id}/content",
        "HEAD openai/v1/videos/{video_id}/content",
        "POST openai/v1/videos/{video_id}/remix",
        "POST openai/v1/videos/{video_id}/cancel",
    }


def test_the_host_serves_the_functions_that_were_counted(origin: str) -> None:
    listed = httpx.get(f"{origin}/admin/functions", trust_env=False).json()
    served = {
        function["name"]
        for function in listed
        if any(binding["type"] == "httpTrigger" for binding in function["config"]["bindings"])
    }
    counted = {operation.function for operation in GUARDED} | PUBLIC | {FALLBACK}
    assert served <= counted
    assert {operation.function for operation in GUARDED} <= served


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_strangers_are_turned_away_everywhere(
    watched: Watched, mine: tuple[Client, str], origin: str, operation: Operation
) -> None:
    url = operation.url(origin, mine[1])
    wrong = {}
    for name, credential in STRANGERS.items():
        answer = ask(operation, url, credential(watched))
        if not turned_away(operation, answer) or mine[1] in answer.text:
            wrong[name] = (answer.status_code, answer.text[:200])
    assert wrong == {}
    # and it was the credential that was wrong, not the request
    known = ask(operation, operation.url(origin, NOWHERE), bearer(watched.owner))
    assert known.status_code not in (401, 403, 500)


@pytest.mark.parametrize("operation", ON_A_VIDEO, ids=str)
@pytest.mark.parametrize("who", ["another key", "another key as api-key", "a member's token"])
def test_another_callers_video_is_simply_not_there(
    watched: Watched, mine: tuple[Client, str], origin: str, operation: Operation, who: str
) -> None:
    credential = {
        "another key": bearer(watched.other),
        "another key as api-key": {"api-key": watched.other},
        "a member's token": bearer(watched.tenant.token(MEMBER)),
    }[who]
    owner, video_id = mine
    before = owner.get(video_id)
    # one that never was, which looks the same but for its last letter
    nowhere = video_id[:-1] + ("0" if video_id[-1] != "0" else "1")
    answers = []
    for asked in (video_id, nowhere):
        answer = ask_well(operation, operation.url(origin, asked), credential)
        assert answer.status_code == 404, answer.text
        same = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("x-request-id", "date")
        }
        answers.append((answer.text.replace(asked, "ID"), same))
    assert answers[0] == answers[1]

    for query in ({"caller": "key:owner"}, {"caller": "key:owner", "stream": "true"}):
        answer = ask_well(operation, operation.url(origin, video_id), credential, query)
        assert answer.status_code in (403, 404), answer.text
    assert owner.get(video_id) == before
    content = owner.http.get(f"{owner.stack.api}/videos/{video_id}/content?stream=true")
    assert content.status_code == 200


def ask_well(
    operation: Operation,
    url: str,
    headers: dict[str, str],
    query: dict[str, str] | None = None,
) -> httpx.Response:
    """A request that works with the right key."""
    body = {"prompt": "the same fox, in my hands"} if operation.method == "POST" else None
    return httpx.request(
        operation.method,
        url,
        headers=headers,
        params=query,
        json=body,
        timeout=60,
        trust_env=False,
    )


def test_what_is_not_a_caller_does_not_appear_in_lists(
    watched: Watched, mine: tuple[Client, str]
) -> None:
    owner, video_id = mine
    assert video_id in owner.http.get(f"{owner.stack.api}/videos").text
    other = watched.client(watched.other)
    url = f"{other.stack.api}/videos"
    assert video_id not in other.http.get(url).text
    assert other.http.get(url, params={"after": video_id}).json()["data"] == []
    refused = other.http.get(url, params={"caller": "key:owner"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "not_allowed")


def test_the_keys_of_idempotency_are_each_callers_own(
    watched: Watched,
) -> None:
    videos = set()
    for key in (watched.owner, watched.other):
        answer = watched.client(key).http.post(
            f"{watched.stack.api}/videos",
            json={"prompt": "a fox"},
            headers={"Idempotency-Key": "the-same"},
        )
        assert answer.status_code == 200
        assert "idempotent-replayed" not in answer.headers
        videos.add(answer.json()["id"])
    assert len(videos) == 2


@pytest.mark.parametrize("form", ["version 2", "version 1"])
def test_a_valid_token_works(watched: Watched, form: str) -> None:
    """And its owner is somebody else than the key of the same caller."""
    tenant = watched.tenant
    changed = {
        "version 2": {},
        "version 1": {
            "iss": f"https://sts.windows.net/{tenant.claims(MEMBER)['tid']}/",
            "aud": f"api://{tenant.claims(MEMBER)['aud']}",
            "ver": "1.0",
        },
    }[form]
    member = watched.client(tenant.token(MEMBER, **changed))
    made = member.create(prompt="a fox of a member")
    video = member.wait(made["id"])
    assert video["status"] == "completed"
    content = member.http.get(video["outputs"][0]["url"], follow_redirects=True)
    assert content.status_code == 200
    assert made["id"] in member.http.get(f"{watched.stack.api}/videos").text


@pytest.mark.parametrize("name", sorted(PUBLIC & set(FUNCTIONS)))
def test_public_functions_say_nothing_of_anybody(
    watched: Watched, mine: tuple[Client, str], origin: str, name: str
) -> None:
    asked = httpx.get(f"{origin}/{FUNCTIONS[name].route}", trust_env=False)
    assert asked.status_code == 200
    for said in (mine[1], "key:owner", MEMBER, "sig=", watched.owner):
        assert said not in asked.text


@pytest.mark.parametrize("path", ["", "/nothing", "/videos/edits", "/videos/x/y/z"])
def test_the_fallback_is_the_same_for_everybody(
    watched: Watched, mine: tuple[Client, str], path: str
) -> None:
    url = f"{watched.stack.api}{path}"
    anybody = httpx.post(url, trust_env=False)
    owner = mine[0].http.post(url)
    assert anybody.status_code == owner.status_code
    assert anybody.json() == owner.json()
    assert 400 <= anybody.status_code < 500


def test_the_hosts_own_doors_are_not_the_apps(watched: Watched) -> None:
    """No durable management address, which carries a system key, is given to a caller."""
    made = watched.client(watched.owner).create(prompt="a fox")
    text = json.dumps(made)
    assert "runtime/webhooks" not in text
    assert "code=" not in text
