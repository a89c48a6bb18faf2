"""What the servers on GPUs of one's own have in common: vLLM-Omni, SGLang, TensorRT-LLM.

Each serves one model, without a key unless started with one, and keeps its jobs in memory.
"""

import re

from local.simulator.config import Config, Deployment
from local.simulator.errors import ApiError, Face
from local.simulator.renderer import Kind
from local.simulator.sora2 import Sora2
from local.simulator.sora2_fields import Asked, asked, read_reference
from local.simulator.wire import Call, Reply

_LONGEST = 60
"""Seconds."""


class SelfHosted(Sora2):
    """A server of one model; here of one model for each of its deployments."""

    prefix = "/v1"
    face: Face = "openai"
    takes_api_key = False
    needs_key = False
    forgets = True
    ranges = True  # Starlette's FileResponse
    absent: tuple[str, ...] = ("remix",)

    def named(self, config: Config, model: object) -> Deployment | None:
        """The one of that name; else the first, as a server of one model does not have to be
        told."""
        mine = [entry for entry in config.deployments if self.serves(config, entry)]
        return next((entry for entry in mine if entry.name == model), mine[0] if mine else None)

    def after_unknown(self, after: str) -> Reply:
        """An empty page: vLLM-Omni's and SGLang's; TensorRT-LLM has no pages."""
        return Reply(
            json={"data": [], "object": "list", "has_more": False}
            | {"first_id": None, "last_id": None}
        )

    def variant(self, call: Call) -> tuple[Kind, str]:
        """There is nothing but the MP4: `variant` is ignored."""
        return "video", "video/mp4"

    def denied(self, key: str | None) -> ApiError:
        """vLLM's and SGLang's middleware, where a key is set."""
        return ApiError(401, "Unauthorized")

    def no_route(self, method: str, path: str) -> ApiError:
        """FastAPI's."""
        return ApiError(404, "Not Found")

    def no_method(self, method: str, path: str) -> ApiError:
        """FastAPI's."""
        return ApiError(405, "Method Not Allowed")

    def not_found(self, given: str) -> ApiError:
        """The words of vLLM-Omni and SGLang."""
        return ApiError(404, "Video not found")


async def read_asked(call: Call, deployment: Deployment, seconds: int) -> Asked:
    """A create of `seconds`; any even size, and an image of any size.

    Raises:
        ApiError: 400.
    """
    fields = call.body.fields
    size = fields.get("size") or deployment.allowed_sizes[0]
    match = re.fullmatch(r"(\d{2,4})x(\d{2,4})", str(size))
    if match is None or int(match[1]) % 2 or int(match[2]) % 2:
        raise ApiError(400, f"Invalid size: {size!r}")
    if not 0 < seconds <= _LONGEST:
        raise ApiError(400, f"seconds must be between 1 and {_LONGEST}")
    reference = await read_reference(call.body, None)
    return asked(str(fields["prompt"]), (int(match[1]), int(match[2])), seconds, reference)
