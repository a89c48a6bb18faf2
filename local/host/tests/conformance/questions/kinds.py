"""What orchestrations of each kind end with, and their histories."""

import re
from typing import Any

from ..prober import Prober

_SECONDS = 40
_HANGS_FOR = 4
"""An instance that still runs after that long hangs."""

_KINDS: dict[str, Any] = {
    "timer past": {"kind": "timer", "seconds": -3600},
    "timer short": {"kind": "timer", "seconds": 1},
    "any, timer wins": {"kind": "any", "seconds": 1},
    "fan of 5": {"kind": "fan", "n": 5},
    "fan of none": {"kind": "fan none"},
    "fan with a failure": {"kind": "fan fail"},
    "activity fails": {"kind": "activity fails"},
    "activity fails uncaught": {"kind": "activity fails uncaught"},
    "activity unicode": {"kind": "activity value", "value": "ü\u2028\U0001f600"},
    "activity null": {"kind": "activity value", "value": None},
    "activity makes none": {"kind": "activity makes", "what": "none"},
    "activity makes date": {"kind": "activity makes", "what": "date"},
    "activity makes bytes": {"kind": "activity makes", "what": "bytes"},
    "activity makes empty": {"kind": "activity makes", "what": "empty"},
    "activity makes json text": {"kind": "activity makes", "what": "text"},
    "activity makes 200 kB": {"kind": "activity makes", "what": "big"},
    "retry succeeds": {"kind": "retry", "most": 3, "times": 2},
    "retry gives up": {"kind": "retry", "most": 2, "times": 99},
    "continue_as_new": {"kind": "again", "n": 3},
    "sub": {"kind": "sub", "input": {"kind": "facts"}},
    "sub with an id": {"kind": "sub", "input": {"kind": "echo"}, "id": "child1"},
    "sub of a running id": {"kind": "sub caught", "input": {"kind": "echo"}, "id": "w1"},
    "sub fails": {"kind": "sub caught", "input": {"kind": "raise", "text": "inner"}},
    "sub fails uncaught": {"kind": "sub", "input": {"kind": "raise", "text": "inner"}},
    "sub unknown": {"kind": "sub caught", "name": "no_such"},
    "custom text": {"kind": "custom", "value": "half way ü"},
    "custom object": {"kind": "custom", "value": {"a": [1, None]}},
    "custom null": {"kind": "custom", "value": None},
    "custom 9 kB": {"kind": "custom of size", "n": 9000},
    "custom 20 kB": {"kind": "custom of size", "n": 20000},
    "output unicode": {"kind": "value", "value": "ü\u0000\u2028\U0001f600"},
    "output null": {"kind": "value", "value": None},
    "output text of json": {"kind": "value", "value": '{"a": 1}'},
    "output date text": {"kind": "value", "value": "2020-01-02T03:04:05.678Z"},
    "output numbers": {
        "kind": "value",
        "value": [1.0, 1e30, 0.1, 12345678901234567890, -0.0, 1e-7],
    },
    "output 200 kB": {"kind": "size", "n": 200_000},
    "output nan": {"kind": "nan"},
    "output of type date": {"kind": "not json", "what": "date"},
    "output of type set": {"kind": "not json", "what": "set"},
    "raises": {"kind": "raise", "text": 'a bad ü "thing"'},
    "facts": {"kind": "facts"},
    "unknown activity": {"kind": "activity unknown"},
    "no kind": {"kind": "odd"},
}

_HISTORIES = (
    "k-retry-succeeds",
    "k-continue-as-new",
    "k-sub-with-an-id",
    "k-timer-short",
    "any2",
    "k-raises",
    "k-activity-fails-uncaught",
)


def kinds(prober: Prober) -> None:
    for name, given in _KINDS.items():
        prober.start(_id(name), given)
    for name in _KINDS:
        seconds = _HANGS_FOR if "unknown" in name else _SECONDS
        prober.record(f"kind {name}", prober.ended(_id(name), seconds))
    prober.running("any2", {"kind": "any", "seconds": 600})
    prober.event("any2", "go", json={"a": 1})
    prober.record("kind any, event wins", prober.ended("any2"))
    prober.record("kind sub with an id, the child", prober.ended("child1"))
    prober.record("kind sub of a running id, that instance", prober.ended("w1"))
    as_error = prober.status("k-raises", "returnInternalServerErrorOnFailure=true")
    prober.record("kind raises, returnInternalServerErrorOnFailure", as_error)
    _shown(prober)


def _shown(prober: Prober) -> None:
    for instance_id in _HISTORIES:
        history = prober.status(instance_id, "showHistory=true")
        prober.record(f"history of {instance_id}", history)
        history = prober.status(instance_id, "showHistory=true&showHistoryOutput=true")
        prober.record(f"history with output of {instance_id}", history)
    answers = {
        "history with showHistoryOutput alone": prober.status("any2", "showHistoryOutput=true"),
        "status without input": prober.status("any2", "showInput=false"),
        "status showInput nonsense": prober.status("any2", "showInput=maybe"),
        "status of a running one with history": prober.status(
            "k-unknown-activity", "showHistory=true"
        ),
        "status of an unknown id": prober.status("nobody"),
        "status by POST": prober.hook("POST", "instances/any2"),
        "status by HEAD": prober.hook("HEAD", "instances/any2"),
        "status with a slash at the end": prober.hook("GET", "instances/any2/"),
        "status for another host": prober.hook(
            "GET",
            "instances/k-unknown-activity",
            headers={
                "Host": "elsewhere.example",
                "X-Forwarded-Proto": "https",
                "X-Forwarded-Host": "third.example",
            },
        ),
        "status in another case": prober.hook("GET", "INSTANCES/any2"),
        "unknown operation": prober.hook("POST", "instances/any2/dance"),
    }
    for name, answer in answers.items():
        prober.record(name, answer)


def _id(name: str) -> str:
    return "k-" + re.sub("[^a-z0-9]+", "-", name.lower())
