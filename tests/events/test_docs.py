"""docs/events.md: its commands run, its examples are accepted."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.stack import ROOT, WEBHOOK, Stack
from shared.lifecycle.background.inbox import Incoming, receive
from shared.settings.app import Settings
from tests.events.conftest import Feed, Told, environment
from tests.support.stacks import Client

GUIDE = (ROOT / "docs" / "events.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, flags=re.DOTALL)


def run(stack: Stack, script: str, folder: Path, **extra: str) -> str:
    """A block of the guide, against a stack that has other ports, in another folder."""
    there = script.replace("http://127.0.0.1:7071/openai/v1", stack.api)
    answer = subprocess.run(
        ["sh", "-ec", there.replace(".venv/bin/python", sys.executable)],
        cwd=folder,
        env={**environment(stack), "PYTHONPATH": str(ROOT), **extra},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


@pytest.mark.e2e
def test_its_commands_run(whole: Stack, api: Client, feed: Feed, tmp_path: Path) -> None:
    drop, send, ask = blocks("sh")
    run(whole, drop, tmp_path)
    run(whole, send, tmp_path)
    first, second = feed.until(lambda: len(found := feed.events("VideoCompleted")) == 2 and found)
    (request,) = feed.until(feed.webhooks)
    for event in (first, second):
        printed = run(whole, ask, tmp_path, VIDEO=event["subject"])
        told = [json.loads(line) for line in printed.replace("}{", "}\n{").splitlines()]
        assert [each["object"] for each in told] == ["list", "list"]
    (python,) = blocks("python")
    values = {
        "secret": whole.settings[WEBHOOK["secret_setting"]],
        "body": request["body"],
        "headers": request["headers"],
    }
    code = "".join(f"{name} = {value!r}\n" for name, value in values.items()) + python
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )
    kind, video_id = answer.stdout.split()
    assert kind == "video.completed"
    assert video_id in (first["subject"], second["subject"])


def examples() -> list[Any]:
    return [json.loads(block) for block in blocks("json")]


def test_its_event_is_accepted(told: Told) -> None:
    event = examples()[0]
    event["data"]["webhook"] = "mine"
    incoming = Incoming(
        id=event["id"],
        type=event["type"],
        topic=None,
        source=event["source"],
        data=event["data"],
    )
    assert receive(told.services, incoming) is not None


def test_its_settings_are_accepted(make_settings: Callable[..., Settings]) -> None:
    _, callers, webhooks = examples()
    settings = make_settings(
        EVENT_CALLERS=json.dumps(callers),
        WEBHOOKS=json.dumps(webhooks),
        CALLERS=json.dumps({"shop": {}, "studio": {}, "local": {}}),
    )
    assert settings.event_callers == callers
    assert [webhook.name for webhook in settings.webhooks_of("key:shop")] == ["shop"]
    assert settings.webhooks_of("key:studio") == []
    removed = make_settings(WEBHOOKS=json.dumps(webhooks), CALLERS=json.dumps({"local": {}}))
    assert removed.webhooks_of("key:shop") == []
