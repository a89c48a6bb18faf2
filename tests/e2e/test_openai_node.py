"""OpenAI's Node client against the running stack: one whole life of videos."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.stack import API_KEY
from tests.conftest import Simulator
from tests.support.media import picture, played, seen
from tests.support.stacks import Client

SCRIPT = Path(__file__).with_name("openai_node.mjs")


@pytest.mark.skipif(
    shutil.which("node") is None,
    reason="there is no 'node' on the PATH: OpenAI's Node client was not tried",
)
def test_the_node_client_works_unchanged(api: Client, simulator: Simulator, tmp_path: Path) -> None:
    for number, name in enumerate(("frame.png", "last.png")):
        (tmp_path / name).write_bytes(picture(900, 700, seed=number))
    ran = subprocess.run(
        ["node", str(SCRIPT)],
        env={
            **os.environ,
            "BASE_URL": api.stack.api,
            "API_KEY": API_KEY,
            "FOLDER": str(tmp_path),
            "OPENAI_LOG": "error",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    report = json.loads(ran.stdout)

    made, source = report["made"], report["source"]
    assert (made["status"], made["seconds"], made["size"]) == ("queued", "8", "1280x720")
    assert made["metadata"] == {"order": "17", "for": "a friend"}
    assert (source["id"], source["status"], source["progress"]) == (made["id"], "completed", 100)
    assert source["cost"]["actual"] == "0.80"
    width, height, seconds, sound = played((tmp_path / "video.mp4").read_bytes())
    assert (width, height, round(seconds), sound) == (1280, 720, 8, True)
    assert seen((tmp_path / "thumbnail.webp").read_bytes()) == ("WEBP", 640, 360)
    assert seen((tmp_path / "spritesheet.jpg").read_bytes())[0] == "JPEG"

    remix = report["remix"]
    assert (remix["status"], remix["remixed_from_video_id"]) == ("completed", source["id"])
    variants = report["variants"]
    assert (variants["status"], len(variants["outputs"])) == ("completed", 2)
    for number in range(2):
        assert played((tmp_path / f"variant-{number}.mp4").read_bytes())[:2] == (480, 480)

    files = report["files"]
    image, started = files["image"], files["started"]
    sent = (tmp_path / "frame.png").read_bytes()
    assert (image["filename"], image["bytes"]) == ("frame.png", len(sent))
    assert image["id"] in files["uploads"]
    assert (tmp_path / "again.png").read_bytes() == sent
    assert files["deleted"] == {"id": image["id"], "object": "file", "deleted": True}

    batches = report["batches"]
    ordered, batch = batches["ordered"], batches["batch"]
    assert (ordered["object"], ordered["status"]) == ("batch", "validating")
    assert (batch["id"], batch["status"], batch["errors"]) == (ordered["id"], "completed", None)
    assert batch["request_counts"]["completed"] == batch["request_counts"]["total"] == 2
    assert (batch["cost"]["settled"], batch["cost"]["budget"]) == ("0.80", "5.00")
    answers = {each["custom_id"]: each["response"] for each in batches["results"]}
    assert {name: answer["status_code"] for name, answer in answers.items()} == {
        "fox-1": 200,
        "fox-2": 200,
    }
    assert batches["listed"].count(batch["id"]) == 1
    of_batch = {answer["body"]["id"] for answer in answers.values()}
    report["listed"] = [video_id for video_id in report["listed"] if video_id not in of_batch]

    assert report["listed"][:4] == [started["id"], variants["id"], remix["id"], source["id"]]
    assert len(set(report["listed"])) == len(report["listed"])

    errors = report["errors"]
    assert {name: (error["kind"], error["code"]) for name, error in errors.items()} == {
        "stream": ("APIError", "length_required"),
        "size": ("BadRequestError", "invalid_value"),
        "missing": ("NotFoundError", "not_found"),
        "key": ("AuthenticationError", "invalid_api_key"),
        "cancelled": ("ConflictError", "not_cancellable"),
        "batch": ("ConflictError", "not_cancellable"),
        "deleted": ("NotFoundError", "not_found"),
    }
    assert errors["size"]["param"] == "size"
    assert errors["size"]["body"]["charged"] is False
    assert errors["size"]["requestID"].startswith("req_")
    for name in ("cancelled", "batch"):
        assert errors[name]["asked"] == 1  # though the client repeats a 409 by itself
    assert report["deleted"] == {"id": source["id"], "object": "video.deleted", "deleted": True}

    jobs = simulator.journal()["jobs"]
    # the deleted one, its remix, the one with variants, the one from an uploaded image, two lines
    ended = ["deleted", "completed", "succeeded", *["completed"] * 3]
    assert [job["status"] for job in jobs] == ended
    assert [len(job["request"]["files"]) for job in jobs] == [1, 0, 2, 1, 0, 0]
