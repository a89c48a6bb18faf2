"""The models with built-in capabilities and prices, which validation, defaults and /models read.

They follow the public references; where those contradict each other, the stricter one. `UPSTREAMS`
can replace any value per deployment, since the live service has accepted sizes that its
documentation does not list.
"""

from collections.abc import Mapping

from shared.domain.capabilities import Capabilities
from shared.domain.limits import LONGEST_PROMPT
from shared.domain.money import Price

_720P = 1280 * 720


def _both_ways(*sizes: tuple[int, int]) -> tuple[str, ...]:
    listed: dict[str, None] = {}
    for width, height in sizes:
        listed[f"{width}x{height}"] = None
        listed[f"{height}x{width}"] = None
    return tuple(listed)


MODELS: Mapping[str, Capabilities] = {
    # Spec azure-v1-preview: sizes in either orientation, 1..20 s. The concept page gives variants
    # by resolution (1080p 1, 720p 2, else 4; 720x720 counts as 720p). Microsoft's own PyRIT
    # refuses more than 10 s at 1080x1080 and above. Inputs: two images, or one video of 5 s.
    "sora": Capabilities(
        sizes=_both_ways(
            (480, 480), (854, 480), (720, 720), (1280, 720), (1080, 1080), (1920, 1080)
        ),
        default_size="1280x720",
        seconds=tuple(range(1, 21)),
        default_seconds=5,
        prompt_characters=LONGEST_PROMPT,
        variants={720 * 720 - 1: 4, _720P: 2},
        seconds_above_pixels={_720P: 10},
        images=2,
        input_video_seconds=5,
        placed_inputs=True,
    ),
    # OpenAI's openapi.yaml: the four sizes, 4/8/12 s, 32,000 characters. Azure documented the two
    # 720p sizes, and its version 2025-12-08 accepted the 1792 ones as well. One first-frame image.
    "sora-2": Capabilities(
        sizes=("720x1280", "1280x720", "1024x1792", "1792x1024"),
        default_size="720x1280",
        seconds=(4, 8, 12),
        default_seconds=4,
        prompt_characters=LONGEST_PROMPT,
        images=1,
        remix=True,
    ),
}

PRICES: Mapping[str, Price] = {
    # Microsoft publishes no price of Sora 1; this is the widely quoted rate, marked as an estimate.
    "sora": Price(version="sora@2025-05/estimate", rate=50_000, reference_pixels=_720P),
    "sora-2": Price(version="sora-2@2025-10", rate=100_000),
}
