"""The Sora 1 dialect: Azure's video generation jobs [S]."""

from typing import Any

from local.simulator import errors, ids
from local.simulator.config import Config, Deployment, Dialect
from local.simulator.jobs import Job, Output
from local.simulator.moderation import screen
from local.simulator.orders import place
from local.simulator.renderer import Kind
from local.simulator.sora1_fields import parse_create, parse_page
from local.simulator.studio import Order
from local.simulator.wire import Call, Operation, Reply, Wire
from local.simulator.world import World


async def create(world: World, call: Call) -> Reply:
    """POST /video/generations/jobs, JSON or multipart with media: a queued job [S]."""
    deployment = _deployment(world, call)
    call.deployment = deployment
    asked = await parse_create(call.body, deployment)
    screen(asked.spec.prompt)
    order = Order(deployment, asked.spec, reference=asked.first_image, new_id=ids.task_id)
    job = place(world, call, order)
    return Reply(json=job_object(world, job), job=job)


async def retrieve(world: World, call: Call) -> Reply:
    """GET /video/generations/jobs/{id} [S]."""
    job = _job(call)
    return Reply(json=job_object(world, job), job=job)


async def listing(world: World, call: Call) -> Reply:
    """GET /video/generations/jobs?limit=&before=&after=&statuses= [S], newest first [?]."""
    deployments = [entry for entry in world.config.deployments if entry.dialect == "sora-1"]
    if not any(entry.can_list for entry in deployments):
        raise call.wire.no_route(call.method, call.path)
    page = parse_page(call.query)
    now = world.clock.now()
    jobs = world.studio.listed("sora-1")
    if page.statuses:
        jobs = [job for job in jobs if job.status(now) in page.statuses]
    ids = [job.id for job in jobs]
    for cursor in (page.after, page.before):
        if cursor is not None and cursor not in ids:
            raise errors.job_not_found(cursor)  # [?]
    if page.after is not None:
        jobs = jobs[ids.index(page.after) + 1 :]
    if page.before is not None:
        ids = [job.id for job in jobs]
        before = jobs[: ids.index(page.before)] if page.before in ids else []
        shown = before[-page.limit :]
        has_more = len(before) > len(shown)
    else:
        shown = jobs[: page.limit]
        has_more = len(jobs) > len(shown)
    answer: dict[str, Any] = {
        "object": "list",
        "data": [job_object(world, job) for job in shown],
        "has_more": has_more,
    }
    if shown:  # [S] both are optional
        answer |= {"first_id": shown[0].id, "last_id": shown[-1].id}
    return Reply(json=answer)


async def delete(world: World, call: Call) -> Reply:
    """DELETE /video/generations/jobs/{id}: 204 [S]."""
    job = _job(call)
    if job.running() and call.deployment is not None and not call.deployment.can_delete_running:
        raise errors.not_deletable(job.id)
    world.studio.remove(job, "deleted")
    return Reply(204, job=job)


async def retrieve_generation(world: World, call: Call) -> Reply:
    """GET /video/generations/{id} [S]."""
    job, output = _generation(call)
    return Reply(json=generation_object(world, job, output), job=job)


async def content(world: World, call: Call) -> Reply:
    """GET or HEAD /video/generations/{id}/content/video?quality=high|low [S], default high."""
    quality = call.query.get("quality", "high")
    if quality not in ("high", "low"):
        raise errors.invalid_value("quality", quality, ("high", "low"))
    return await _file(world, call, "video" if quality == "high" else "video-low", "video/mp4")


async def thumbnail(world: World, call: Call) -> Reply:
    """GET /video/generations/{id}/content/thumbnail: `image/jpg`, as the specification says [S]."""
    return await _file(world, call, "thumbnail", "image/jpg")


def job_object(world: World, job: Job) -> dict[str, Any]:
    """[S] the keys. `expires_at` counts from creation, but is null until the job has ended, as in
    Microsoft's sample [S]."""
    now = world.clock.now()
    succeeded = job.ending == "completed"
    answer: dict[str, Any] = {
        "object": "video.generation.job",
        "id": job.id,
        "status": job.status(now),
        "created_at": int(job.created_at),
        "finished_at": None if job.ended_at is None else int(job.ended_at),
        "expires_at": None if job.ended_at is None else job.expires_at,
        "generations": [
            generation_object(world, job, output) for output in job.outputs if succeeded
        ],
        "prompt": _prompt(world, job),
        "model": job.deployment,
        "n_variants": job.spec.variants,
        "n_seconds": job.spec.seconds,
        "height": job.spec.height,
        "width": job.spec.width,
        "failure_reason": None if job.error is None else job.error.code,
    }
    if job.spec.inpaint_items is not None:
        answer["inpaint_items"] = job.spec.inpaint_items
    return answer


def generation_object(world: World, job: Job, output: Output) -> dict[str, Any]:
    """[S] the keys."""
    return {
        "object": "video.generation",
        "id": output.id,
        "job_id": job.id,
        "created_at": int(job.ended_at or job.created_at),
        "width": job.spec.width,
        "height": job.spec.height,
        "n_seconds": job.spec.seconds,
        "prompt": _prompt(world, job),
    }


async def _file(world: World, call: Call, kind: Kind, content_type: str) -> Reply:
    job, output = _generation(call)
    file = await world.renderer.file(job, output, kind)
    return Reply(file=file, content_type=content_type, job=job)


def _prompt(world: World, job: Job) -> str | None:
    deployment = world.config.deployment(job.deployment)
    return job.spec.prompt if deployment is None or deployment.prompt_in_answers else None


def _deployment(world: World, call: Call) -> Deployment:
    """The deployment that `model` names [S].

    Raises:
        ApiError: 400 without a model, 404 for an unknown one [3], 410 for a retired one.
    """
    name = errors.model_name(call.model)
    deployment = world.config.deployment(name)
    if deployment is None:
        raise errors.unknown_deployment(name)
    if deployment.dialect != "sora-1":
        raise errors.wrong_model("video generation", name)
    if deployment.retired(world.clock.now()):
        raise errors.retired(name)
    return deployment


def _job(call: Call) -> Job:
    if call.job is None:
        raise errors.job_not_found(call.path_id)
    return call.job


def _generation(call: Call) -> tuple[Job, Output]:
    """Generations exist once their job has succeeded [S: only successful ones are listed]."""
    if call.job is None or call.output is None or call.job.ending != "completed":
        raise errors.generation_not_found(call.path_id)
    return call.job, call.output


_JOBS = "/video/generations/jobs"
_GENERATION = "/video/generations/{id}"

OPERATIONS = (
    Operation("create", "POST", _JOBS, create),
    Operation("list", "GET", _JOBS, listing),
    Operation("get", "GET", f"{_JOBS}/{{id}}", retrieve),
    Operation("delete", "DELETE", f"{_JOBS}/{{id}}", delete),
    Operation("generation_get", "GET", _GENERATION, retrieve_generation, "generation"),
    Operation("content", "GET", f"{_GENERATION}/content/video", content, "generation"),
    Operation("content_head", "HEAD", f"{_GENERATION}/content/video", content, "generation"),
    Operation("content", "GET", f"{_GENERATION}/content/thumbnail", thumbnail, "generation"),
)


class Sora1(Wire):
    """Azure's old surface."""

    name = "sora-1"
    dialect: Dialect = "sora-1"

    def operations(self) -> tuple[Operation, ...]:
        """Jobs and generations."""
        return OPERATIONS

    def serves(self, config: Config, deployment: Deployment) -> bool:
        """Every deployment of the dialect."""
        return deployment.dialect == "sora-1"
