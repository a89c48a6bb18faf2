"""Histories of releases, replayed: today's code decides what that release decided.

Each recorded generation is cut off after every episode and shown to the SDK as the Functions worker
would show it. What it asks for next is compared with what the history goes on with.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from orchestrators.generate_video import generate_video
from orchestrators.run_batch import run_batch

HISTORIES = Path(__file__).resolve().parents[1] / "histories"
SCHEDULED, TIMER_CREATED, STARTED, COMPLETED = 4, 10, 12, 13
CALL_ACTIVITY, CONTINUE_AS_NEW, CREATE_TIMER, WAIT_FOR_EVENT = 0, 4, 5, 6
COMPOUND = (11, 12)
ORCHESTRATORS: dict[str, Any] = {"generate_video": generate_video, "run_batch": run_batch}


def generations() -> list[Any]:
    found = []
    for path in sorted(HISTORIES.glob("*/*.json")):
        document = json.loads(path.read_text())
        for number, context in enumerate(document["contexts"]):
            name = f"{path.parent.name}/{path.stem}/{number}"
            found.append(pytest.param(context, id=name))
    return found


def replay(context: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
    """The SDK's answer to a history."""
    handle = ORCHESTRATORS[context["history"][1]["Name"]]
    with warnings.catch_warnings():
        # the SDK warns of hints that come before anybody waits for them
        warnings.filterwarnings("ignore", message="Potential duplicate Task completion")
        warnings.filterwarnings("ignore", message="azure.functions df_loads was called")
        answer = handle._function._func(json.dumps({**context, "history": events}))
    state: dict[str, Any] = json.loads(answer)
    return state


def asked(state: dict[str, Any]) -> list[tuple[str, str]]:
    """The activities and timers that the SDK asks for, in the order in which it numbers them."""
    found: list[tuple[str, str]] = []

    def read(actions: list[dict[str, Any]]) -> None:
        for action in actions:
            if action["actionType"] in COMPOUND:
                read(action["compoundActions"])
            elif action["actionType"] == CALL_ACTIVITY:
                found.append((action["functionName"], action["input"]))
            elif action["actionType"] == CREATE_TIMER:
                found.append(("timer", action["fireAt"][:23]))
            else:
                assert action["actionType"] in (WAIT_FOR_EVENT, CONTINUE_AS_NEW), action

    read(state["actions"][0])
    return found


def recorded(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The activities and timers in a history."""
    found = []
    for event in sorted(events, key=lambda event: event["EventId"]):
        if event["EventType"] == SCHEDULED:
            found.append((event["Name"], event["Input"]))
        elif event["EventType"] == TIMER_CREATED:
            found.append(("timer", event["FireAt"][:23]))
    return found


def cuts(events: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """For each episode: where its own decisions begin, and where they end."""
    found = []
    decided = None
    for position, event in enumerate(events):
        if event["EventType"] in (SCHEDULED, TIMER_CREATED) and decided is None:
            decided = position
        elif event["EventType"] == COMPLETED:
            found.append((position if decided is None else decided, position))
            decided = None
    return found


@pytest.mark.parametrize("context", generations())
def test_every_episode_is_decided_as_it_was(context: dict[str, Any]) -> None:
    events = context["history"]
    episodes = cuts(events)
    for begins, ends in episodes:
        state = replay(context, events[:begins])
        assert not state["isDone"]
        assert asked(state) == recorded(events[:ends])
    assert replay(context, events)["isDone"]


@pytest.mark.parametrize("context", generations())
def test_a_generation_is_short_and_holds_nothing_private(context: dict[str, Any]) -> None:
    assert len(context["history"]) <= 75
    text = json.dumps(context)
    for private in ("fox", "sim-key", "local-dev-key", "http", "sig="):
        assert private not in text


def test_there_is_something_to_replay() -> None:
    assert len(generations()) >= 20
    replayed = {each.values[0]["history"][1]["Name"] for each in generations()}
    assert replayed == ORCHESTRATORS.keys()
