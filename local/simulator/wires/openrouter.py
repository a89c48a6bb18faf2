"""OpenRouter, from the documentation of its video generation API; not run."""

import re
import uuid
from typing import Any
from urllib.parse import urlsplit

from local.simulator.config import Deployment
from local.simulator.errors import ApiError
from local.simulator.jobs import Job
from local.simulator.renderer import Kind
from local.simulator.sora2 import OpenAI
from local.simulator.sora2_fields import Asked, asked, checked_image, read_data_url, read_prompt
from local.simulator.wire import Call, Reply
from local.simulator.world import World

USD_PER_SECOND = 0.05
"""What `usage.cost` counts here; the real price is the model's."""

_FIELDS = frozenset(
    {
        "model", "prompt", "duration", "resolution", "aspect_ratio", "size", "frame_images",
        "input_references", "generate_audio", "seed", "callback_url", "provider",
    }
)  # fmt: skip
_LINES = {"480p": 480, "720p": 720, "1080p": 1080}
_RATIOS = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1), "4:3": (4, 3), "3:4": (3, 4)}
_WORDS = {"queued": "pending"}


class OpenRouter(OpenAI):
    """Its own field names, JSON only; no list, no delete; says what a video cost."""

    name = "openrouter"
    prefix = "/api/v1"
    takes_api_key = False
    absent = ("list", "delete", "remix")
    created_status = 202

    async def parse(self, call: Call, deployment: Deployment) -> Asked:
        """`duration` is a number; the size is `size`, or `resolution` and `aspect_ratio`; images
        are data URLs in `frame_images`. [?] that unknown fields are refused."""
        fields = call.body.fields
        if call.body.is_form:
            raise ApiError(400, "Expected a JSON body")
        for name in fields:
            if name not in _FIELDS:
                raise ApiError(400, f"Unrecognized key: {name}")
        prompt, seconds = read_prompt(fields), fields.get("duration", 4)
        if not isinstance(seconds, int) or not 1 <= seconds <= 60:
            raise ApiError(400, "duration: expected a number of seconds")
        size = _size(fields)
        _check_callback(fields.get("callback_url"))
        images = fields.get("frame_images") or []
        reference = None
        for image in images:
            if image.get("type") != "image_url" or image.get("frame_type") not in _FRAMES:
                raise ApiError(400, "frame_images: expected type image_url and a frame_type")
            data = await checked_image(read_data_url(image["image_url"].get("url")), None)
            reference = reference or data
        return asked(prompt, size, seconds, reference)

    def created(self, world: World, job: Job) -> Reply:
        """202, and where to ask."""
        video = self.video(world, job)
        shown = {name: video[name] for name in ("id", "polling_url", "status")}
        return Reply(self.created_status, shown, job=job)

    def variant(self, call: Call) -> tuple[Kind, str]:
        """`index` is the number of an output, and there is one."""
        if call.query.get("index", "0") != "0":
            raise ApiError(404, "No such output")
        return "video", "video/mp4"

    def new_id(self, now: float) -> str:
        """Opaque."""
        return str(uuid.uuid4())

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """No time, no progress, no size; the cost once it is completed, `error` a text."""
        word = job.status(world.clock.now())
        path = f"{self.prefix}/videos/{job.id}"
        video: dict[str, Any] = {
            "id": job.id,
            "polling_url": path,
            "status": _WORDS.get(word, word),
        }
        if job.ending == "completed":
            cost = round(USD_PER_SECOND * job.spec.seconds, 6)
            video |= {
                "generation_id": f"gen-{job.id}",
                "unsigned_urls": [f"{path}/content?index=0"],
                "usage": {"cost": cost, "is_byok": False},
            }
        if job.error is not None:
            video["error"] = job.error.message
        return video

    def not_ready(self, world: World, job: Job) -> ApiError:
        """[?] the status."""
        return ApiError(400, "Video generation is not completed")

    def not_found(self, given: str) -> ApiError:
        """404 with a text."""
        return ApiError(404, "Video generation job not found")

    def unknown_model(self, name: str) -> ApiError:
        """[?] the words."""
        return ApiError(400, f"{name} is not a valid model ID")

    def denied(self, key: str | None) -> ApiError:
        """[?] the words."""
        return ApiError(401, "No auth credentials found")

    def no_method(self, method: str, path: str) -> ApiError:
        """[?] that a wrong method is an unknown path."""
        return self.no_route(method, path)

    def no_route(self, method: str, path: str) -> ApiError:
        """[?] the words."""
        return ApiError(404, "Not Found")

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """A text."""
        return Reply(error.status, {"error": error.message}, headers=dict(error.headers))


_FRAMES = ("first_frame", "last_frame")


def _check_callback(url: object) -> None:
    """HTTPS, but for this machine. [?] the status and the words."""
    if url is None:
        return
    parts = urlsplit(str(url))
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise ApiError(400, "callback_url: expected an HTTPS URL")


def _size(fields: dict[str, Any]) -> tuple[int, int]:
    size, resolution = fields.get("size"), fields.get("resolution", "720p")
    if size is not None:
        match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", str(size))
        if match is None:
            raise ApiError(400, "size: expected WIDTHxHEIGHT")
        return int(match[1]), int(match[2])
    ratio = _RATIOS.get(str(fields.get("aspect_ratio", "16:9")))
    if resolution not in _LINES or ratio is None:
        raise ApiError(400, "resolution or aspect_ratio: not supported")
    lines = _LINES[resolution]
    # the shorter side has that many lines
    scale = lines / min(ratio)
    return round(ratio[0] * scale / 2) * 2, round(ratio[1] * scale / 2) * 2
