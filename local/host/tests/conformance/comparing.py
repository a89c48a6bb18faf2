"""Answers against the recorded ones."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent
APP = _FOLDER / "app"
ANSWERS = _FOLDER / "answers.json"


@dataclass(frozen=True, slots=True)
class Difference:
    name: str
    recorded: Any
    answered: Any

    def __str__(self) -> str:
        return (
            f"{self.name}\n"
            f"  recorded {json.dumps(self.recorded, ensure_ascii=False)}\n"
            f"  answered {json.dumps(self.answered, ensure_ascii=False)}"
        )


def recorded() -> dict[str, Any]:
    """What Microsoft's host answered."""
    answers: dict[str, Any] = json.loads(ANSWERS.read_text(encoding="utf-8"))
    return answers


def differences(answers: Mapping[str, Any], known: Mapping[str, Any]) -> list[Difference]:
    """Where answers are not the known ones; what was not asked is no difference."""
    return [
        Difference(name, known.get(name), answer)
        for name, answer in answers.items()
        if answer != known.get(name)
    ]
