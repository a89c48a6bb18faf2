"""LiteLLM's proxy 1.108, run in front of this simulator: `litellm/proxy/video_endpoints`,
`litellm/llms/{openai,gemini,hosted_vllm}/videos`.

What it answers depends on the provider behind it: OpenAI, Veo (`gemini`) or vLLM-Omni.
"""

import base64
import binascii
import hashlib
import json
from dataclasses import replace
from typing import Any

from local.simulator.body import Body
from local.simulator.config import Deployment
from local.simulator.errors import ApiError
from local.simulator.faults.actions import Status
from local.simulator.jobs import Job
from local.simulator.renderer import Kind
from local.simulator.sora2 import OpenAI
from local.simulator.sora2_fields import Asked
from local.simulator.wire import Call, Reply
from local.simulator.wires.vllm_omni import VllmOmni
from local.simulator.world import World

_VLLM = VllmOmni()
_EXCEPTIONS = {
    "openai": "OpenAIException",
    "gemini": "GeminiException",
    "hosted_vllm": "Hosted_vllmException",
}
_VIDEO_OBJECT = (
    "object", "status", "created_at", "completed_at", "expires_at", "error", "progress",
    "remixed_from_video_id", "seconds", "size",
)  # fmt: skip


class _ProxyError(ApiError):
    """Its own refusal; all others are the provider's."""


class _FailedJob(ApiError):
    """A poll that vLLM-Omni answered with an error status. The message is the answer's body."""


class LiteLlm(OpenAI):
    """Wraps ids and errors, ignores `variant`, has no delete."""

    name = "litellm"
    ranges = False
    absent = ("delete",)

    async def parse(self, call: Call, deployment: Deployment) -> Asked:
        """The provider's fields. vLLM-Omni gets a form, whatever came in."""
        if deployment.provider != "hosted_vllm":
            return await super().parse(call, deployment)
        fields = {**call.body.fields, "model": deployment.name}
        form = Body(fields, call.body.files, is_form=True)
        return await _VLLM.parse(replace(call, body=form), deployment)

    async def create(self, world: World, call: Call) -> Reply:
        """POST. Its router asks twice more when the provider's answer was lost, whatever became of
        the first, unless it was told not to."""
        reply = await super().create(world, call)
        lost = any(isinstance(fault, Status) and fault.processed for fault in call.fates)
        if lost and call.headers.get("x-litellm-num-retries") != "0":
            for _ in range(2):
                await super().create(world, call)
        return reply

    async def listing(self, world: World, call: Call) -> Reply:
        """The list of one provider, which has to be named. Veo has none."""
        provider = call.query.get("custom_llm_provider") or call.headers.get("custom-llm-provider")
        if not provider:
            raise _ProxyError(400, "litellm.BadRequestError: LLM Provider NOT provided.")
        if provider not in _EXCEPTIONS or provider == "gemini":
            raise _ProxyError(
                500, "litellm.APIConnectionError: video list is not supported", "server_error"
            )
        return await super().listing(world, call)

    def page_of(self, world: World, call: Call) -> list[Job]:
        """Those of the provider."""
        provider = call.query.get("custom_llm_provider") or call.headers.get("custom-llm-provider")
        return [
            job
            for job in super().page_of(world, call)
            if (entry := world.config.deployment(job.deployment)) and entry.provider == provider
        ]

    def row(self, world: World, job: Job) -> dict[str, Any]:
        """The provider's own row, with the prompt; only the id is wrapped."""
        deployment = world.config.deployment(job.deployment)
        vllm = deployment is not None and deployment.provider == "hosted_vllm"
        row = _VLLM.video(world, job) if vllm else super().video(world, job)
        return row | {"id": self.ids(job, deployment)[-1], "model": _model(job, deployment)}

    def found(self, world: World, job: Job) -> Reply:
        """GET. A failed job of vLLM-Omni is an error, with the job inside its message."""
        deployment = world.config.deployment(job.deployment)
        if _provider(deployment) == "hosted_vllm" and job.error is not None:
            answer = _VLLM.found(world, job)
            raise _FailedJob(answer.status, json.dumps(answer.json))
        return super().found(world, job)

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """`VideoObject`: no prompt, the caller's name of the model. Of Veo it knows next to
        nothing, and a failed one is completed."""
        deployment = world.config.deployment(job.deployment)
        video = super().video(world, job)
        shown = {"id": video["id"]} | {name: video[name] for name in _VIDEO_OBJECT}
        shown |= {"model": job.deployment, "usage": {"duration_seconds": float(job.spec.seconds)}}
        if _provider(deployment) == "gemini":
            unknown = ("created_at", "completed_at", "expires_at", "progress", "seconds", "size")
            shown |= dict.fromkeys((*unknown, "error"))
            shown["status"] = "processing" if job.ending is None else "completed"
        return shown

    def not_ready(self, world: World, job: Job) -> ApiError:
        """The provider's; of Veo always 500, also for good."""
        provider = _provider(world.config.deployment(job.deployment))
        if provider == "gemini":
            return _ProxyError(
                500, "litellm.APIConnectionError: Video generation is not complete yet."
            )
        if provider == "hosted_vllm":
            return _VLLM.not_ready(world, job)
        return super().not_ready(world, job)

    def variant(self, call: Call) -> tuple[Kind, str]:
        """`variant` is ignored."""
        return "video", "video/mp4"

    def ids(self, job: Job, deployment: Deployment | None) -> tuple[str, ...]:
        """base64 of provider, model, the provider's id and its own deployment. The list's ids lack
        the last."""
        listed = (
            f"litellm:custom_llm_provider:{_provider(deployment)};"
            f"model_id:{_model(job, deployment)};video_id:{job.id}"
        )
        digest = hashlib.sha256(job.deployment.encode()).hexdigest()
        created = f"{listed};deployment_id:{digest}"
        return tuple(f"video_{base64.b64encode(text.encode()).decode()}"
                     for text in (created, listed))  # fmt: skip

    def own_id(self, given: str) -> str:
        """The provider's id inside; what is not wrapped is taken for one."""
        try:
            text = base64.b64decode(given.removeprefix("video_"), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return given
        inner = [part for part in text.split(";") if part.startswith("video_id:")]
        return inner[0].removeprefix("video_id:") if inner else given

    def unknown_model(self, name: str) -> ApiError:
        """400."""
        return _ProxyError(400, f"/videos: Invalid model name passed in model={name}.")

    def denied(self, key: str | None) -> ApiError:
        """Without a database to look a key up in: 400, and 500 for none at all."""
        if key is None:
            return _ProxyError(500, "Internal Server Error", "internal_server_error")
        return _ProxyError(400, "No connected db.", "no_db_connection")

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """The code is the HTTP status, a text; what the provider answered is in the message."""
        if error.status == 405:
            return Reply(405, {"detail": "Method Not Allowed"})
        message, kind = error.message, error.type
        if not isinstance(error, _ProxyError):
            message, kind = _passed_on(error, deployment)
        shown = {"message": message, "type": kind, "param": None, "code": str(error.status)}
        return Reply(error.status, {"error": shown}, headers=dict(error.headers))


def _passed_on(error: ApiError, deployment: Deployment | None) -> tuple[str, str]:
    """(message, type) of the provider's error, which is JSON in the middle of the message."""
    provider = _provider(deployment)
    name, kind = _NAMES.get(error.status, _NAMES[500] if error.status >= 500 else _NAMES[400])
    if provider == "openai" and error.type == "invalid_request_error":
        name = _NAMES[400][0]
    said = error.message
    if not isinstance(error, _FailedJob):
        vllm = provider == "hosted_vllm"
        said = json.dumps(_VLLM.refusal(error, None).json if vllm else error.body("wrapped"))
    message = f"litellm.{name} {_EXCEPTIONS[provider]} - {said}"
    if deployment is not None:
        message += (
            f"\n\nLiteLLM: model group '{deployment.name}' failed with the error above. "
            "No fallback was attempted."
        )
    return message, kind


_NAMES = {
    400: ("BadRequestError:", "invalid_request_error"),
    401: ("AuthenticationError: AuthenticationError:", "authentication_error"),
    404: ("NotFoundError: NotFoundError:", "invalid_request_error"),
    429: ("RateLimitError: RateLimitError:", "throttling_error"),
    500: ("InternalServerError: InternalServerError:", "internal_server_error"),
    503: ("ServiceUnavailableError: ServiceUnavailableError:", "internal_server_error"),
}
"""Its exceptions by status, as they appear in messages, each with its type."""


def _provider(deployment: Deployment | None) -> str:
    return "openai" if deployment is None else deployment.provider


def _model(job: Job, deployment: Deployment | None) -> str:
    """The provider's name of the model."""
    return (deployment and deployment.provider_model) or job.deployment
