"""Terminating, suspending, resuming, rewinding, restarting and purging one instance."""

import time

from ..prober import Answer, Prober, runtime_status
from .starting import TRIES


def states(prober: Prober) -> None:
    _terminated(prober)
    _suspended(prober)
    _rewound_and_restarted(prober)
    purged = prober.hook("DELETE", "instances/p1")
    prober.record("purge a running one", purged)
    prober.record("purge a completed one", prober.hook("DELETE", "instances/t2"))
    prober.record("purge a completed one, status", prober.status("t2"))
    prober.record("purge again", prober.hook("DELETE", "instances/t2"))
    prober.record("purge unknown", prober.hook("DELETE", "instances/nobody"))


def _terminated(prober: Prober) -> None:
    terminated, at_once = _seen_at_once(prober, "t1", "reason=because%20%C3%BC")
    prober.record("terminate", terminated)
    prober.record("terminate, status at once", at_once)
    prober.record("terminate, ended", prober.ended("t1"))
    prober.record("terminate again", prober.operate("t1", "terminate", "reason=again"))
    prober.record("terminate unknown", prober.operate("nobody", "terminate", "reason=x"))
    for what, instance_id, query in (
        ("terminate without a reason", "t2", ""),
        ("terminate with the reason template", "t3", "reason={text}"),
    ):
        prober.running(instance_id)
        prober.record(what, prober.operate(instance_id, "terminate", query))
        prober.record(f"{what}, ended", prober.ended(instance_id))
    prober.running("t4", {"kind": "sub", "input": {"kind": "wait"}, "id": "t4child"})
    prober.until_status("t4child", {"Running"})
    prober.operate("t4", "terminate", "reason=parent")
    prober.record("terminate a parent, ended", prober.ended("t4"))
    prober.record("terminate a parent, its child", prober.ended("t4child", 2))


def _seen_at_once(prober: Prober, instance_id: str, query: str) -> tuple[Answer, Answer]:
    """Terminate an instance, and its status before it has ended."""
    for attempt in range(TRIES):
        prober.running(instance_id)
        terminated = prober.operate(instance_id, "terminate", query)
        at_once = prober.status(instance_id)
        if runtime_status(at_once) == "Running" or attempt == TRIES - 1:
            break
        prober.ended(instance_id)
    return terminated, at_once


def _suspended(prober: Prober) -> None:
    prober.running("p1")
    prober.record("suspend", prober.operate("p1", "suspend", "reason=rest"))
    prober.record("suspend, status", prober.until_status("p1", {"Suspended"}))
    prober.record("suspend again", prober.operate("p1", "suspend", "reason=rest"))
    prober.record("event while suspended", prober.event("p1", "go", json="kept"))
    time.sleep(1.5)  # that nothing happens takes a while to see
    prober.record("event while suspended, status", prober.status("p1"))
    prober.record("resume", prober.operate("p1", "resume", "reason=on"))
    prober.record("resume, ended", prober.ended("p1"))
    prober.record("resume a completed one", prober.operate("p1", "resume", "reason=on"))
    prober.record("suspend a completed one", prober.operate("p1", "suspend", "reason=x"))
    prober.record("suspend unknown", prober.operate("nobody", "suspend"))
    prober.record("resume unknown", prober.operate("nobody", "resume"))
    prober.running("p2")
    prober.record("resume a running one", prober.operate("p2", "resume"))
    prober.operate("p2", "suspend")
    prober.until_status("p2", {"Suspended"})
    prober.record("terminate a suspended one", prober.operate("p2", "terminate", "reason=x"))
    prober.record("terminate a suspended one, after 4 s", prober.ended("p2"))
    prober.record("start the id of a suspended one", prober.start("p2", {"kind": "echo"}))


def _rewound_and_restarted(prober: Prober) -> None:
    prober.record("rewind a completed one", prober.operate("p1", "rewind", "reason=x"))
    prober.record("rewind unknown", prober.operate("nobody", "rewind", "reason=x"))
    prober.start("r1", {"kind": "retry", "most": 1, "times": 1})
    prober.start("r2", {"kind": "raise", "text": "once"})
    prober.ended("r2")
    prober.record("rewind a failed one", prober.operate("r2", "rewind", "reason=x"))
    prober.record("rewind a failed one, ended", prober.ended("r2"))
    same, new = "restartWithNewInstanceId=false", ""
    restarted = prober.operate("p1", "restart", same)
    prober.record("restart a completed one, same id", restarted)
    prober.record("restart a completed one, status", prober.until_status("p1", {"Running"}))
    restarted = prober.operate("t1", "restart", new)
    prober.record("restart a completed one, new id", restarted)
    restarted = prober.operate("p1", "restart", same)
    prober.record("restart a running one, same id", restarted)
    prober.record("restart unknown", prober.operate("nobody", "restart"))
