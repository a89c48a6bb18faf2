"""Which of an app's log lines arrive: an invocation's own. The others are counted."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .conftest import Client

APP = "logs"


def lines(client: "Client", place: str) -> list[str]:
    return [line for line in client.host.log.splitlines() if line.endswith(f"line: {place}")]


def lost(client: "Client") -> dict[str, int]:
    """Logger's name -> number of lines."""
    told = client.get("/admin/host/status").json().get("unattributedLogLines", {"loggers": {}})
    assert told.get("count", 0) == sum(told["loggers"].values())
    loggers: dict[str, int] = told["loggers"]
    return {name: count for name, count in loggers.items() if name.startswith("at.")}


def test_lines_of_an_invocation_name_it(client: "Client") -> None:
    coroutine = client.get("/api/coroutine").text
    sync = client.get("/api/sync").text
    for place, function, identifier in (
        ("coroutine", "coroutine", coroutine),
        ("task", "coroutine", coroutine),
        ("gathered", "coroutine", coroutine),
        ("cured", "coroutine", coroutine),
        ("sync", "sync", sync),
    ):
        line = lines(client, place)[-1]
        told = rf"\[\S+\] WARNING Function\.{function}\.User \(Id={identifier}\) at\.{place}: .*"
        assert re.fullmatch(told, line)


def test_a_task_belongs_to_who_made_it(client: "Client") -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.get, "/api/waits")
        until = time.monotonic() + 90
        while not lines(client, "waits"):
            assert time.monotonic() < until
            time.sleep(0.02)
        client.get("/api/wakes")
        identifier = waiting.result().text
    assert f"Function.waits.User (Id={identifier})" in lines(client, "woken")[0]


def test_lines_of_durable_functions_are_theirs(client: "Client") -> None:
    client.run("orchestrator")
    assert "Function.orchestrator.User (Id=" in lines(client, "orchestrator")[0]
    assert len(lines(client, "orchestrator")) == 2, "one of each turn, replays included"
    assert "Function.activity.User (Id=" in lines(client, "activity")[0]


def test_other_lines_are_dropped_and_counted(client: "Client") -> None:
    before = lost(client)
    assert before["at.import"] == 1
    client.get("/api/coroutine")
    client.get("/api/sync")
    places = ("to_thread", "executor", "own_thread", "later")
    until = time.monotonic() + 90
    while lost(client).get("at.later", 0) == before.get("at.later", 0):
        assert time.monotonic() < until, "the line that outlives its invocation is not counted"
        time.sleep(0.05)
    after = lost(client)
    for place in places:
        assert after[f"at.{place}"] - before.get(f"at.{place}", 0) >= 1
    assert after["at.import"] == 1
    for place in ("import", *places):
        assert lines(client, place) == []
    assert "at.coroutine" not in after


def test_what_is_printed_arrives_from_everywhere(client: "Client") -> None:
    client.get("/api/coroutine")
    assert "line: print at import" in client.host.log
    assert "line: print in a coroutine" in client.host.log
