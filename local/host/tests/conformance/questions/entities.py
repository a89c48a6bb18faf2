"""Entities: signals, calls, reads and lists."""

from typing import Any

from ..prober import Answer, Prober


def entities(prober: Prober) -> None:
    record, hook = prober.record, prober.hook
    record("entity read unknown", hook("GET", "entities/counter/none"))
    record("entity signal", hook("POST", "entities/counter/k1", "op=add", json=5))
    record("entity read", _read(prober, "k1"))
    signal = hook("POST", "entities/counter/k3", "op=add", json="5")
    record("entity signal of text", signal)
    record("entity signal of text, read", _read(prober, "k3"))
    unknown = hook("POST", "entities/no_such/k1", "op=add", json=5)
    record("entity signal unknown entity", unknown)
    record("entity signal without op", hook("POST", "entities/counter/k1", json=5))
    bad: dict[str, Any] = {"content": b"{a", "headers": {"Content-Type": "application/json"}}
    record("entity signal bad json", hook("POST", "entities/counter/k1", "op=add", **bad))
    prober.start("n1", {"kind": "entity", "key": "k2"})
    record("entity called by an orchestrator, ended", prober.ended("n1"))
    record("entity history", prober.status("n1", "showHistory=true"))
    record("entity list", hook("GET", "entities"))
    record("entity list by name", hook("GET", "entities/counter", "fetchState=true"))
    k1, none = {"entity": ["counter", "k1"]}, {"entity": ["counter", "none"]}
    record("entity client read", prober.call("read_entity_state", k1))
    record("entity client read unknown", prober.call("read_entity_state", none))
    record("entity client signal", prober.call("signal_entity", k1, "add", 1))
    record("entity client signal, read", _read(prober, "k1", 1))
    record("entity as an instance", prober.status("@counter@k1"))
    record("entity read in another case", hook("GET", "entities/COUNTER/k1"))
    hook("POST", "entities/counter/k1", "op=delete")
    record("entity deleted, read", _read(prober, "k1", None))


def _read(prober: Prober, key: str, state: Any = ...) -> Answer:
    """An entity once it is there, with that state."""
    return prober.until(
        lambda: prober.hook("GET", f"entities/counter/{key}"),
        lambda answer: answer["status"] == 200 and state in (..., answer["body"]),
    )
