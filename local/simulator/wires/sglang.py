"""SGLang 0.5.23: `multimodal_gen/runtime/entrypoints/openai/{video_api,protocol,stores}.py`, run
with its engine stubbed."""

import uuid
from typing import Any

from local.simulator.config import Deployment
from local.simulator.errors import ApiError
from local.simulator.jobs import Job
from local.simulator.renderer import Kind
from local.simulator.sora2 import completed_at
from local.simulator.sora2_fields import Asked, Page
from local.simulator.wire import Call, Reply
from local.simulator.wires.self_hosted import SelfHosted, read_asked
from local.simulator.world import World

_GPUS = 8
_FPS = 24


class SgLang(SelfHosted):
    """Makes as many frames as suit its GPUs; `variant` is the number of an output."""

    name = "sglang"

    async def parse(self, call: Call, deployment: Deployment) -> Asked:
        """JSON or form; `seconds` is a number, or text that is one."""
        fields, is_form = call.body.fields, call.body.is_form
        if not fields.get("prompt"):
            missing = "prompt is required" if is_form else "Invalid request body: prompt"
            raise ApiError(400, missing)
        try:
            seconds = int(fields.get("seconds") or 4)
        except (TypeError, ValueError):
            status = 422 if is_form else 400
            raise ApiError(status, "seconds: Input should be a valid integer") from None
        return await read_asked(call, deployment, made_seconds(seconds))

    def page(self, call: Call) -> Page:
        """`limit` 1..100, default 20."""
        limit, order = call.query.get("limit", "20"), call.query.get("order", "desc")
        if not limit.isdecimal() or not 1 <= int(limit) <= 100 or order not in ("asc", "desc"):
            raise ApiError(422, "Input should be valid: limit, order")
        return Page(int(limit), call.query.get("after"), order)

    def variant(self, call: Call) -> tuple[Kind, str]:
        """`variant` is the number of an output, and there is one. A word is no number."""
        variant = call.query.get("variant")
        if variant is not None and not (variant.isdecimal() and int(variant) == 0):
            raise ApiError(404, f"Video variant {variant} not found")
        return "video", "video/mp4"

    def new_id(self, now: float) -> str:
        """A bare UUID."""
        return str(uuid.uuid4())

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """`VideoResponse`: no prompt; real progress; `seconds` are those that were really made; an
        error has a message and no code."""
        now = world.clock.now()
        completed, progress = job.ending == "completed", job.progress(now)
        word = job.status(now)
        return {
            "id": job.id,
            "object": "video",
            "model": job.deployment,
            "status": "in_progress" if word == "queued" and progress else word,
            "progress": progress,
            "created_at": int(job.created_at),
            "size": job.spec.size,
            "seconds": str(job.spec.seconds),
            "quality": "standard",
            "url": None,
            "urls": None,
            "remixed_from_video_id": None,
            "completed_at": completed_at(job),
            "expires_at": None,
            "error": None if job.error is None else {"message": job.error.message},
            "file_path": f"/outputs/{job.id}.mp4" if completed else None,
            "file_paths": [f"/outputs/{job.id}.mp4"] if completed else None,
            "num_outputs": 1 if completed else None,
            "peak_memory_mb": None,
            "inference_time_s": job.plan.duration if completed else None,
            "revised_prompt": None,
            "action": None,
            "lidar": None,
        }

    def remove(self, world: World, job: Job) -> None:
        """The record goes, the render goes on: there is no abort."""
        if job.running():
            world.studio.forget(job)
        else:
            world.studio.remove(job, "deleted")

    def deleted(self, world: World, job: Job) -> dict[str, Any]:
        """The job, with a status of its own."""
        return self.video(world, job) | {"status": "deleted"}

    def not_ready(self, world: World, job: Job) -> ApiError:
        """404, and not another word for failed."""
        if job.ending == "failed":
            return ApiError(404, "Video variant None not found")
        return ApiError(404, "Generation is still in-progress")

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """FastAPI's `detail`; a dead scheduler and a wrong key have an `error`."""
        word = "error" if error.status in (401, 503) else "detail"
        detail: Any = error.message
        if error.status == 422:
            detail = [{"type": "value_error", "loc": ["body"], "msg": error.message}]
        return Reply(error.status, {word: detail}, headers=dict(error.headers))


def made_seconds(seconds: int) -> int:
    """The seconds of the clip that is made: latent frames (one of four) are made up to a multiple
    of the GPUs (`align_num_frames_for_num_gpus`), and the length is rounded."""
    latent = (seconds * _FPS - 1) // 4 + 1
    latent = -(-latent // _GPUS) * _GPUS
    return round(((latent - 1) * 4 + 1) / _FPS)
