"""The servers of `/v1/videos`, each a column of the matrix: how it is configured, and eight rows.

How a row ends where a wire lacks something is transcribed from the promises: without a list, a
lost answer is `submit_unknown` and never a second job; a server that keeps its jobs in memory loses
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from local.simulator.config import WireName
from tests.faults.matrix import COMPLETED, LOST_ANSWER, RESCUED, Fault, rule
from tests.faults.verdict import Allowed

NAMES: tuple[WireName, ...] = get_args(WireName)

WITHOUT_KEY = ("vllm-omni", "sglang", "tensorrt-llm")
FORGETFUL = WITHOUT_KEY
WITHOUT_LIST = ("new-api", "openrouter")
UNSURE = (*WITHOUT_LIST, "litellm")
"""What they list, if anything, does not prove that a job was never made."""

SECRETS = {
    "openai": ("OPENAI_CALLBACK_SECRET", "whsec_b3BlbmFpIG9wZW5haSBvcGVuYWkgb3BlbmFpISE="),
    "openrouter": ("OPENROUTER_CALLBACK_SECRET", "openrouter-signs-with-this"),
}
"""Those that call back: the app setting with the secret, and the secret."""

UNKNOWN = ("failed", "submit_unknown")
LOST_TO_THE_GATEWAY = rule("create", "status", status=503, processed=True)


def deployments(functions: str) -> list[dict[str, Any]]:
    """The simulator's: one for each wire, of its name. `functions` is the URL of the host."""
    found: list[dict[str, Any]] = []
    for name in NAMES:
        found.append({"name": name, "dialect": "sora-2", "wire": name})
        if name in SECRETS:
            found[-1]["callback_secret"] = SECRETS[name][1]
    openai = next(each for each in found if each["name"] == "openai")
    openai["callback_url"] = f"{functions}/openai/v1/callbacks/at-openai"
    return found


def upstreams(simulator: str) -> list[dict[str, Any]]:
    """The app's: one for each profile, which alone serves the model of its name. `simulator` is
    the simulator's URL."""
    return [
        {
            "name": f"at-{name}",
            "profile": name,
            "endpoint": f"{simulator}/wires/{name}",
            "deployment": f"openai/{name}" if name == "bifrost" else name,
            "model": name,
            "auth": {"type": "none"}
            if name in WITHOUT_KEY
            else {"type": "header", "secret_setting": "SIMULATOR_KEY"},
            "prices": {"version": "faults", "usd_per_second": "0.10"},
            "capabilities": {"sizes": ["1280x720", "720x1280"], "seconds": [4], "images": 1},
            **({"callback": {"secret_setting": SECRETS[name][0]}} if name in SECRETS else {}),
        }
        for name in NAMES
    ]


def shapes() -> dict[str, dict[str, Any]]:
    """A job of each, as it is ordered."""
    return {name: {"model": name, "size": "1280x720", "seconds": "4"} for name in NAMES}


def rows(name: str) -> Iterator[Fault]:
    """The eight of one profile, and five more where it calls back."""
    yield Fault("text to video", ())
    yield Fault("image to video", (), image=True)
    yield Fault(
        "lost before it was created",
        (rule("create", "drop", when="before"),),
        UNKNOWN if name in UNSURE else COMPLETED,
        allowed=Allowed(watched=name == "litellm"),
    )
    yield Fault(
        "lost after it was created",
        # LiteLLM would repeat it by itself: see local/simulator/wires/litellm.py
        (LOST_TO_THE_GATEWAY if name == "litellm" else LOST_ANSWER,),
        UNKNOWN if name in WITHOUT_LIST else COMPLETED,
        allowed=Allowed(unreachable_outputs=name in WITHOUT_LIST),
    )
    yield Fault(
        "fails",
        (rule("create", "fail", at=0.5, code="render_error", message="the GPU ran out of memory"),),
        ("failed", "upstream_failed"),
        reason="the GPU ran out of memory",
        cost="released",
    )
    yield Fault(
        "restarts while it renders",
        (rule("get", "restart"),),
        ("failed", "lost") if name in FORGETFUL else COMPLETED,
    )
    yield from _strangers(name)
    yield Fault("5xx on polls", (rule("get", "status", times=3, status=503),))
    if name in SECRETS:
        yield from _callbacks()


def _callbacks() -> Iterator[Fault]:
    """Callbacks that do not come as they should change nothing but the lag."""
    for said, how in (
        ("callbacks are lost", "lost"),
        ("it calls back twice", "twice"),
        ("it calls back early, and again", "early"),
        ("callbacks are forged", "forged"),
    ):
        yield Fault(said, (rule("create", "callback", how=how),))
    at_once = rule("create", "callback", how="at_once")
    late = rule("create", "delay", when="after", seconds=20)
    yield Fault("it calls back before it answers the create", (at_once, late))


def _strangers(name: str) -> Iterator[Fault]:
    """Somebody else's job has failed, and stands in the list in which ours is looked for."""
    stranger = rule("create", "look_alike", prompt="another", failure="out of memory")
    alike = name == "sglang"  # its list shows no prompt
    yield Fault(
        "a stranger's failed job in the list",
        (stranger, LOST_ANSWER),
        UNKNOWN if alike or name in WITHOUT_LIST else COMPLETED,
        then=RESCUED if alike else None,
        allowed=Allowed(foreign_jobs=True, unreachable_outputs=name in WITHOUT_LIST),
        foreign_vanish=alike,
    )
