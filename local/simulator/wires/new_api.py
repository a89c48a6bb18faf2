"""new-api 05393ffc: `relay/channel/task/sora/adaptor.go`, `relay/relay_task.go`,
`controller/video_proxy.go` and `router/video-router.go`, read and not run. In front of OpenAI."""

import secrets
from typing import Any

from local.simulator.config import Deployment
from local.simulator.errors import ApiError
from local.simulator.jobs import Job
from local.simulator.renderer import Kind
from local.simulator.sora2 import OpenAI
from local.simulator.wire import Call, Reply
from local.simulator.world import World

_CREATED = ("object", "model", "status", "progress", "created_at", "seconds", "size")
_TASK_WORDS = {"queued": "QUEUED", "in_progress": "IN_PROGRESS", "failed": "FAILURE"}


class _ContentError(ApiError):
    """An error of the content's proxy, which has a shape of its own."""


class NewApi(OpenAI):
    """No list and no delete; its tasks are in a database, and survive it."""

    name = "new-api"
    takes_api_key = False
    ranges = True
    absent = ("list", "delete")

    def created(self, world: World, job: Job) -> Reply:
        """`responseTask`: the id twice, no prompt."""
        video = self.video(world, job)
        return Reply(
            json={"id": job.id, "task_id": job.id} | {name: video[name] for name in _CREATED},
            job=job,
        )

    async def content(self, world: World, call: Call) -> Reply:
        """Errors are OpenAI's there, and an unknown task is 404."""
        if call.job is None:
            raise _ContentError(404, "Task not found")
        return await super().content(world, call)

    def variant(self, call: Call) -> tuple[Kind, str]:
        """`variant` is dropped."""
        return "video", "video/mp4"

    def new_id(self, now: float) -> str:
        """`task_` and 32 letters and digits."""
        return f"task_{secrets.token_hex(16)}"

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """The provider's last answer, with its own poller's status, progress and reason."""
        video = super().video(world, job)
        if job.error is not None:
            video["error"] = {"message": job.error.message}
        return video

    def not_ready(self, world: World, job: Job) -> ApiError:
        """400, with its own word for the status."""
        word = _TASK_WORDS[job.status(world.clock.now())]
        return _ContentError(400, f"Task is not completed yet, current status: {word}")

    def not_found(self, given: str) -> ApiError:
        """400, and not 404."""
        return ApiError(400, "task_not_exist", code="task_not_exist")

    def no_method(self, method: str, path: str) -> ApiError:
        """Its router knows no 405."""
        return self.no_route(method, path)

    def denied(self, key: str | None) -> ApiError:
        """[?] the words."""
        return ApiError(401, "Invalid token", type="new_api_error")

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """`TaskError`; but paths, keys and the content's proxy answer as OpenAI does."""
        as_openai = error.status in (401, 404) or isinstance(error, _ContentError)
        if as_openai:
            return Reply(error.status, {"error": {"message": error.message, "type": error.type}})
        shown = {"code": error.code or "fail_to_fetch_task", "message": error.message, "data": None}
        return Reply(error.status, shown, headers=dict(error.headers))
