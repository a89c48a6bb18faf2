"""The SDK's durable client, method by method, and the API that it speaks to."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .conftest import Client

APP = "durable_client"
ENVIRON = {"HUB": "TheHub"}

MANAGEMENT = "/runtime/webhooks/durabletask"


def call(client: "Client", method: str, *arguments: Any) -> Any:
    response = client.post(f"/api/call/{method}", json=arguments)
    assert response.status_code == 200, client.host.log[-3000:]
    return response.json()


def test_start_status_and_duplicates(client: "Client") -> None:
    assert call(client, "start_new", "shows_event", "one", {"a": 1}) == "one"
    client.wait("one", "Running")
    status = call(client, "get_status", "one", True, True, True)
    assert status["runtimeStatus"] == "Running"
    assert status["input"] == '{"a": 1}'
    assert status["history"] is None  # SDK 1.7.0 looks for it under another name
    raised = call(client, "start_new", "shows_event", "one")["raised"]
    assert "An Orchestration instance with the status Running already exists." in raised
    assert call(client, "raise_event", "one", "event", None) is None
    client.wait("one")
    assert call(client, "start_new", "shows_event", "one") == "one"
    assert call(client, "terminate", "one", "over") is None


def test_what_is_not_there(client: "Client") -> None:
    assert call(client, "get_status", "missing") is None
    assert call(client, "raise_event", "missing", "event") == {
        "raised": "No instance with ID missing found."
    }
    assert call(client, "terminate", "missing", "x") == {
        "raised": "No instance with ID 'missing' found."
    }
    assert call(client, "purge_instance_history", "missing") == 0
    assert call(client, "rewind", "missing", "x") == {
        "raised": "No instance with ID missing found."
    }


def test_what_has_ended(client: "Client") -> None:
    call(client, "start_new", "shows_input", "ended", 5)
    client.wait("ended")
    assert "is gone" in call(client, "raise_event", "ended", "event")["raised"]
    assert call(client, "terminate", "ended", "x") is None  # 410 is well with the SDK
    assert call(client, "suspend", "ended", "x") is None
    assert call(client, "rewind", "ended", "x")["raised"] == (
        'This orchestration has status Completed, but only orchestrations in the "Failed" state can'
        " be rewound."
    )
    assert call(client, "purge_instance_history", "ended") == 1
    assert call(client, "get_status", "ended") is None


def test_purging_what_runs_is_refused(client: "Client") -> None:
    call(client, "start_new", "shows_event", "running")
    assert "412" in call(client, "purge_instance_history", "running")["raised"]
    call(client, "terminate", "running", "over")


def test_suspend_and_resume(client: "Client") -> None:
    call(client, "start_new", "shows_event", "suspended")
    call(client, "suspend", "suspended", "a while")
    status = client.wait("suspended", "Suspended")
    assert status["output"] == "a while"
    assert client.get(client.instance("suspended")).status_code == 202
    call(client, "raise_event", "suspended", "event", 1)
    time.sleep(0.1)
    assert client.status("suspended")["runtimeStatus"] == "Suspended"
    assert client.post(client.instance("suspended", "/suspend")).status_code == 500
    call(client, "resume", "suspended", "again")
    assert client.wait("suspended")["output"] == ["str", "1"]


def test_restart(client: "Client") -> None:
    call(client, "start_new", "shows_input", "first", {"n": 1})
    client.wait("first")
    links = call(client, "restart", "first")  # SDK 1.7.0 returns the whole answer
    assert client.wait(links["id"])["output"] == ["dict", {"n": 1}]
    assert links["id"] != "first"
    assert call(client, "restart", "first", False)["id"] == "first"
    assert "Failed" not in client.wait("first")["runtimeStatus"]
    assert "400" in call(client, "restart", "missing")["raised"]


def test_queries(client: "Client") -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    for n in range(3):
        call(client, "start_new", "shows_input", f"query-{n}", n)
        client.wait(f"query-{n}")
    call(client, "start_new", "shows_event", "query-running")
    client.wait("query-running", "Running")
    parameters = {"since": since.isoformat(), "status": "Completed"}
    found = client.get("/api/query", params=parameters).json()
    assert {"query-0", "query-1", "query-2"} <= set(found["found"])
    assert "query-running" not in found["found"]
    assert client.get("/api/query", params={**parameters, "status": "Running"}).json()["found"] == [
        "query-running"
    ]
    assert client.post("/api/purge_by", params=parameters).json() >= 3
    assert client.get("/api/query", params=parameters).json()["found"] == []
    call(client, "terminate", "query-running", "over")


def test_pages(client: "Client") -> None:
    for n in range(5):
        client.start("shows_input", n, f"page-{n}")
        client.wait(f"page-{n}")
    url = f"{MANAGEMENT}/instances"
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        response = client.get(
            url,
            params={"instanceIdPrefix": "page-", "top": "2"},
            headers={"x-ms-continuation-token": token},
        )
        assert response.status_code == 200
        assert len(response.json()) <= 2
        seen += [item["instanceId"] for item in response.json()]
        token = response.headers.get("x-ms-continuation-token")
    assert seen == [f"page-{n}" for n in range(5)]


def test_versions(client: "Client") -> None:
    call(client, "start_new", "shows_version", "v-given", None, "2.5")
    call(client, "start_new", "shows_version", "v-default")
    assert client.wait("v-given")["output"] == "2.5"
    assert client.wait("v-default")["output"] == "1.0"


def test_management_payload(client: "Client") -> None:
    payload = client.get("/api/payload/some id").json()
    assert payload["id"] == "some id"
    # Made from WEBSITE_HOSTNAME, which always has a certificate on Azure.
    origin = str(client.base_url).replace("http:", "https:")
    assert payload["statusQueryGetUri"].startswith(f"{origin}{MANAGEMENT}/instances/some id?")
    assert "taskHub=TheHub" in payload["sendEventPostUri"]


VALUES = [{"a": [1, {"b": None}]}, [1, "x"], "text", '{"not": "parsed"}', 7, 1.5, True, "", [], 0]


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_a_value_reaches_every_function_as_it_is(client: "Client", value: Any) -> None:
    kind = type(value).__name__
    [instance_id] = client.post("/api/start_all_kinds", json=[value]).json()
    assert client.wait(instance_id)["output"] == [kind, value]
    for name in ("shows_depths",):
        status = client.run(name, value)
        assert status["output"] == [[kind, value]] * 3
    assert client.run("shows_depth_after_renewal", value)["output"] == [kind, value]


def test_no_value_is_none(client: "Client") -> None:
    [instance_id] = client.post("/api/start_all_kinds", json=[None]).json()
    assert client.wait(instance_id)["output"] == ["NoneType", None]


def test_a_raw_object_posted_to_the_webhook(client: "Client") -> None:
    url = f"{MANAGEMENT}/orchestrators/shows_input"
    started = client.post(url, json={"a": 1}).json()["id"]
    status = client.wait(started)
    assert status["output"] == ["dict", {"a": 1}]
    assert status["input"] == {"a": 1}
    assert client.post(url, content="{").status_code == 400


def test_a_raw_array_posted_to_the_webhook_fails_in_the_sdk(client: "Client") -> None:
    started = client.post(f"{MANAGEMENT}/orchestrators/shows_input", json=[1]).json()["id"]
    assert client.wait(started)["runtimeStatus"] == "Failed"


def test_event_data_by_the_client_is_a_string_and_raw_data_is_not(client: "Client") -> None:
    """azure-functions-durable-python#295; the real host does the same."""
    call(client, "start_new", "shows_event", "by-client")
    call(client, "raise_event", "by-client", "event", {"x": 1})
    assert client.wait("by-client")["output"] == ["str", '{"x": 1}']
    started = client.start("shows_event")
    client.raise_event(started, "event", {"x": 1})
    assert client.wait(started)["output"] == ["dict", {"x": 1}]


def test_events_must_be_json(client: "Client") -> None:
    started = client.start("shows_event")
    url = client.instance(started, "/raiseEvent/event")
    assert client.post(url, content="x").status_code == 400
    headers = {"Content-Type": "application/json"}
    assert client.post(url, content="{", headers=headers).status_code == 400
    assert client.post(url, content="", headers=headers).status_code == 400
    client.post(client.instance(started, "/terminate"))


def test_an_activity_with_a_durable_client(client: "Client") -> None:
    waiting = client.start("shows_event")
    assert client.run("wakes_another", waiting)["output"] == waiting
    assert client.wait(waiting)["output"] == ["str", '{"from": "activity"}']


def test_call_http(client: "Client") -> None:
    url = f"{client.base_url}/api/target"
    assert client.run("calls_http", str(url))["output"] == [201, "got 1"]
    assert client.run("calls_http", "http://127.0.0.1:1/")["runtimeStatus"] == "Failed"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "orchestrators/nobody", 202),
        ("POST", "orchestrators/shows_input/@id", 202),
        ("GET", "orchestrators/shows_input", 404),
        ("GET", "instances/missing", 404),
        ("DELETE", "instances/missing", 404),
        ("DELETE", "instances", 400),
        ("DELETE", "instances?createdTimeFrom=2100-01-01", 404),
        ("PUT", "instances", 404),
        ("POST", "instances/missing/terminate", 404),
        ("POST", "instances/missing/suspend", 404),
        ("POST", "instances/missing/resume", 404),
        ("POST", "instances/missing/rewind", 404),
        ("POST", "instances/missing/restart", 400),
        ("POST", "instances/missing/raiseEvent/e", 404),
        ("POST", "instances/ended-for-statuses/terminate", 410),
        ("POST", "instances/ended-for-statuses/suspend", 410),
        ("POST", "instances/ended-for-statuses/resume", 410),
        ("POST", "instances/ended-for-statuses/rewind", 412),
        ("POST", "instances/ended-for-statuses/raiseEvent/e", 410),
        ("POST", "instances/failed-for-statuses/rewind", 202),
        ("POST", "INSTANCES/ended-for-statuses/Terminate", 410),
        ("POST", "instances/ended-for-statuses/dance", 404),
        ("GET", "entities/mirror/missing", 404),
        ("POST", "entities/nobody/k?op=x", 400),
        ("GET", "elsewhere", 404),
        ("GET", "", 404),
    ],
)
def test_statuses(client: "Client", method: str, path: str, status: int) -> None:
    if "for-statuses" in path:
        client.start("shows_input", 1, "ended-for-statuses")
        client.wait("ended-for-statuses")
        url = f"{MANAGEMENT}/orchestrators/shows_input/failed-for-statuses"
        client.post(url, json=[1])
        assert client.wait("failed-for-statuses")["runtimeStatus"] == "Failed"
    response = client.request(method, f"{MANAGEMENT}/{path}")
    assert response.status_code == status, response.text
