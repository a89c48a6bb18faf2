"""The Sora 2 dialect: `/videos` as OpenAI defined it and Azure serves it [S].

`Sora2` is also what the other servers of `/videos` are made of: `wires/` says what each does
differently.
"""

from collections.abc import Mapping
from typing import Any

from local.simulator import errors
from local.simulator.config import Config, Deployment, Dialect
from local.simulator.errors import ApiError, Face
from local.simulator.jobs import Job, Spec
from local.simulator.moderation import screen
from local.simulator.orders import place
from local.simulator.renderer import Kind
from local.simulator.sora2_fields import Asked, Page, parse_create, parse_page, parse_remix
from local.simulator.studio import Order
from local.simulator.wire import Call, Operation, Reply, Wire
from local.simulator.world import World

_VARIANTS: Mapping[str, tuple[Kind, str]] = {
    "video": ("video", "video/mp4"),
    "thumbnail": ("thumbnail", "image/webp"),
    "spritesheet": ("spritesheet", "image/jpeg"),
}
"""[S] the variants and their formats."""


class Sora2(Wire):
    """A server of `/videos`. As it stands: Azure."""

    name = "azure"
    dialect: Dialect = "sora-2"
    absent: tuple[str, ...] = ()
    """Names of operations that the server lacks."""
    created_status = 200
    """The HTTP status of an accepted create."""

    def operations(self) -> tuple[Operation, ...]:
        """Those of OpenAI's API that the server has."""
        every = (
            Operation("create", "POST", "/videos", self.create),
            Operation("list", "GET", "/videos", self.listing),
            Operation("get", "GET", "/videos/{id}", self.retrieve),
            Operation("delete", "DELETE", "/videos/{id}", self.delete),
            Operation("content", "GET", "/videos/{id}/content", self.content),
            Operation("remix", "POST", "/videos/{id}/remix", self.remix),
        )
        return tuple(operation for operation in every if operation.name not in self.absent)

    def serves(self, config: Config, deployment: Deployment) -> bool:
        """Those that name this wire. Those that name none are both Azure's and OpenAI's."""
        wire = config.wire_of(deployment)
        is_home = wire is None and self.name in ("azure", "openai")
        return deployment.dialect == "sora-2" and (is_home or wire == self.name)

    # The operations

    async def create(self, world: World, call: Call) -> Reply:
        """POST /videos: a new job, answered with the video object [S]."""
        deployment = self.deployment(world, call)
        call.deployment = deployment
        asked = await self.parse(call, deployment)
        screen(asked.spec.prompt)
        order = Order(deployment, asked.spec, reference=asked.reference, new_id=self.new_id)
        return self.created(world, place(world, call, order))

    async def retrieve(self, world: World, call: Call) -> Reply:
        """GET /videos/{id} [S]."""
        return self.found(world, self.job(call))

    async def listing(self, world: World, call: Call) -> Reply:
        """GET /videos?limit=&after=&order=: newest first by default [S]."""
        deployments = self.deployments(world)
        if not any(entry.can_list for entry in deployments):
            raise self.no_route(call.method, call.path)
        page = self.page(call)
        jobs = self.page_of(world, call)
        if page.order == "asc":
            jobs.reverse()
        if page.after is not None:
            ids = [job.id for job in jobs]
            after = self.own_id(page.after)
            if after not in ids:
                return self.after_unknown(page.after)
            jobs = jobs[ids.index(after) + 1 :]
        shown = jobs[: page.limit]
        rows = [self.row(world, job) for job in shown]
        return Reply(
            json={
                "object": "list",
                "data": rows,
                "first_id": rows[0]["id"] if rows else None,
                "last_id": rows[-1]["id"] if rows else None,
                "has_more": len(jobs) > len(shown),
            }
        )

    async def content(self, world: World, call: Call) -> Reply:
        """GET /videos/{id}/content?variant=video|thumbnail|spritesheet [S]; 404 until ready [3]."""
        kind, content_type = self.variant(call)
        job = self.job(call)
        if job.ending != "completed":
            raise self.not_ready(world, job)
        file = await world.renderer.file(job, job.outputs[0], kind)
        return Reply(file=file, content_type=content_type, job=job)

    async def delete(self, world: World, call: Call) -> Reply:
        """DELETE /videos/{id}: 200 and what was deleted [S]; it no longer counts as running [?]."""
        job = self.job(call)
        if job.running() and call.deployment is not None and not call.deployment.can_delete_running:
            raise errors.not_deletable(job.id)
        self.remove(world, job)
        return Reply(json=self.deleted(world, job), job=job)

    async def remix(self, world: World, call: Call) -> Reply:
        """POST /videos/{id}/remix: a new job of the same model, size and seconds [S]."""
        source = self.job(call)
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
        order = Order(deployment, spec, remixed_from=source.id, new_id=self.new_id)
        return self.created(world, place(world, call, order))

    # What another server may do differently

    async def parse(self, call: Call, deployment: Deployment) -> Asked:
        """The fields of a create.

        Raises:
            ApiError: 400.
        """
        return await parse_create(call.body, deployment)

    def page(self, call: Call) -> Page:
        """The part of the list that is asked for.

        Raises:
            ApiError: 400.
        """
        return parse_page(call.query)

    def page_of(self, world: World, call: Call) -> list[Job]:
        """The jobs that the list is about, newest first."""
        return self.listed(world)

    def after_unknown(self, after: str) -> Reply:
        """The answer to a page after a job that does not exist. [?] 404."""
        raise self.not_found(after)

    def variant(self, call: Call) -> tuple[Kind, str]:
        """The file that is asked for, and its type.

        Raises:
            ApiError: there is no such file.
        """
        variant = call.query.get("variant", "video")
        if variant not in _VARIANTS:
            raise errors.invalid_value("variant", variant, tuple(_VARIANTS))
        return _VARIANTS[variant]

    def new_id(self, now: float) -> str:
        """A job's id, safe as the name of a file."""
        return str(Order.new_id(now))

    def row(self, world: World, job: Job) -> dict[str, Any]:
        """A job in the list."""
        return self.video(world, job)

    def created(self, world: World, job: Job) -> Reply:
        """The answer to a create."""
        reply = self.found(world, job)
        reply.status = self.created_status
        return reply

    def found(self, world: World, job: Job) -> Reply:
        """The answer to a poll."""
        wait = world.config.poll_after_ms
        headers = {} if wait is None else {"openai-poll-after-ms": str(wait)}
        return Reply(json=self.video(world, job), job=job, headers=headers)

    def video(self, world: World, job: Job) -> dict[str, Any]:
        """The video object: every key is present, null if it has no value [S]."""
        now = world.clock.now()
        deployment = world.config.deployment(job.deployment)
        shows_prompt = deployment is None or deployment.prompt_in_answers
        error = None
        if job.error is not None:
            error = {"code": job.error.code, "message": job.error.message}
        return {
            "id": self.ids(job, deployment)[0],
            "object": "video",
            "model": job.deployment,
            "status": job.status(now),
            "progress": job.progress(now),
            "created_at": int(job.created_at),
            "completed_at": completed_at(job),
            "expires_at": job.expires_at,
            "prompt": job.spec.prompt if shows_prompt else None,
            "size": job.spec.size,
            "seconds": str(job.spec.seconds),
            "remixed_from_video_id": job.remixed_from,
            "error": error,
        }

    def remove(self, world: World, job: Job) -> None:
        """What a delete does to the job."""
        world.studio.remove(job, "deleted")

    def deleted(self, world: World, job: Job) -> dict[str, Any]:
        """The answer to a delete."""
        shown = self.ids(job, world.config.deployment(job.deployment))[0]
        return {"id": shown, "object": "video.deleted", "deleted": True}

    def not_ready(self, world: World, job: Job) -> ApiError:
        """The content of a job that is not completed."""
        return errors.video_not_ready()

    def not_found(self, given: str) -> ApiError:
        """No job has that id."""
        return errors.video_not_found(given)

    def unknown_model(self, name: str) -> ApiError:
        """`model` names no deployment of this server."""
        return errors.unknown_deployment(name)

    # What all share

    def deployments(self, world: World) -> list[Deployment]:
        """This server's."""
        return [entry for entry in world.config.deployments if self.serves(world.config, entry)]

    def listed(self, world: World) -> list[Job]:
        """This server's jobs that a list shows now, newest first."""
        config = world.config
        return [
            job
            for job in world.studio.listed("sora-2")
            if (entry := config.deployment(job.deployment)) is None or self.serves(config, entry)
        ]

    def deployment(self, world: World, call: Call) -> Deployment:
        """The deployment that `model` names.

        Raises:
            ApiError: 400 without a model, 404 for an unknown one, 410 for a retired one.
        """
        name = errors.model_name(call.model)
        deployment = self.named(world.config, name)
        if deployment is not None and deployment.dialect != self.dialect:
            raise errors.wrong_model("videos", name)
        if deployment is None or not self.serves(world.config, deployment):
            raise self.unknown_model(name)
        if deployment.retired(world.clock.now()):
            raise errors.retired(name)
        return deployment

    def job(self, call: Call) -> Job:
        """The job that the path names.

        Raises:
            ApiError: there is none.
        """
        if call.job is None:
            raise self.not_found(call.path_id)
        return call.job


class OpenAI(Sora2):
    """OpenAI's own."""

    name = "openai"
    prefix = "/v1"
    face: Face = "openai"

    def unknown_model(self, name: str) -> ApiError:
        """[?] the status and the words."""
        return ApiError(
            400, f"The model '{name}' does not exist.", param="model", code="model_not_found"
        )

    def no_method(self, method: str, path: str) -> ApiError:
        """405 [3]."""
        return errors.wrong_method(method, path)


def completed_at(job: Job) -> int | None:
    """When it was completed, in unix seconds."""
    return int(job.ended_at) if job.ending == "completed" and job.ended_at is not None else None


OPERATIONS = Sora2().operations()
