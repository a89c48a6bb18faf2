"""Bifrost 15c50f35: `core/schemas/videos.go` and `core/providers/openai/videos.go`, read and not
run. In front of OpenAI."""

from typing import Any

from local.simulator.body import Body
from local.simulator.config import SORA_2_SIZES, Config, Deployment
from local.simulator.errors import ApiError
from local.simulator.jobs import Job
from local.simulator.sora2 import OpenAI
from local.simulator.sora2_fields import Asked, parse_create
from local.simulator.wire import Call, Reply
from local.simulator.world import World

_ALWAYS = ("seconds", "size", "prompt", "created_at")
"""`VideoObject` has these even if empty; whatever else is null or empty is left out."""


class Bifrost(OpenAI):
    """`provider/model` in, `ID:provider` out."""

    name = "bifrost"
    prefix = "/openai/v1"
    takes_api_key = False

    def named(self, config: Config, model: object) -> Deployment | None:
        """`provider/model`; without a provider it is OpenAI's."""
        provider, _, name = str(model).rpartition("/")
        deployment = config.deployment(name)
        is_its = deployment is not None and provider in ("", deployment.provider)
        return deployment if is_its else None

    async def parse(self, call: Call, deployment: Deployment) -> Asked:
        """An unknown size becomes 720x1280, and nobody is told."""
        fields = dict(call.body.fields)
        if fields.get("size") not in (deployment.sizes or SORA_2_SIZES):
            fields["size"] = (deployment.sizes or SORA_2_SIZES)[0]
        return await parse_create(Body(fields, call.body.files, call.body.is_form), deployment)

    async def listing(self, world: World, call: Call) -> Reply:
        """Needs to be told the provider."""
        provider = call.query.get("provider")
        if not provider:
            raise ApiError(400, "provider query parameter is required")
        reply = await super().listing(world, call)
        return self._from(reply, "video_list")

    def found(self, world: World, job: Job) -> Reply:
        """The provider's answer without what is null."""
        shown = {name: value for name, value in self.video(world, job).items() if value is not None}
        return self._from(Reply(json=shown, job=job), "video_retrieve")

    def row(self, world: World, job: Job) -> dict[str, Any]:
        """A `VideoObject`."""
        return {
            name: value
            for name, value in self.video(world, job).items()
            if value is not None or name in _ALWAYS
        }

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """The provider's, with the provider's name of the model."""
        deployment = world.config.deployment(job.deployment)
        model = deployment.provider_model if deployment is not None else None
        return super().video(world, job) | {"model": model or job.deployment}

    def deleted(self, world: World, job: Job) -> dict[str, Any]:
        """The provider's."""
        return super().deleted(world, job) | {"extra_fields": _extra("video_delete")}

    def ids(self, job: Job, deployment: Deployment | None) -> tuple[str, ...]:
        """`ID:provider`."""
        return (f"{job.id}:openai",)

    def own_id(self, given: str) -> str:
        """What is before the provider."""
        return given.removesuffix(":openai")

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """`BifrostError`, around the provider's error."""
        shown = {"message": error.message, "type": error.type, "code": error.code}
        body = {
            "is_bifrost_error": False,
            "status_code": error.status,
            "error": {name: value for name, value in shown.items() if value is not None},
            "extra_fields": _extra("video"),
        }
        return Reply(error.status, body, headers=dict(error.headers))

    def _from(self, reply: Reply, request_type: str) -> Reply:
        reply.json = {**(reply.json or {}), "extra_fields": _extra(request_type)}
        return reply


def _extra(request_type: str) -> dict[str, Any]:
    return {"request_type": request_type, "provider": "openai", "latency": 12}
