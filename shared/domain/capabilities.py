"""What each model can do: the one table that validation, defaults and /models read.

Transcribed from the public references with their contradictions settled conservatively; any value
can be replaced per deployment in `UPSTREAMS` without a release, because the live service has
accepted sizes its documentation never listed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.errors import InvalidRequest
from shared.domain.money import Price
from shared.domain.request import VideoRequest

_MOST_FRAMES_PER_SECOND = 30

SORA_1 = "sora-1"
SORA_2 = "sora-2"


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """Allowed values of one model. Sizes are `WIDTHxHEIGHT`."""

    sizes: tuple[str, ...]
    default_size: str
    seconds: tuple[int, ...]
    default_seconds: int
    prompt_characters: int
    variants: Mapping[int, int] = field(default_factory=dict)
    """Most variants by number of pixels, as `{at most this many pixels: variants}`; empty: one."""
    seconds_above_pixels: Mapping[int, int] = field(default_factory=dict)
    """Longest video by number of pixels, as `{more than this many pixels: seconds}`."""
    images: int = 0
    """Most input images of one request."""
    input_video_seconds: int = 0
    """The longest input video; 0: none is taken. A video is the only input of its request."""
    placed_inputs: bool = False
    """Whether an input may begin at any frame (`frame_index`) and be cropped by the upstream."""
    remix: bool = False

    def max_variants(self, pixels: int) -> int:
        """How many variants a request at this many pixels may ask for."""
        for limit in sorted(self.variants):
            if pixels <= limit:
                return self.variants[limit]
        return 1

    def max_seconds(self, pixels: int) -> int:
        """The longest video at this many pixels."""
        allowed = [s for limit, s in self.seconds_above_pixels.items() if pixels > limit]
        return min([*allowed, max(self.seconds)])


def check(request: VideoRequest, allowed: Capabilities) -> None:
    """Raise InvalidRequest, naming parameter, value and what is allowed, unless all of it fits."""
    if not request.prompt.strip():
        raise InvalidRequest("prompt is empty: say what the video shows.", param="prompt")
    if len(request.prompt) > allowed.prompt_characters:
        raise InvalidRequest(
            f"prompt has {len(request.prompt):,} characters; "
            f"{request.model} takes at most {allowed.prompt_characters:,}.",
            param="prompt",
        )
    if request.size not in allowed.sizes:
        raise InvalidRequest(
            f"size {request.size} is not supported by {request.model}. "
            f"Supported sizes: {', '.join(allowed.sizes)}.",
            param="size",
        )
    if request.seconds not in allowed.seconds:
        raise InvalidRequest(
            f"seconds {request.seconds} is not supported by {request.model}. "
            f"Supported: {_ranges(allowed.seconds)}.",
            param="seconds",
        )
    pixels = request.width * request.height
    if request.seconds > (longest := allowed.max_seconds(pixels)):
        raise InvalidRequest(
            f"seconds {request.seconds} is too long at {request.size}: "
            f"{request.model} renders at most {longest} s there.",
            param="seconds",
        )
    most = allowed.max_variants(pixels)
    if not 1 <= request.variants <= most:
        raise InvalidRequest(
            f"n_variants {request.variants} is not supported at {request.size}: "
            f"{request.model} makes 1 to {most} there."
            if most > 1
            else f"n_variants {request.variants} is not supported: "
            f"{request.model} makes one video per request at {request.size}.",
            param="n_variants",
        )
    _check_inputs(request, allowed)
    if request.remix is not None and not allowed.remix:
        raise InvalidRequest(f"{request.model} cannot remix a video.", code="unsupported_operation")


def _check_inputs(request: VideoRequest, allowed: Capabilities) -> None:
    videos = [each for each in request.inputs if each.is_video]
    images = len(request.inputs) - len(videos)
    if videos and not allowed.input_video_seconds:
        raise InvalidRequest(
            f"{request.model} takes no video as an input.", param=_input_param(allowed)
        )
    if videos and len(request.inputs) > 1:
        raise InvalidRequest("A video must be the only input.", param="inpaint_items")
    if images > allowed.images:
        raise InvalidRequest(
            f"{images} images were sent; {request.model} takes "
            + (f"at most {allowed.images}." if allowed.images else "none."),
            param=_input_param(allowed),
        )
    for each in request.inputs:
        placed = each.frame_index != 0 or each.crop is not None
        if placed and not allowed.placed_inputs:
            raise InvalidRequest(
                f"{request.model} takes an image as its first frame only: send input_reference, "
                "not inpaint_items.",
                param="inpaint_items",
            )
        last = request.seconds * _MOST_FRAMES_PER_SECOND
        if not 0 <= each.frame_index <= last:
            raise InvalidRequest(
                f"frame_index {each.frame_index} is not a frame of a video of "
                f"{request.seconds} s: 0 to {last}.",
                param="inpaint_items",
            )


def _input_param(allowed: Capabilities) -> str:
    return "inpaint_items" if allowed.placed_inputs else "input_reference"


def _ranges(values: tuple[int, ...]) -> str:
    ordered = sorted(values)
    if len(ordered) > 3 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(str(value) for value in ordered)


_720P = 1280 * 720


def _both_ways(*sizes: tuple[int, int]) -> tuple[str, ...]:
    listed: dict[str, None] = {}
    for width, height in sizes:
        listed[f"{width}x{height}"] = None
        listed[f"{height}x{width}"] = None
    return tuple(listed)


MODELS: Mapping[str, Capabilities] = {
    # Spec azure-v1-preview: sizes in either orientation, 1..20 s. The concept page gives variants
    # by resolution (1080p 1, 720p 2, else 4; 720x720 is taken for 720p). Microsoft's own PyRIT
    # refuses more than 10 s at 1080x1080 and above. Inputs: two images, or one video of 5 s.
    "sora": Capabilities(
        sizes=_both_ways(
            (480, 480), (854, 480), (720, 720), (1280, 720), (1080, 1080), (1920, 1080)
        ),
        default_size="1280x720",
        seconds=tuple(range(1, 21)),
        default_seconds=5,
        prompt_characters=32_000,
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
        prompt_characters=32_000,
        images=1,
        remix=True,
    ),
}

PRICES: Mapping[str, Price] = {
    # Microsoft publishes no table for Sora 1; the widely quoted rate is marked as an estimate.
    "sora": Price(
        version="sora@2025-05/estimate", per_second_micro_usd=50_000, reference_pixels=_720P
    ),
    "sora-2": Price(version="sora-2@2025-10", per_second_micro_usd=100_000),
}
