"""The quickstart's app: HTTP starter, chaining, fan-out; the links of the check-status response."""

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "quickstart"
GREETINGS = ["Hello Seattle", "Hello Tokyo", "Hello London"]


def test_start_and_follow_the_location(client: "Client") -> None:
    started = client.post("/api/orchestrators/hello_orchestrator")
    assert started.status_code == 202
    assert started.headers["retry-after"] == "10"
    links = started.json()
    assert started.headers["location"] == links["statusQueryGetUri"]
    assert set(links) == {
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "rewindPostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "suspendPostUri",
        "resumePostUri",
    }
    while (response := client.get(started.headers["location"])).status_code == 202:
        assert response.headers["retry-after"] == "5"
        assert response.headers["location"] == links["statusQueryGetUri"]
        time.sleep(0.01)
    assert response.status_code == 200
    status = response.json()
    assert status["output"] == GREETINGS
    assert status["name"] == "hello_orchestrator"
    assert status["input"] is None
    assert status["customStatus"] is None
    assert len(status["createdTime"]) == len("2030-01-01T00:00:00Z")


def test_fan_out(client: "Client") -> None:
    assert client.run("fan_out_orchestrator")["output"] == GREETINGS


def test_wait_for_completion(client: "Client") -> None:
    response = client.get("/api/wait/hello_orchestrator")
    assert response.status_code == 200
    assert response.json() == GREETINGS


def test_the_webhook_waits_too(client: "Client") -> None:
    response = client.post(
        "/runtime/webhooks/durabletask/orchestrators/hello_orchestrator",
        params={"timeout": "5", "pollingInterval": "0.02"},
    )
    assert response.status_code == 200
    assert response.json() == GREETINGS


def test_names_are_compared_without_case(client: "Client") -> None:
    assert client.run("HELLO_Orchestrator")["output"] == GREETINGS


def test_what_runs_here(client: "Client") -> None:
    assert client.get("/admin/host/status").json()["state"] == "Running"
    functions = client.get("/admin/functions").json()
    triggers = {
        function["name"]: binding["type"]
        for function in functions
        for binding in function["config"]["bindings"]
        if binding["type"].endswith("Trigger")
    }
    assert triggers == {
        "http_start": "httpTrigger",
        "http_wait": "httpTrigger",
        "hello_orchestrator": "orchestrationTrigger",
        "fan_out_orchestrator": "orchestrationTrigger",
        "hello": "activityTrigger",
    }
    [started] = [f["invoke_url_template"] for f in functions if f["name"] == "http_start"]
    assert started.endswith("/api/orchestrators/{functionname}")


def test_an_answer_does_not_wait_for_an_acknowledgement(client: "Client") -> None:
    """Nagle's algorithm and delayed acknowledgements would cost 40 ms each."""
    took = []
    for _n in range(50):
        started = time.monotonic()
        client.get("/admin/host/status")
        took.append(time.monotonic() - started)
    assert min(took) < 0.03


def test_one_log_line_for_each_invocation(client: "Client") -> None:
    instance_id = client.start("fan_out_orchestrator")
    client.wait(instance_id)
    lines = [line for line in client.host.log.splitlines() if instance_id in line]
    activities = [line for line in lines if "Executed 'Functions.hello'" in line]
    assert len(activities) == 3
    assert all("(Succeeded, Id=" in line and "Duration=" in line for line in activities)
