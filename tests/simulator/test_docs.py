"""docs/simulator.md names everything there is, and its examples are valid."""

import json
import re
from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from local.simulator import sora1, sora2
from local.simulator.config import Config, Deployment, Fixed, Lognormal, RenderTime, Uniform
from local.simulator.faults.actions import AnyAction, schema
from local.simulator.faults.rules import RULES, OperationName, Rule
from local.simulator.moderation import CONTENT_FILTER, WORDS
from tests.simulator.process import REPOSITORY

PAGE = (REPOSITORY / "docs" / "simulator.md").read_text()
EXAMPLES = re.findall(r'`(\{"type": "[a-z_]+".*?\})` \|', PAGE)


def test_every_key_and_word_is_explained() -> None:
    words = [
        *(name for model in (Config, Deployment) for name in model.model_fields),
        *(name for model in (RenderTime, Lognormal, Uniform, Fixed) for name in model.model_fields),
        *(name for name in Rule.model_fields),
        *get_args(OperationName),
        *WORDS,
        CONTENT_FILTER,
    ]
    missing = [word for word in words if f"`{word}`" not in PAGE and f'"{word}"' not in PAGE]
    assert missing == []


def test_every_operation_is_explained() -> None:
    for operation in (*sora1.OPERATIONS, *sora2.OPERATIONS):
        path = operation.path.replace("/video/generations/{id}", "/{generation}")
        shown = f"{operation.method} {path.removeprefix('/video/generations')}"
        page = PAGE.replace("`GET`, `HEAD /{generation}", "`GET /{generation}, HEAD /{generation}")
        assert shown in page or shown.replace("GET", "HEAD") in page


def test_every_action_has_a_valid_example() -> None:
    actions = [json.loads(example) for example in EXAMPLES]
    assert {action["type"] for action in actions} == schema().keys()
    known: TypeAdapter[object] = TypeAdapter(AnyAction)
    for action in actions:
        known.validate_python(action)


def test_the_examples_of_files_are_valid() -> None:
    config, rules = (
        re.search(r"\n    \{\n.*?\n    \}\n", PAGE, re.S),
        re.search(r"    (\[\{.*\])", PAGE),
    )
    assert config is not None
    assert rules is not None
    assert len(Config.model_validate_json(config[0]).deployments) == 2
    assert len(RULES.validate_json(rules[1])) == 1


def test_a_wrong_example_would_be_noticed() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(AnyAction).validate_python({"type": "status", "stat": 500})
