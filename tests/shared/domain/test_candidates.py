"""Which job of a list may be ours, by what the list shows."""

from typing import Any

import pytest

from shared.domain.candidates import Fit, fit
from shared.domain.job import JobSummary
from shared.domain.profiles import PROFILES, ProfileName
from shared.domain.request import VideoRequest

REQUEST = VideoRequest(model="wan", prompt="a fox in snow", width=1280, height=720, seconds=4)
OURS: dict[str, Any] = {
    "job_id": "j",
    "created_at": 100.0,
    "model": "wan-2.2",
    "width": 1280,
    "height": 720,
    "seconds": 4.0,
    "variants": 1,
    "prompt": "a fox in snow",
}


@pytest.mark.parametrize(
    ("profile", "shown", "how"),
    [
        ("azure", {}, Fit.SURE),
        ("azure", {"prompt": None}, Fit.YES),
        # what a list does not show excludes nobody
        ("azure", {"prompt": None, "seconds": 0, "model": "", "width": 0, "height": 0}, Fit.YES),
        ("azure", {"prompt": "a cat"}, Fit.NO),
        ("azure", {"model": "other"}, Fit.NO),
        ("azure", {"model": "wan-2.2-2025-10-06"}, Fit.SURE),
        ("azure", {"prompt": " a  fox\nin snow "}, Fit.SURE),
        # a server that repeats what it was asked for
        ("azure", {"seconds": 5.0}, Fit.NO),
        ("azure", {"height": 704}, Fit.NO),
        ("azure", {"variants": 2}, Fit.NO),
        # a server that lists what it made
        ("sglang", {"prompt": None, "seconds": 5.0}, Fit.YES),
        ("sglang", {"prompt": None, "seconds": 4.06}, Fit.YES),
        ("sglang", {"prompt": None, "height": 704}, Fit.YES),
        ("sglang", {"prompt": None, "seconds": 12.0}, Fit.MAYBE),
        ("sglang", {"prompt": None, "width": 720, "height": 1280}, Fit.MAYBE),
        ("sglang", {"prompt": "a cat", "seconds": 12.0}, Fit.NO),
        ("sglang", {"model": "other", "prompt": None}, Fit.NO),
        # a gateway that names its provider's model
        ("litellm", {"model": "sora-2", "prompt": None}, Fit.YES),
        ("bifrost", {"model": "openai/wan-2.2"}, Fit.SURE),
    ],
)
def test_fit(profile: ProfileName, shown: dict[str, Any], how: Fit) -> None:
    job = JobSummary(**{**OURS, **shown})
    assert fit(job, REQUEST, ("wan-2.2", "wan"), PROFILES[profile]) is how


def test_a_list_may_cut_long_prompts_but_a_short_beginning_is_another_prompt() -> None:
    prompt = "a red fox walks slowly through deep snow under a pale winter sun"
    request = VideoRequest(model="wan", prompt=prompt, width=1280, height=720, seconds=4)
    shown = {**OURS, "prompt": prompt[:45] + "..."}
    assert fit(JobSummary(**shown), request, ("wan-2.2",), PROFILES["azure"]) is Fit.SURE
    shown = {**OURS, "prompt": "a red fox"}
    assert fit(JobSummary(**shown), request, ("wan-2.2",), PROFILES["azure"]) is Fit.NO
