"""Events: every call says what its event promises, and a line can be taken apart again."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.telemetry.events import EVENTS, Event, _shown, emit

ROOT = Path(__file__).resolve().parents[3]


def calls() -> Iterator[tuple[str, Event, set[str]]]:
    """Every `emit(Event.X, a=.., b=..)` of the app."""
    for folder in ("shared", "activities", "triggers", "orchestrators"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                    continue
                if node.func.id != "emit":
                    continue
                (event,) = node.args
                assert isinstance(event, ast.Attribute), path
                fields = {keyword.arg or "**" for keyword in node.keywords}
                yield f"{path.name}:{node.lineno}", Event[event.attr], fields - {"error"}


def test_every_call_gives_exactly_the_fields_of_its_event() -> None:
    for where, event, fields in calls():
        assert fields == set(EVENTS[event].fields), where


def test_every_event_is_declared_and_emitted() -> None:
    assert set(EVENTS) == set(Event)
    assert {event for _, event, _ in calls()} == set(Event)


def test_orchestrators_emit_nothing() -> None:
    for path in (ROOT / "orchestrators").glob("*.py"):
        assert "emit" not in path.read_text()


def read(line: str) -> dict[str, str]:
    """As `parse-kv` with quote '"' reads it."""
    found = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line)
    return {name: json.loads(value) if value[0] == '"' else value for name, value in found}


def test_a_line_can_be_read_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    emit(Event.SUBMIT_FAILED, video_id="video_1", deployment=None, kind="X", message='a "b" c=d')
    assert read(caplog.messages[-1]) == {
        "event": "submit_failed",
        "video_id": "video_1",
        "deployment": "",
        "kind": "X",
        "message": 'a "b" c=d',
    }
    assert caplog.records[-1].levelname == "WARNING"


def test_a_traceback_spoils_no_field(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    emit(Event.REQUEST_FAILED, error=ValueError("broken"), request_id="req_1")
    said = logging.Formatter("%(message)s").format(caplog.records[-1])
    assert said.startswith("event=request_failed request_id=req_1 \n")
    assert "ValueError: broken" in said


@given(st.text(max_size=50))
def test_any_text_stays_one_line_and_one_value(text: str) -> None:
    line = f"event=x message={_shown(text)} after=1"
    assert "\n" not in line
    assert read(line)["after"] == "1"
