"""What a model can do, and the check of a request against it. `models` lists the known ones."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.domain import parameters
from shared.domain.errors import InvalidRequest
from shared.domain.parameters import Parameter
from shared.domain.request import VideoRequest
from shared.domain.sizes import SizeRule

_MOST_FRAMES_PER_SECOND = 30


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """What one model allows. Sizes are `WIDTHxHEIGHT`, listed or by a rule."""

    sizes: tuple[str, ...] = ()
    size_rule: SizeRule | None = None
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
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    """What it takes beside the API's own fields, by name."""

    @property
    def listed(self) -> tuple[str, ...]:
        """Sizes to show: all, or the default one where a rule says which others are taken."""
        return self.sizes if self.size_rule is None else (self.default_size,)

    def takes_size(self, width: int, height: int) -> bool:
        if self.size_rule is not None:
            return self.size_rule.allows(width, height)
        return f"{width}x{height}" in self.sizes

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
            f"{request.renderer} takes at most {allowed.prompt_characters:,}.",
            param="prompt",
        )
    if not allowed.takes_size(request.width, request.height):
        raise InvalidRequest(
            f"size {request.size} is not supported by {request.renderer}. "
            + _supported_sizes(request, allowed),
            param="size",
        )
    if request.seconds not in allowed.seconds:
        raise InvalidRequest(
            f"seconds {request.seconds} is not supported by {request.renderer}. "
            f"Supported: {_ranges(allowed.seconds)}.",
            param="seconds",
        )
    pixels = request.width * request.height
    if request.seconds > (longest := allowed.max_seconds(pixels)):
        raise InvalidRequest(
            f"seconds {request.seconds} is too long at {request.size}: "
            f"{request.renderer} renders at most {longest} s there.",
            param="seconds",
        )
    most = allowed.max_variants(pixels)
    if not 1 <= request.variants <= most:
        raise InvalidRequest(
            f"n_variants {request.variants} is not supported at {request.size}: "
            f"{request.renderer} makes 1 to {most} there."
            if most > 1
            else f"n_variants {request.variants} is not supported: "
            f"{request.renderer} makes one video per request at {request.size}.",
            param="n_variants",
        )
    _check_inputs(request, allowed)
    parameters.check(request.parameters, allowed.parameters, request.renderer)
    if request.remix is not None and not allowed.remix:
        raise InvalidRequest(
            f"{request.renderer} cannot remix a video.", code="unsupported_operation"
        )


def _check_inputs(request: VideoRequest, allowed: Capabilities) -> None:
    videos = [item for item in request.inputs if item.is_video]
    images = len(request.inputs) - len(videos)
    if videos and not allowed.input_video_seconds:
        raise InvalidRequest(
            f"{request.renderer} takes no video as an input.", param=_input_param(allowed)
        )
    if videos and len(request.inputs) > 1:
        raise InvalidRequest("A video must be the only input.", param="inpaint_items")
    if images > allowed.images:
        raise InvalidRequest(
            f"{images} images were sent; {request.renderer} takes "
            + (f"at most {allowed.images}." if allowed.images else "none."),
            param=_input_param(allowed),
        )
    for item in request.inputs:
        placed = item.frame_index != 0 or item.crop is not None
        if placed and not allowed.placed_inputs:
            raise InvalidRequest(
                f"{request.renderer} takes an image as its first frame only: send input_reference, "
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


def _supported_sizes(request: VideoRequest, allowed: Capabilities) -> str:
    if allowed.size_rule is None:
        return f"Supported sizes: {', '.join(allowed.sizes)}."
    width, height = allowed.size_rule.nearest(request.width, request.height)
    return f"Supported: {allowed.size_rule.words}. The nearest is {width}x{height}."


def _input_param(allowed: Capabilities) -> str:
    return "inpaint_items" if allowed.placed_inputs else "input_reference"


def _ranges(values: tuple[int, ...]) -> str:
    ordered = sorted(values)
    if len(ordered) > 3 and ordered == list(range(ordered[0], ordered[-1] + 1)):
        return f"{ordered[0]} to {ordered[-1]}"
    return ", ".join(str(value) for value in ordered)
