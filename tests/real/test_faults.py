"""An upstream at its worst, so that there is something to say: every video ends as it should."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Simulator
from tests.support.stacks import Client


def fault(operation: str, type_: str, **action: Any) -> dict[str, Any]:
    times = action.pop("times", 1)
    return {"operation": operation, "times": times, "action": {"type": type_, **action}}


@pytest.mark.parametrize(
    ("rules", "status"),
    [
        ([fault("create", "status", status=429)], "completed"),
        ([fault("create", "status", status=401, times=2)], "completed"),
        ([fault("create", "drop", when="after")], "completed"),
        ([fault("get", "status", status=500)], "completed"),
        ([fault("get", "unknown_status", word="archived")], "completed"),
        ([fault("content", "truncated", share=0.5, how="connection")], "completed"),
        ([fault("create", "fail", at=0.5, code="render_error")], "failed"),
    ],
    ids=["429", "401", "lost answer", "500", "unknown status", "cut off", "fails"],
)
def test_a_fault_of_the_upstream(
    api: Client, simulator: Simulator, rules: list[dict[str, Any]], status: str
) -> None:
    simulator.script(*rules)
    made = api.create(prompt="a fox in a storm")
    assert api.wait(made["id"], seconds=90)["status"] == status
