"""Timer triggers, and running a function by hand."""

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .conftest import Client

APP = "timers"
ENVIRON = {"YEARLY": "0 0 0 1 1 *"}


def ticks(client: "Client", name: str) -> list[dict[str, Any]]:
    return [tick for tick in client.get("/ticks").json() if tick["name"] == name]


def wait_for_ticks(client: "Client", name: str, count: int) -> list[dict[str, Any]]:
    for _attempt in range(500):
        found = ticks(client, name)
        if len(found) >= count:
            return found
        time.sleep(0.01)
    raise AssertionError(client.host.log)


def wait_for_log(client: "Client", text: str) -> None:
    for _attempt in range(500):
        if text in client.host.log:
            return
        time.sleep(0.01)
    raise AssertionError(client.host.log)


def test_once_each_second_and_not_before(client: "Client") -> None:
    found = wait_for_ticks(client, "every_second", 3)
    seconds = [int(tick["at"]) for tick in found]
    assert seconds == list(range(seconds[0], seconds[0] + len(seconds)))
    assert all(tick["at"] % 1 < 0.5 for tick in found)
    assert not any(tick["past_due"] for tick in found)


def test_run_on_startup(client: "Client") -> None:
    assert len(wait_for_ticks(client, "at_startup", 1)) == 1


def test_by_hand(client: "Client") -> None:
    before = len(ticks(client, "yearly"))
    assert client.post("/admin/functions/Yearly", json={"input": ""}).status_code == 202
    wait_for_ticks(client, "yearly", before + 1)


def test_by_hand_what_cannot_be(client: "Client") -> None:
    assert client.post("/admin/functions/nobody", json={}).status_code == 404
    assert client.post("/admin/functions/yearly").status_code == 415
    assert client.post("/admin/functions/yearly", json=[]).status_code == 400
    headers = {"Content-Type": "application/json"}
    bad = client.post("/admin/functions/yearly", content="{", headers=headers)
    assert bad.status_code == 400
    assert client.post("/admin/functions/yearly", json={"input": {}}).status_code == 400
    assert client.post("/admin/functions/without_setting", json={}).status_code == 404
    assert client.post("/admin/functions/orchestration", json={}).status_code == 202
    wait_for_log(client, "'orchestration' is not run: this host runs no orchestrationTrigger")


def test_a_description(client: "Client") -> None:
    described = client.get("/admin/functions/YEARLY").json()
    assert (described["name"], described["isDisabled"]) == ("yearly", False)
    [binding] = described["config"]["bindings"]
    assert (binding["type"], binding["schedule"]) == ("timerTrigger", "%YEARLY%")


def test_a_timer_with_a_durable_client(client: "Client") -> None:
    client.post("/admin/functions/starts", json={})
    for _attempt in range(500):
        if client.get(client.instance("started-by-timer")).status_code == 200:
            return
        time.sleep(0.01)
    raise AssertionError(client.host.log)


def test_functions_in_error_do_not_stop_the_others(client: "Client") -> None:
    errors = {
        function["name"]: client.get(f"/admin/functions/{function['name']}/status").json()
        for function in client.get("/admin/functions").json()
    }
    assert {name: found["errors"] for name, found in errors.items() if found} == {
        "without_setting": ["'%MISSING%' does not resolve to a value."],
        "without_schedule": ["'every now and then' is not an NCRONTAB expression of six fields"],
    }
    assert "Function 'without_setting' is in error: '%MISSING%'" in client.host.log
