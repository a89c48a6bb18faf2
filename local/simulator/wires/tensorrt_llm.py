"""TensorRT-LLM 0076e939: `tensorrt_llm/serve/openai_video_routes.py` and `openai_protocol.py`, read
and not run."""

import secrets
from typing import Any

from local.simulator.config import Deployment
from local.simulator.errors import ApiError
from local.simulator.jobs import Job
from local.simulator.sora2_fields import Asked
from local.simulator.wire import Call, Reply
from local.simulator.wires.self_hosted import SelfHosted, read_asked
from local.simulator.world import World

_FIELDS = frozenset(
    {
        "prompt", "model", "size", "width", "height", "seconds", "num_frames", "fps", "frame_rate",
        "seed", "negative_prompt", "guidance_scale", "guidance_rescale", "num_inference_steps",
        "max_sequence_length", "n", "input_reference", "image_reference", "output_format", "format",
        "response_format", "extra_params",
    }
)  # fmt: skip
_TYPES = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError"}


class TensorRtLlm(SelfHosted):
    """`duration` instead of `seconds`, errors as text, words of its own, one page oldest first."""

    name = "tensorrt-llm"
    created_status = 202

    async def parse(self, call: Call, deployment: Deployment) -> Asked:
        """JSON or form; a field that it does not know is 422."""
        fields = call.body.fields
        if "prompt" not in fields:
            raise ApiError(400, "'prompt' is required")
        for field in fields:
            if field not in _FIELDS:
                raise ApiError(422, f"{field}: Extra inputs are not permitted")
        try:
            seconds = float(fields.get("seconds") or 4)
        except (TypeError, ValueError):
            raise ApiError(400, f"could not convert string to float: {fields['seconds']!r}") from (
                None
            )
        return await read_asked(call, deployment, round(seconds))

    async def listing(self, world: World, call: Call) -> Reply:
        """All jobs, oldest first, whatever the query says."""
        rows = [self.video(world, job) for job in reversed(self.listed(world))]
        return Reply(json={"data": rows, "object": "list"})

    def new_id(self, now: float) -> str:
        """`video_` and 32 hex digits."""
        return f"video_{secrets.token_hex(16)}"

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """`VideoJob`: no `seconds`, no progress, `duration` as asked for, `error` a text."""
        asked = job.request.get("fields", {})
        ended = None if job.ended_at is None else int(job.ended_at)
        return {
            "completed_at": ended,
            "created_at": int(job.created_at),
            "error": None if job.error is None else job.error.message,
            "expires_at": None,
            "id": job.id,
            "model": job.deployment,
            "object": "video",
            "progress": None,
            "prompt": job.spec.prompt,
            "status": _word(world, job),
            "duration": float(job.spec.seconds) if job.foreign or asked.get("seconds") else None,
            "fps": None,
            "size": job.spec.size,
            "response_format": None,
        }

    def deleted(self, world: World, job: Job) -> dict[str, Any]:
        """It says no more than that."""
        return {"deleted": True}

    def not_ready(self, world: World, job: Job) -> ApiError:
        """400, for a job that runs and for one that failed."""
        return ApiError(400, f"Video {job.id} is not ready (status: {_word(world, job)})")

    def not_found(self, given: str) -> ApiError:
        """404 with the id."""
        return ApiError(404, f"Video {given} not found")

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """`ErrorResponse`: flat, the code is the HTTP status. FastAPI's own refusals are not."""
        if error.message in ("Not Found", "Method Not Allowed"):
            return Reply(error.status, {"detail": error.message})
        shown = {
            "object": "error",
            "message": error.message,
            "type": _TYPES.get(error.status, "BadRequestError"),
            "param": None,
            "code": error.status,
        }
        return Reply(error.status, shown, headers=dict(error.headers))


def _word(world: World, job: Job) -> str:
    """`queued`, `generating`, and `postprocessing` while the file is written."""
    now = world.clock.now()
    if job.ending is not None or job.status(now) == "queued":
        return job.status(now)
    return "postprocessing" if job.share(now) > 0.9 else "generating"
