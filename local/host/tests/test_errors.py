"""An error in each place: reported where it happened, and nothing is stuck afterwards."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Client

APP = "errors"


@pytest.mark.parametrize("name", ["raises", "raises_async", "exits", "exits_async", "nothing"])
def test_an_http_function_that_fails_is_an_empty_500(client: "Client", name: str) -> None:
    response = client.get(f"/api/{name}")
    assert response.status_code == 500
    assert response.content == b""
    assert f"Executed 'Functions.{name}' (Failed" in client.host.log


@pytest.mark.parametrize(
    ("name", "output"),
    [
        (
            "orchestrator_raises",
            "Orchestrator function 'orchestrator_raises' failed: in the orchestrator",
        ),
        ("raises_nothing_to_say", "failed: <class 'ValueError'>"),
        ("activity_raises", "Activity function 'raising' failed: ValueError: in the activity"),
        ("activity_exits", "the function raised SystemExit: 3"),
        ("activity_result_is_no_json", "activity trigger output must be json serializable"),
        ("yields_no_task", "Orchestrator function 'yields_no_task' failed: "),
        ("entity_state_is_no_json", "does not expose a `to_json` function"),
    ],
)
def test_an_orchestration_that_fails(client: "Client", name: str, output: str) -> None:
    status = client.run(name)
    assert status["runtimeStatus"] == "Failed"
    assert output in status["output"]


def test_the_details_are_a_traceback(client: "Client") -> None:
    instance_id = client.start("activity_raises")
    client.wait(instance_id)
    events = client.status(instance_id, showHistory="true")["historyEvents"]
    failed = next(event for event in events if event["EventType"] == "TaskFailed")
    assert "function_app.py" in failed["Details"]
    assert failed["FunctionName"] == "raising"


def test_an_unknown_orchestrator_can_be_started_and_fails(client: "Client") -> None:
    instance_id = client.get("/api/start_unknown").text
    status = client.wait(instance_id)
    assert (status["name"], status["runtimeStatus"]) == ("nobody", "Failed")
    assert status["output"].startswith(
        "Orchestrator function 'nobody' failed: The function 'nobody' doesn't exist, is disabled,"
        " or is not an orchestrator function. Additional info: The following are the known"
        " orchestrator functions: '"
    )


def test_a_failure_may_be_an_error_status(client: "Client") -> None:
    instance_id = client.start("orchestrator_raises")
    client.wait(instance_id)
    url = client.instance(instance_id)
    assert client.get(url).status_code == 200
    assert client.get(url, params={"returnInternalServerErrorOnFailure": "true"}).status_code == 500
