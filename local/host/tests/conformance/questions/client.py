"""The SDK's durable client, method by method."""

from ..prober import Prober


def client(prober: Prober) -> None:
    wait, echo = {"kind": "wait"}, {"kind": "echo"}
    record, call = prober.record, prober.call
    record("client start_new", call("start_new", "probe", "c1", wait))
    prober.until_status("c1", {"Running"})
    record("client start_new without an id", call("start_new", "probe", None, echo))
    record("client start_new of a running id", call("start_new", "probe", "c1", wait))
    unknown = call("start_new", "no_such", "c2", None)
    record("client start_new unknown orchestrator", unknown)
    record("client start_new id @a", call("start_new", "probe", "@b", echo))
    record("client start_new id with a slash", call("start_new", "probe", "x/y", echo))
    record("client get_status", call("get_status", "c1"))
    record("client get_status unknown", call("get_status", "nobody"))
    record("client raise_event unknown", call("raise_event", "nobody", "go", 1))
    record("client suspend", call("suspend", "c1", "x"))
    prober.until_status("c1", {"Suspended"})
    record("client suspend again", call("suspend", "c1", "x"))
    record("client resume", call("resume", "c1", "x"))
    prober.until_status("c1", {"Running"})
    record("client purge running", call("purge_instance_history", "c1"))
    record("client raise_event", call("raise_event", "c1", "go", {"a": 1}))
    record("client raise_event, ended", prober.ended("c1"))
    record("client raise_event completed", call("raise_event", "c1", "go", 1))
    record("client terminate completed", call("terminate", "c1", "x"))
    record("client terminate unknown", call("terminate", "nobody", "x"))
    record("client rewind completed", call("rewind", "c1", "x"))
    with_history = call("get_status", "c1", True, True, True)
    record("client get_status with history", with_history)
    record("client purge completed", call("purge_instance_history", "c1"))
    record("client purge unknown", call("purge_instance_history", "nobody"))
    prober.start("c3", {"kind": "echo", "n": 3})
    record("client wait for a short one", prober.ask("GET", "/ops/wait/c3?ms=10000"))
    prober.running("c4")
    record("client wait for a long one", prober.ask("GET", "/ops/wait/c4?ms=600"))
    prober.start("c5", {"kind": "raise", "text": "c5"})
    record("client wait for a failing one", prober.ask("GET", "/ops/wait/c5?ms=10000"))
    record("client create_check_status_response", prober.ask("GET", "/ops/check/c4"))
    if prober.master_key is not None:
        # `func start` calls itself localhost, and such links are on http
        payload = prober.ask("GET", "/ops/payload/c4")
        record("client create_http_management_payload", payload)
