"""Starting instances and raising events."""

from typing import Any

from ..prober import Answer, Prober

TRIES = 10
"""How often a state that passes quickly is looked for: a busy machine may be too slow to see it."""

_JSON = {"Content-Type": "application/json"}


def starts(prober: Prober) -> None:
    prober.record("start without an id", prober.start(None, {"kind": "echo"}))
    prober.record("start with an id", prober.start("s1", {"kind": "echo", "n": 1}))
    prober.record("start with an id, ended", prober.ended("s1"))
    again = prober.start("s1", {"kind": "echo", "n": 2})
    prober.record("start an id that has completed", again)
    ended = prober.until(lambda: prober.ended("s1"), lambda answer: _n_of(answer) == 2)
    prober.record("start an id that has completed, ended", ended)

    started, at_once = _twice_at_once(prober, "w1")
    prober.record("start with an id and a wait", started)
    prober.record("start the same id at once", at_once)
    prober.record("status while it runs", prober.until_status("w1", {"Running"}))
    again = prober.start("w1", {"kind": "wait"})
    prober.record("start the same id while it runs", again)

    for what, instance_id, name in (
        ("start unknown orchestrator", "u1", "no_such"),
        ("start an activity's name", "u2", "echo"),
    ):
        prober.record(what, prober.start(instance_id, {}, name))
        prober.record(f"{what}, ended", prober.ended(instance_id, 8))
    prober.record("start in another case", prober.start("u3", {"kind": "echo"}, "PROBE"))
    prober.record("start in another case, ended", prober.ended("u3", 8))

    _ids(prober)
    _bodies(prober)
    prober.record("start by GET", prober.hook("GET", "orchestrators/probe/get"))
    prober.record("start by PUT", prober.hook("PUT", "orchestrators/probe/put", json={}))
    path, wait = "orchestrators/probe/waited", "timeout=10&pollingInterval=1"
    prober.record("start and wait", prober.hook("POST", path, wait, json={"kind": "echo"}))
    path, wait = "orchestrators/probe/waited2", "timeout=1&pollingInterval=1"
    short = prober.hook("POST", path, wait, json={"kind": "wait"})
    prober.record("start and wait too short", short)


def _twice_at_once(prober: Prober, instance_id: str) -> tuple[Answer, Answer]:
    """Start an instance twice, the second time while it is pending."""
    for attempt in range(TRIES):
        started = prober.start(instance_id, {"kind": "wait"})
        at_once = prober.start(instance_id, {"kind": "wait"})
        if "Pending" in str(at_once["body"]) or attempt == TRIES - 1:
            break
        prober.until_status(instance_id, {"Running"})
        prober.operate(instance_id, "terminate")
        prober.ended(instance_id)
    return started, at_once


def _ids(prober: Prober) -> None:
    for name, path in (
        ("@a", "@a"),
        ("300 characters", "i" * 300),
        ("empty", ""),
        ("slash", "a%2Fb"),
        ("real slash", "a/b"),
        ("hash", "a%23b"),
        ("space", "a%20b"),
        ("unicode", "%C3%BC"),
        ("question mark", "a%3Fb"),
        ("backslash", "a%5Cb"),
        ("control", "a%01b"),
        ("colon", "a:b"),
        ("upper case", "S1"),
    ):
        prober.record(f"start id {name}", prober.start(path, {"kind": "echo"}))
    for name, instance_id in (
        ("@a", "@a"),
        ("hash", "a#b"),
        ("space", "a b"),
        ("unicode", "ü"),
        ("slash", "a/b"),
        ("upper case", "S1"),
    ):
        prober.record(f"start id {name}, status", prober.ended(instance_id, 6))


def _bodies(prober: Prober) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "no body": {},
        "bad json": {"content": b"{a"},
        "null": {"content": b"null"},
        "string": {"json": "text"},
        "number": {"json": 7},
        "array": {"json": [1, 2]},
    }
    for name, request in bodies.items():
        instance_id = f"body-{name.replace(' ', '-')}"
        answer = prober.hook("POST", f"orchestrators/probe/{instance_id}", **request)
        prober.record(f"start body {name}", answer)
        prober.record(f"start body {name}, ended", prober.ended(instance_id, 6))


def _n_of(answer: Answer) -> Any:
    body = answer.get("body")
    output = body.get("output") if isinstance(body, dict) else None
    return output.get("n") if isinstance(output, dict) else None


def events(prober: Prober) -> None:
    prober.running("e1", {"kind": "two"})
    bad = prober.event("e1", "a", content=b"{a", headers=_JSON)
    prober.record("event bad json", bad)
    empty = prober.event("e1", "a", content=b"", headers=_JSON)
    prober.record("event empty body", empty)
    text = prober.event("e1", "a", content=b"text", headers={"Content-Type": "text/plain"})
    prober.record("event not json", text)
    prober.record("event by GET", prober.hook("GET", "instances/e1/raiseEvent/a"))
    prober.record("event nobody waits for", prober.event("e1", "other"))
    prober.record("event later one first", prober.event("e1", "b", json={"b": "ü"}))
    prober.record("event", prober.event("e1", "a", json=[1, None]))
    prober.record("event two, ended", prober.ended("e1"))
    prober.record("event to a completed instance", prober.event("e1", "a"))
    prober.record("event to an unknown instance", prober.event("nobody", "a"))
    nameless = prober.hook("POST", "instances/e1/raiseEvent/", json=1)
    prober.record("event without a name", nameless)

    prober.running("e2", {"kind": "wait"})
    prober.event("e2", "GO", json="other case")
    prober.until_raised("e2", "GO")
    prober.record("event in another case, ended", prober.ended("e2", 2))
    prober.running("e3", {"kind": "same twice"})
    prober.event("e3", "go", json=1)
    prober.event("e3", "go", json=2)
    prober.record("event same name twice, ended", prober.ended("e3"))
    prober.start("e4", {"kind": "wait"})
    prober.record("event right after the start", prober.event("e4", "go", json="early"))
    prober.record("event right after the start, ended", prober.ended("e4"))
    prober.running("e5", {"kind": "again with events"})
    prober.event("e5", "hold", json="held")
    prober.until_raised("e5", "hold")
    prober.event("e5", "go", json=1)
    ended = prober.ended("e5")
    prober.record("event unread before continue_as_new, ended", ended)
    prober.running("e6", {"kind": "wait"})
    prober.event("e6", "go", json="z" * 100_000)
    body = prober.ended("e6")["body"]
    seen = {"runtimeStatus": body["runtimeStatus"], "characters": len(body["output"] or "")}
    prober.record("event of 100 kB, ended", seen)
