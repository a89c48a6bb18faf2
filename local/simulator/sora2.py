"""The Sora 2 dialect: `/videos` as OpenAI defined it and Azure serves it [S]."""

from typing import Any

from local.simulator import errors
from local.simulator.config import Deployment
from local.simulator.errors import Face
from local.simulator.jobs import Job, Spec
from local.simulator.moderation import screen
from local.simulator.orders import place
from local.simulator.renderer import Kind
from local.simulator.sora2_fields import parse_create, parse_page, parse_remix
from local.simulator.studio import Order
from local.simulator.wire import Call, Operation, Reply
from local.simulator.world import World

_BOTH: tuple[Face, ...] = ("azure", "openai")

_VARIANTS: dict[str, tuple[Kind, str]] = {
    "video": ("video", "video/mp4"),
    "thumbnail": ("thumbnail", "image/webp"),
    "spritesheet": ("spritesheet", "image/jpeg"),
}
"""[S] the variants and their formats."""


async def create(world: World, call: Call) -> Reply:
    """POST /videos: a new job, answered with 200 and the video object [S]."""
    deployment = _deployment(world, call)
    call.deployment = deployment
    asked = await parse_create(call.body, deployment)
    screen(asked.spec.prompt)
    job = place(world, call, Order(deployment, asked.spec, reference=asked.reference))
    return _reply(world, job)


async def retrieve(world: World, call: Call) -> Reply:
    """GET /videos/{id} [S]."""
    return _reply(world, _job(call))


async def listing(world: World, call: Call) -> Reply:
    """GET /videos?limit=&after=&order=: newest first by default [S]."""
    deployments = [entry for entry in world.config.deployments if entry.dialect == "sora-2"]
    if not any(entry.can_list for entry in deployments):
        raise errors.unknown_route(call.face, call.method, call.path)
    page = parse_page(call.query)
    jobs = world.studio.listed("sora-2")
    if page.order == "asc":
        jobs.reverse()
    if page.after is not None:
        ids = [job.id for job in jobs]
        if page.after not in ids:
            raise errors.video_not_found(page.after)  # [?]
        jobs = jobs[ids.index(page.after) + 1 :]
    shown = jobs[: page.limit]
    return Reply(
        json={
            "object": "list",
            "data": [video(world, job) for job in shown],
            "first_id": shown[0].id if shown else None,
            "last_id": shown[-1].id if shown else None,
            "has_more": len(jobs) > len(shown),
        }
    )


async def content(world: World, call: Call) -> Reply:
    """GET /videos/{id}/content?variant=video|thumbnail|spritesheet [S]; 404 until ready [3]."""
    variant = call.query.get("variant", "video")
    if variant not in _VARIANTS:
        raise errors.invalid_value("variant", variant, tuple(_VARIANTS))
    job = _job(call)
    if job.ending != "completed":
        raise errors.video_not_ready()
    kind, content_type = _VARIANTS[variant]
    file = await world.renderer.file(job, job.outputs[0], kind)
    return Reply(file=file, content_type=content_type, job=job)


async def delete(world: World, call: Call) -> Reply:
    """DELETE /videos/{id}: 200 and what was deleted [S]; it no longer counts as running [?]."""
    job = _job(call)
    if job.running() and call.deployment is not None and not call.deployment.can_delete_running:
        raise errors.not_deletable(job.id)
    world.studio.remove(job, "deleted")
    return Reply(json={"id": job.id, "object": "video.deleted", "deleted": True}, job=job)


async def remix(world: World, call: Call) -> Reply:
    """POST /videos/{id}/remix: a new job of the same model, size and seconds [S]."""
    source = _job(call)
    prompt = parse_remix(call.body)
    deployment = call.deployment
    if deployment is None:
        raise errors.unknown_deployment(source.deployment)
    if deployment.retired(world.clock.now()):
        raise errors.retired(deployment.name)
    if source.ending != "completed":
        raise errors.ApiError(400, "Only a completed video can be remixed.")  # [?]
    screen(prompt)
    spec = Spec(
        prompt=prompt,
        width=source.spec.width,
        height=source.spec.height,
        seconds=source.spec.seconds,
    )
    return _reply(world, place(world, call, Order(deployment, spec, remixed_from=source.id)))


def video(world: World, job: Job) -> dict[str, Any]:
    """The video object: every key is present, null if it has no value [S]."""
    now = world.clock.now()
    deployment = world.config.deployment(job.deployment)
    shows_prompt = deployment is None or deployment.prompt_in_answers
    error = None
    if job.error is not None:
        error = {"code": job.error.code, "message": job.error.message}
    completed = job.ended_at if job.ending == "completed" else None
    return {
        "id": job.id,
        "object": "video",
        "model": job.deployment,
        "status": job.status(now),
        "progress": job.progress(now),
        "created_at": int(job.created_at),
        "completed_at": None if completed is None else int(completed),
        "expires_at": job.expires_at,
        "prompt": job.spec.prompt if shows_prompt else None,
        "size": job.spec.size,
        "seconds": str(job.spec.seconds),
        "remixed_from_video_id": job.remixed_from,
        "error": error,
    }


def _reply(world: World, job: Job) -> Reply:
    wait = world.config.poll_after_ms
    headers = {} if wait is None else {"openai-poll-after-ms": str(wait)}
    return Reply(json=video(world, job), job=job, headers=headers)


def _deployment(world: World, call: Call) -> Deployment:
    """The deployment that `model` names.

    Raises:
        ApiError: 400 without a model, 404 for an unknown one, 410 for a retired one.
    """
    name = call.model
    if name is None or name == "":
        raise errors.missing_parameter("model")
    if not isinstance(name, str):
        raise errors.invalid_type("model", "a string", errors.json_type(name))
    deployment = world.config.deployment(name)
    if deployment is None:
        if call.face == "openai":
            raise errors.ApiError(
                400, f"The model '{name}' does not exist.", param="model", code="model_not_found"
            )  # [?]
        raise errors.unknown_deployment(name)
    if deployment.dialect != "sora-2":
        raise errors.wrong_model("videos", name)
    if deployment.retired(world.clock.now()):
        raise errors.retired(name)
    return deployment


def _job(call: Call) -> Job:
    if call.job is None:
        raise errors.video_not_found(call.path_id)
    return call.job


OPERATIONS = (
    Operation("sora-2", "create", "POST", "/videos", create, faces=_BOTH),
    Operation("sora-2", "list", "GET", "/videos", listing, faces=_BOTH),
    Operation("sora-2", "get", "GET", "/videos/{id}", retrieve, faces=_BOTH),
    Operation("sora-2", "delete", "DELETE", "/videos/{id}", delete, faces=_BOTH),
    Operation("sora-2", "content", "GET", "/videos/{id}/content", content, faces=_BOTH),
    Operation("sora-2", "remix", "POST", "/videos/{id}/remix", remix, faces=_BOTH),
)
