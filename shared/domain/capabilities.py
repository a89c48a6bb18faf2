"""What a model can do, and the check of a request against it. `models` lists the known ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain.errors import InvalidRequest
from shared.domain.request import VideoRequest

_MOST_FRAMES_PER_SECOND = 30


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What one model allows. Sizes are `WIDTHxHEIGHT`."""

    sizes: tuple[str, ...]
    default_size: str
    seconds: tuple[int, ...]
    default_seconds: int
    prompt_characters: int
    variants: Mapping[int, int] = field(default_factory=dict)
    """Most variants, as `{at most this many pixels: variants}`; empty: one."""
    seconds_above_pixels: Mapping[int, int] = field(default_factory=dict)
    """Longest video, as `{more than this many pixels: seconds}`."""
    images: int = 0
    """Most input images in one request."""
    input_video_seconds: int = 0
    """The longest input video; 0 allows none. A video must be a request's only input."""
    placed_inputs: bool = False
    """Whether an input may begin at any frame (`frame_index`) and be cropped by the upstream."""
    remix: bool = False

    def max_variants(self, pixels: int) -> int:
        """Most variants of a request at this many pixels."""
        for limit in sorted(self.variants):
            if pixels <= limit:
                return self.variants[limit]
        return 1

    def max_seconds(self, pixels: int) -> int:
        """The longest video at this many pixels."""
        allowed = [s for limit, s in self.seconds_above_pixels.items() if pixels > limit]
        return min([*allowed, max(self.seconds)])


def check(request: VideoRequest, allowed: Capabilities) -> None:
    """Raise InvalidRequest, with the parameter, its value and what is allowed, unless it fits."""
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
    videos = [item for item in request.inputs if item.is_video]
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
    for item in request.inputs:
        placed = item.frame_index != 0 or item.crop is not None
        if placed and not allowed.placed_inputs:
            raise InvalidRequest(
                f"{request.model} takes an image as its first frame only: send input_reference, "
                "not inpaint_items.",
                param="inpaint_items",
            )
        last = request.seconds * _MOST_FRAMES_PER_SECOND
        if not 0 <= item.frame_index <= last:
            raise InvalidRequest(
                f"frame_index {item.frame_index} is not a frame of a video of "
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
