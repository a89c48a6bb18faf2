"""Nobody gets anything who is not a caller, on any function that the app exports."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from local.loopback import NO_TLS
from tests.support.exported import functions
from tests.support.stacks import Client
from tests.support.watched import MEMBER, Watched

PUBLIC = {"health", "docs", "openapi", "approval_page", "approval_file", "studio", "studio_asset"}
"""The functions that answer anybody. Whoever adds one says so here. The page of approvals is the
same for everybody: what it shows comes from `get_approval`."""

CALLBACK = "receive_callback"
"""It is for upstreams: callers are strangers to it, too."""

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

    def names_a(self, thing: str) -> bool:
        return f"{{{thing}_id}}" in self.route

    def url(self, origin: str, any_id: str) -> str:
        # of no deployment: the others need theirs
        filled = re.sub("{(video|file|batch|approval)_id}", any_id, self.route)
        filled = filled.replace("{deployment}", "nobody")
        return f"{origin}/{re.sub(r'{[^}]*}', 'sora-2', filled)}"


FUNCTIONS = functions()
GUARDED = [
    Operation(each.name, method, each.route)
    for each in FUNCTIONS.values()
    if each.trigger == "httpTrigger" and each.name not in {*PUBLIC, CALLBACK, FALLBACK}
    for method in each.methods
]
ON_A_VIDEO = [operation for operation in GUARDED if operation.names_a("video")]
ON_A_FILE = [operation for operation in GUARDED if operation.names_a("file")]
FOR_ADMINS = [operation for operation in GUARDED if "/deployments" in operation.route]
ON_A_BATCH = [operation for operation in GUARDED if operation.names_a("batch")]


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
        verify=NO_TLS,
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
PROMPT = {"prompt": "the same fox, in my hands"}
NEW = {"endpoint": "/v1/videos", "completion_window": "24h"}
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
    assert {str(operation) for operation in ON_A_FILE} >= {
        "GET openai/v1/files/{file_id}",
        "DELETE openai/v1/files/{file_id}",
        "GET openai/v1/files/{file_id}/content",
    }
    assert {str(operation) for operation in ON_A_BATCH} >= {
        "GET openai/v1/batches/{batch_id}",
        "POST openai/v1/batches/{batch_id}/cancel",
        "POST openai/v1/batches/{batch_id}/pause",
        "POST openai/v1/batches/{batch_id}/resume",
        "POST openai/v1/batches/{batch_id}/retry",
    }
    assert {str(operation) for operation in FOR_ADMINS} == {
        "GET openai/v1/deployments",
        "POST openai/v1/deployments/{deployment}/pause",
        "POST openai/v1/deployments/{deployment}/resume",
    }


def test_the_host_serves_the_functions_that_were_counted(origin: str) -> None:
    listed = httpx.get(f"{origin}/admin/functions", trust_env=False, verify=NO_TLS).json()
    served = {
        function["name"]
        for function in listed
        if any(binding["type"] == "httpTrigger" for binding in function["config"]["bindings"])
    }
    counted = {operation.function for operation in GUARDED} | PUBLIC | {CALLBACK, FALLBACK}
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
    right = watched.boss if operation in FOR_ADMINS else watched.owner
    known = ask(operation, operation.url(origin, NOWHERE), bearer(right))
    assert known.status_code not in (401, 403, 500)


@pytest.mark.parametrize("name", ["nothing", "a wrong key", "a token whose owner is not listed"])
def test_strangers_learn_nothing_of_an_approval(watched: Watched, origin: str, name: str) -> None:
    """Nor do other callers, of one that is there."""
    fox = "a dear fox that nobody else may see"
    asked = httpx.post(
        f"{origin}/openai/v1/videos",
        json={"prompt": fox, "seconds": "8"},
        headers={**bearer(watched.asking), "idempotency-key": "dear"},
        trust_env=False,
        verify=NO_TLS,
    )
    approval = asked.json()["error"]["approval"]
    page = httpx.get(approval["url"], trust_env=False, verify=NO_TLS)
    assert page.status_code == 200
    assert fox not in page.text
    address = f"{origin}/openai/v1/approvals/{approval['id']}"
    given = {"estimated": approval["estimated"]}
    for credential, status in (
        (STRANGERS[name](watched), 401),
        *((each, 404) for each in credentials(watched).values() if name == "nothing"),
        (bearer(watched.asking), 403),
    ):
        seen = httpx.get(address, headers=credential, trust_env=False, verify=NO_TLS)
        approved = httpx.post(
            f"{address}/approve", json=given, headers=credential, trust_env=False, verify=NO_TLS
        )
        assert approved.status_code == status
        assert (fox in seen.text) is (status == 403)
    shown = httpx.get(address, headers=bearer(watched.owner), trust_env=False, verify=NO_TLS)
    assert shown.json()["status"] == "pending"


@pytest.mark.parametrize("operation", FOR_ADMINS, ids=str)
def test_what_is_for_admins_tells_other_callers_only_that(
    watched: Watched, origin: str, operation: Operation
) -> None:
    """The same for a deployment that there is and for one that there is not."""
    answers = set()
    nowhere = operation.url(origin, NOWHERE)
    for url in (nowhere, nowhere.replace("nobody", "sora-2")):
        for headers in (bearer(watched.owner), bearer(watched.tenant.token(MEMBER))):
            answer = ask(operation, url, headers)
            answers.add((answer.status_code, answer.json()["error"]["code"], answer.text))
    ((status, code, text),) = answers
    assert (status, code) == (403, "not_allowed")
    assert "sora" not in text


def test_only_an_upstream_that_signs_is_heard(
    watched: Watched, mine: tuple[Client, str], origin: str
) -> None:
    """Whoever else knows a job gets the same answer as who knows none, with any credential."""
    owner, video_id = mine
    journal = httpx.get(f"{watched.stack.simulator_url}/_sim/journal", trust_env=False).json()
    (job,) = [
        each["id"]
        for each in journal["jobs"]
        if each["request"]["headers"]["x-ms-client-request-id"].startswith(video_id)
    ]
    called = [each for each in journal["callbacks"] if each["job"] == job]
    assert [each["status"] for each in called] == [204], "its own upstream was heard"
    credentials = [credential(watched) for credential in STRANGERS.values()]
    credentials.append(bearer(watched.owner))
    answers = set()
    for headers in credentials:
        for named, deployment in ((job, "sora-2"), ("video_of_nobody", "sora-2"), (job, "sora")):
            answer = httpx.post(
                f"{origin}/openai/v1/callbacks/{deployment}",
                headers=headers,
                json={"type": "video.completed", "data": {"id": named}},
                trust_env=False,
            )
            assert job not in answer.text
            answers.add((deployment, answer.status_code, answer.json()["error"]["code"]))
    assert answers == {("sora-2", 401, "bad_signature"), ("sora", 404, "unknown_callback")}
    assert owner.get(video_id)["status"] == "completed"


def credentials(watched: Watched) -> dict[str, dict[str, str]]:
    """Of callers who are not the owner."""
    return {
        "another key": bearer(watched.other),
        "another key as api-key": {"api-key": watched.other},
        "a member's token": bearer(watched.tenant.token(MEMBER)),
    }


@pytest.mark.parametrize("operation", ON_A_VIDEO, ids=str)
@pytest.mark.parametrize("who", ["another key", "another key as api-key", "a member's token"])
def test_another_callers_video_is_simply_not_there(
    watched: Watched, mine: tuple[Client, str], origin: str, operation: Operation, who: str
) -> None:
    credential = credentials(watched)[who]
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


@pytest.mark.parametrize("operation", ON_A_FILE, ids=str)
@pytest.mark.parametrize("who", ["another key", "another key as api-key", "a member's token"])
def test_another_callers_file_is_simply_not_there(
    watched: Watched, mine: tuple[Client, str], origin: str, operation: Operation, who: str
) -> None:
    credential = credentials(watched)[who]
    owner = mine[0]
    url = f"{owner.stack.api}/files"
    sent = {"file": ("fox.jsonl", b"a fox that nobody else may see")}
    file = owner.http.post(url, data={"purpose": "batch"}, files=sent).json()
    nowhere = file["id"][:-1] + ("0" if file["id"][-1] != "0" else "1")
    answers = set()
    for asked in (file["id"], nowhere):
        answer = ask_well(operation, operation.url(origin, asked), credential)
        assert answer.status_code == 404, answer.text
        answers.add(answer.text.replace(asked, "ID"))
    assert len(answers) == 1
    for query in ({"caller": "key:owner"}, {"after": file["id"]}):
        answer = httpx.get(url, params=query, headers=credential, trust_env=False, verify=NO_TLS)
        assert file["id"] not in answer.text
    video = {"prompt": "a fox", "input_reference": {"file_id": file["id"]}}
    refused = httpx.post(
        f"{owner.stack.api}/videos", json=video, headers=credential, trust_env=False, verify=NO_TLS
    )
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "input_reference")
    assert "you have no file" in refused.json()["error"]["message"]
    assert owner.http.get(f"{url}/{file['id']}").json() == file
    assert owner.http.get(f"{url}/{file['id']}/content").content == sent["file"][1]


@pytest.fixture(scope="module")
def film(_watched: Watched) -> tuple[Client, dict[str, Any]]:
    """The owner and its batch, whose budget does not reach for its only line: so it has ended, and
    could be retried."""
    owner = _watched.client(_watched.owner)
    url = f"{owner.stack.api}/batches"
    line = {"custom_id": "fox", "body": {"prompt": "a fox that nobody else may see"}}
    sent = {"file": ("film.jsonl", json.dumps(line).encode())}
    file = owner.http.post(f"{owner.stack.api}/files", data={"purpose": "batch"}, files=sent).json()
    made = owner.http.post(url, json={**NEW, "input_file_id": file["id"], "budget_usd": 0.01})
    assert made.status_code == 200, made.text
    limit = time.monotonic() + 60
    while (batch := owner.http.get(f"{url}/{made.json()['id']}").json())["status"] != "completed":
        assert time.monotonic() < limit, batch
        time.sleep(0.1)
    return owner, batch


@pytest.mark.parametrize("operation", ON_A_BATCH, ids=str)
@pytest.mark.parametrize("who", ["another key", "another key as api-key", "a member's token"])
def test_another_callers_batch_is_simply_not_there(
    watched: Watched,
    film: tuple[Client, dict[str, Any]],
    origin: str,
    operation: Operation,
    who: str,
) -> None:
    credential = credentials(watched)[who]
    owner, batch = film
    nowhere = batch["id"][:-1] + ("0" if batch["id"][-1] != "0" else "1")
    answers = set()
    for asked in (batch["id"], nowhere):
        answer = ask_well(operation, operation.url(origin, asked), credential, body={})
        assert answer.status_code == 404, answer.text
        answers.add(answer.text.replace(asked, "ID"))
    assert len(answers) == 1
    assert owner.http.get(f"{owner.stack.api}/batches/{batch['id']}").json() == batch


@pytest.mark.parametrize("who", ["another key", "another key as api-key", "a member's token"])
def test_what_is_in_another_callers_batch_is_out_of_reach(
    watched: Watched, film: tuple[Client, dict[str, Any]], who: str
) -> None:
    """Its lines as the input of one's own batch, its results, its place in lists."""
    owner, batch = film
    with httpx.Client(headers=credentials(watched)[who], trust_env=False, verify=NO_TLS) as http:
        url = f"{owner.stack.api}/batches"
        stolen = http.post(url, json={**NEW, "input_file_id": batch["input_file_id"]})
        assert (stolen.status_code, stolen.json()["error"]["param"]) == (400, "input_file_id")
        assert "you have no file" in stolen.json()["error"]["message"]
        for result in (batch["input_file_id"], batch["error_file_id"], batch["table_file_id"]):
            content = http.get(f"{owner.stack.api}/files/{result}/content")
            assert content.status_code == 404
        for query in ({"caller": "key:owner"}, {"after": batch["id"]}):
            assert batch["id"] not in http.get(url, params=query).text
    assert batch["id"] in owner.http.get(url).text


def ask_well(
    operation: Operation,
    url: str,
    headers: dict[str, str],
    query: dict[str, str] | None = None,
    body: Mapping[str, str] = PROMPT,
) -> httpx.Response:
    """A request that works with the right key."""
    return httpx.request(
        operation.method,
        url,
        headers=headers,
        params=query,
        json=body if operation.method == "POST" else None,
        timeout=60,
        trust_env=False,
        verify=NO_TLS,
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
    path = FUNCTIONS[name].route.replace("{name}", "page.js").replace("{asset}", "worker.js")
    asked = httpx.get(f"{origin}/{path}", trust_env=False, verify=NO_TLS)
    assert asked.status_code == 200
    for said in (mine[1], "key:owner", MEMBER, "sig=", watched.owner):
        assert said not in asked.text


@pytest.mark.parametrize("path", ["", "/nothing", "/videos/edits", "/videos/x/y/z"])
def test_the_fallback_is_the_same_for_everybody(
    watched: Watched, mine: tuple[Client, str], path: str
) -> None:
    url = f"{watched.stack.api}{path}"
    anybody = httpx.post(url, trust_env=False, verify=NO_TLS)
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
