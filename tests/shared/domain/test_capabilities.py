"""What each model takes, and how a refusal reads."""

import pytest

from shared.domain.capabilities import check
from shared.domain.errors import InvalidRequest
from shared.domain.models import MODELS
from shared.domain.request import VideoRequest


def request(
    model: str = "sora-2",
    size: str = "720x1280",
    seconds: int = 4,
    variants: int = 1,
    prompt: str = "p",
) -> VideoRequest:
    width, height = (int(part) for part in size.split("x"))
    return VideoRequest(
        model=model, prompt=prompt, width=width, height=height, seconds=seconds, variants=variants
    )


@pytest.mark.parametrize(
    "allowed",
    [
        request(),
        request(size="1792x1024", seconds=12),
        request("sora", "480x480", 20, 4),
        request("sora", "1280x720", 20, 2),
        request("sora", "720x1280", 1, 2),
        request("sora", "1920x1080", 10, 1),
        request("sora", "1080x1080", 10, 1),
        request(prompt="p" * 32_000),
    ],
)
def test_allowed(allowed: VideoRequest) -> None:
    check(allowed, MODELS[allowed.model])


@pytest.mark.parametrize(
    ("refused", "param", "says"),
    [
        (request(seconds=5), "seconds", "4, 8, 12"),
        (request(size="480x480"), "size", "720x1280"),
        (request(variants=2), "n_variants", "one video"),
        (request(prompt="   "), "prompt", "empty"),
        (request(prompt="p" * 32_001), "prompt", "32,001"),
        (request("sora", "1920x1080", 11), "seconds", "at most 10"),
        (request("sora", "1080x1080", 11), "seconds", "at most 10"),
        (request("sora", "1280x720", 21), "seconds", "1 to 20"),
        (request("sora", "1280x720", 5, 3), "n_variants", "1 to 2"),
        (request("sora", "1920x1080", 5, 2), "n_variants", "one video"),
        (request("sora", "854x480", 5, 5), "n_variants", "1 to 4"),
        (request("sora", "854x480", 5, 0), "n_variants", "1 to 4"),
    ],
)
def test_refused_with_parameter_value_and_what_is_allowed(
    refused: VideoRequest, param: str, says: str
) -> None:
    with pytest.raises(InvalidRequest) as raised:
        check(refused, MODELS[refused.model])
    assert raised.value.param == param
    assert says in raised.value.message
    assert not raised.value.charged
