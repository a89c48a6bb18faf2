"""vLLM-Omni 0.30.0: `entrypoints/openai/{api_server,protocol/videos,stores}.py` and
`video/generation/helpers.py`, run with its engine stubbed."""

import re
import secrets
from http import HTTPStatus
from typing import Any

from local.simulator.config import Deployment
from local.simulator.errors import ApiError
from local.simulator.jobs import Failure, Job
from local.simulator.sora2 import completed_at
from local.simulator.sora2_fields import Asked, Page
from local.simulator.wire import Call, Reply
from local.simulator.wires.self_hosted import SelfHosted, read_asked
from local.simulator.world import World

_FPS = 24
_WHOLE_LIST = 1_000_000


class VllmOmni(SelfHosted):
    """Reads forms only; GET on a failed job answers with the job's own status code."""

    name = "vllm-omni"

    async def parse(self, call: Call, deployment: Deployment) -> Asked:
        """A form; JSON is a form without any field. Unknown fields are ignored."""
        fields = call.body.fields if call.body.is_form else {}
        if not fields.get("prompt"):
            raise ApiError(
                400,
                "1 validation error:\n  {'type': 'missing', 'loc': ('body', 'prompt'), "
                "'msg': 'Field required', 'input': None}",
            )
        model = fields.get("model")
        if model not in (None, deployment.name):
            raise ApiError(
                400,
                f"Model mismatch: request specifies '{model}' but server is running "
                f"'{deployment.name}'.",
            )
        seconds = str(fields.get("seconds", "4"))
        if re.fullmatch(r"[1-9]\d*", seconds) is None:
            raise ApiError(400, "seconds: String should match pattern '^[1-9]\\d*$'")
        return await read_asked(call, deployment, int(seconds))

    def page(self, call: Call) -> Page:
        """The whole list, unless there is a `limit`."""
        limit = call.query.get("limit", str(_WHOLE_LIST))
        order = call.query.get("order", "desc")
        is_limit = limit.isdecimal() and (int(limit) <= 100 or "limit" not in call.query)
        if not is_limit or order not in ("asc", "desc"):
            raise ApiError(400, "Input should be valid: limit, order")
        return Page(int(limit), call.query.get("after"), order)

    def new_id(self, now: float) -> str:
        """`video_gen_` and 32 hex digits."""
        return f"video_gen_{secrets.token_hex(16)}"

    def found(self, world: World, job: Job) -> Reply:
        """A failed job is answered with the status code of its error."""
        status = 200 if job.error is None else _status_code(job.error)
        return Reply(status, self.video(world, job), job=job)

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """`VideoResponse`: the prompt is there; no expiry, as no TTL is set; progress is 0 until
        100; the error's code is a number."""
        error = None
        if job.error is not None:
            error = {"code": _status_code(job.error), "message": job.error.message}
        completed = job.ending == "completed"
        asked = job.request.get("fields", {})
        return {
            "model": job.deployment,
            "prompt": job.spec.prompt,
            "id": job.id,
            "object": "video",
            "status": job.status(world.clock.now()),
            "size": asked.get("size", job.spec.size if job.foreign else None),
            "progress": 100 if completed else 0,
            "seconds": str(job.spec.seconds),
            "quality": "default",
            "completed_at": completed_at(job),
            "created_at": int(job.created_at),
            "remixed_from_video_id": None,
            "error": error,
            "media_type": "video/mp4",
            "expires_at": None,
            "file_name": f"{job.id}.mp4" if completed else None,
            "inference_time_s": job.plan.duration if completed else None,
            "fps": _FPS,
            "num_frames": job.spec.seconds * _FPS,
            "duration_s": float(job.spec.seconds),
            "metrics": None,
            "stage_durations": {},
            "peak_memory_mb": 0.0,
            "action": None,
        }

    def not_ready(self, world: World, job: Job) -> ApiError:
        """404 while it runs, 422 once it has failed."""
        if job.ending == "failed":
            return ApiError(422, "Video generation failed. Check job status for error details.")
        return ApiError(404, "Generation is still in-progress")

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """vLLM's envelope: the code is the HTTP status, a number. Fields that FastAPI would refuse
        with 422 are 400."""
        if error.status == 401:
            return Reply(401, {"error": "Unauthorized"})
        shown = {
            "message": error.message,
            "type": HTTPStatus(error.status).phrase,
            "param": error.param,
            "code": error.status,
        }
        return Reply(error.status, {"error": shown}, headers=dict(error.headers))


def _status_code(failure: Failure) -> int:
    """A failure's code if it is a status; a refused prompt is 400 (`GuardrailViolationError`), all
    else 500."""
    if failure.code.isdecimal() and 400 <= int(failure.code) < 600:
        return int(failure.code)
    return 400 if failure.code == "moderation_blocked" else 500
