"""What each model takes, transcribed by hand from public sources, against the validation.

`matrices/MODEL.csv` has one request for each row, the parameter to blame where it is refused, and
who says so. The capabilities table, which was transcribed by somebody else, is not looked at: rows
go in at the front, as bodies of requests. Where two sources contradict each other, the row has the
one that loses no render.
"""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest
from PIL import Image

from shared.domain.errors import InvalidRequest
from shared.lifecycle.requests.quote import quote
from shared.lifecycle.services import Services
from tests.support.movies import movie
from triggers.web import bodies

FOLDER = Path(__file__).parent / "matrices"
MODELS = {path.stem: path for path in sorted(FOLDER.glob("*.csv"))}
COLUMNS = ["size", "seconds", "n_variants", "prompt_characters", "input", "refused", "source"]


def rows() -> Iterator[tuple[str, dict[str, str]]]:
    for model, path in MODELS.items():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                yield model, row


def name(case: tuple[str, dict[str, str]]) -> str:
    model, row = case
    return "-".join(filter(None, [model, *(row[column] for column in COLUMNS[:-1])]))


def file(kind: str) -> str:
    """A data URL: `image`, or `video` and its seconds."""
    if kind == "image":
        out = io.BytesIO()
        Image.new("RGB", (64, 48), (200, 30, 30)).save(out, "PNG")
        return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
    data = movie(frames=12 * int(kind.removeprefix("video")))
    return "data:video/mp4;base64," + base64.b64encode(data).decode()


def body(model: str, row: dict[str, str]) -> dict[str, Any]:
    """The request of a row; the prompt has ten characters where it does not say."""
    made: dict[str, Any] = {
        "model": model,
        "prompt": "p" * int(row["prompt_characters"] or 10),
        "size": row["size"],
        "seconds": row["seconds"],
        "n_variants": int(row["n_variants"]),
    }
    kinds = row["input"].split()
    if row["input"].startswith("reference:"):
        made["input_reference"] = {"image_url": file(row["input"].removeprefix("reference:"))}
    elif kinds:
        made["inpaint_items"] = [
            {"type": "image" if kind == "image" else "video", "image_url": file(kind)}
            for kind in kinds
        ]
    return made


@pytest.fixture
def services(services_with: Callable[..., Services]) -> Services:
    return services_with(MAX_JOB_USD="-1", BUDGET_USD_PER_DAY="-1")


@pytest.mark.parametrize("model", MODELS)
def test_the_matrix(services: Services, model: str) -> None:
    """All rows of a model on one storage account: a quote writes nothing."""
    wrong = []
    for _, row in (case for case in rows() if case[0] == model):
        refused = _validated(services, body(model, row))
        if refused != (row["refused"] or None):
            wrong.append(f"{name((model, row))}: {refused or 'allowed'} ({row['source']})")
    assert not wrong, "\n".join(wrong)


def _validated(services: Services, sent: dict[str, Any]) -> str | None:
    """The parameter that a request is refused for, None where it is taken."""
    request = func.HttpRequest(
        "POST",
        "http://x/",
        headers={"content-type": "application/json"},
        body=json.dumps(sent).encode(),
    )
    try:
        new = bodies.create_video(request)
        quote(services, "key:local", new.request, new.sources)
    except InvalidRequest as error:
        return str(error.param)
    return None


def test_the_matrices_are_whole() -> None:
    """Both models, a source for every row, both verdicts for every parameter, no row twice."""
    cases = list(rows())
    assert {model for model, _ in cases} == {"sora", "sora-2"}
    assert len({name((model, {**row, "refused": ""})) for model, row in cases}) == len(cases)
    for model in MODELS:
        mine = [row for found, row in cases if found == model]
        assert all(list(row) == COLUMNS and len(row["source"]) > 20 for row in mine)
        blamed = {row["refused"] for row in mine}
        assert blamed >= {"", "size", "seconds", "n_variants", "prompt"}
        allowed = [row for row in mine if not row["refused"]]
        assert any(row["input"] for row in allowed)
        assert len({row["size"] for row in allowed}) == {"sora": 9, "sora-2": 4}[model]
