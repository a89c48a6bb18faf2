"""The life of jobs: created under limits, rendered, ended, expired."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from local.simulator import ids, limits, render_times
from local.simulator.clock import Clock
from local.simulator.config import Config, Deployment
from local.simulator.faults import actions
from local.simulator.jobs import Ending, Failure, Gone, Job, Output, Plan, Spec
from local.simulator.moderation import verdict
from local.simulator.renderer import Renderer
from local.simulator.store import Store

log = logging.getLogger("simulator")

_RENDER_FROM = 0.3
"""Share of the render time after which the bytes are made: lazily, but ready by completion."""


@dataclass
class Order:
    """A validated create."""

    deployment: Deployment
    spec: Spec
    request: dict[str, Any] = field(default_factory=dict)
    fates: tuple[actions.Action, ...] = ()
    remixed_from: str | None = None
    reference: bytes | None = None
    new_id: Callable[[float], str] = ids.video_id
    """Makes the job's id, given the time. File names are made of it."""
    foreign: bool = False
    counts: bool = True
    callback_url: str | None = None
    """Where to call back when the job has ended."""


def _nobody(_: Job) -> None:
    """Nobody is told."""


class Studio:
    """All jobs by id, and a task for each that has not expired."""

    def __init__(
        self, config: Config, clock: Clock, seed: int, store: Store, renderer: Renderer
    ) -> None:
        self._config = config
        self._clock = clock
        self._seed = seed
        self._store = store
        self._renderer = renderer
        self._jobs: dict[str, Job] = {}
        self._by_generation: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.on_created: Callable[[Job], None] = _nobody
        self.on_ended: Callable[[Job], None] = _nobody

    def start(self) -> None:
        """Resume the stored jobs; what fell due in the meantime happens at once."""
        for job in self._store.jobs():
            self._add(job)

    async def stop(self) -> None:
        """Stop all tasks; jobs stay as they are."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def reset(self) -> None:
        """Forget all jobs and their media."""
        await self.stop()
        for job in self._jobs.values():
            self._renderer.remove(job)
        self._jobs.clear()
        self._by_generation.clear()

    # Reading

    def all(self) -> list[Job]:
        """Every job, in order of creation."""
        return list(self._jobs.values())

    def next_ordinal(self) -> int:
        return len(self._jobs) + 1

    def find(self, job_id: str) -> Job | None:
        """The job of that id, even if it is gone."""
        return self._jobs.get(job_id)

    def find_generation(self, generation_id: str) -> tuple[Job, Output] | None:
        """The job that a generation belongs to, and the output it is."""
        job = self._by_generation.get(generation_id)
        if job is None:
            return None
        return job, next(output for output in job.outputs if output.id == generation_id)

    def listed(self, dialect: str) -> list[Job]:
        """The jobs in a list of the dialect now, newest first."""
        now = self._clock.now()
        shown = [
            job
            for job in self._jobs.values()
            if job.dialect == dialect
            and job.is_known()
            and now >= job.created_at + job.plan.hidden_from_list
            and self._can_list(job.deployment)
        ]
        return sorted(shown, key=lambda job: (job.created_at, job.ordinal), reverse=True)

    def _can_list(self, name: str) -> bool:
        deployment = self._config.deployment(name)
        return deployment is None or deployment.can_list

    # Changing

    def create(self, order: Order) -> Job:
        """Make a job, unless a limit forbids it; limits do not apply to a foreign one.

        Raises:
            ApiError: 429.
        """
        if not order.foreign:
            limits.admit(self._jobs.values(), order.deployment, self._clock)
        job = self._planned(order)
        if order.reference is not None:
            self._renderer.keep_reference(job.id, order.reference)
        self._add(job)
        self.save(job)
        self.on_created(job)
        return job

    def save(self, job: Job) -> None:
        """Save changes to a job, such as a download. A job removed by a reset stays removed."""
        if self._jobs.get(job.id) is job:
            self._store.save_job(job)

    def remove(self, job: Job, how: Gone) -> None:
        """Remove the job and its media; its journal stays."""
        if job.gone is not None:
            return
        job.gone, job.gone_at = how, self._clock.now()
        self.save(job)
        self._renderer.remove(job)
        task = self._tasks.get(job.id)
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def forget(self, job: Job) -> None:
        """From now on its server does not know the job, which is rendered all the same."""
        job.forgotten = True
        self.save(job)

    async def force(self, job: Job, ending: Ending, failure: Failure | None) -> None:
        """End a running job now."""
        task = self._tasks.pop(job.id, None)
        if task is not None:
            task.cancel()
        if ending == "completed":
            await self._render(job)
        if job.running():  # it may have been deleted meanwhile
            self._end(job, ending, failure)
            self._spawn(job)

    def _planned(self, order: Order) -> Job:
        now, ordinal = self._clock.now(), self.next_ordinal()
        deployment, spec = order.deployment, order.spec
        distribution = self._config.distribution(deployment.name, spec.size, spec.seconds)
        plan = Plan(
            seed=f"{self._seed}/{ordinal}",
            duration=self._clock.lasts(render_times.draw(distribution, self._seed, ordinal)),
            failure=verdict(spec.prompt, deployment.dialect),
        )
        count = render_times.fewer(deployment.fewer_generations, spec.variants, self._seed, ordinal)
        for fate in order.fates:
            match fate:
                case actions.RenderTime(seconds=seconds):
                    plan.duration = self._clock.lasts(seconds)
                case actions.Stuck(progress=progress):
                    plan.stuck_at = progress
                case actions.Fail(at=at, code=code, message=message):
                    plan.failure = Failure(at=at, code=code, message=message)
                case actions.Vanish(at=at):
                    plan.vanish_after = at
                case actions.HideFromList(seconds=seconds):
                    plan.hidden_from_list = self._clock.lasts(seconds)
                case actions.Callback(how=how):
                    plan.callback = how
                case actions.FewerGenerations(count=fewer) if deployment.dialect == "sora-1":
                    count = min(fewer, spec.variants)
        is_video = deployment.dialect == "sora-2"
        job_id = order.new_id(now)
        return Job(
            id=job_id,
            ordinal=ordinal,
            deployment=deployment.name,
            dialect=deployment.dialect,
            spec=spec,
            plan=plan,
            created_at=now,
            expires_at=self._clock.expiry(now),
            outputs=[
                Output(id=job_id if is_video else ids.generation_id(now), index=index)
                for index in range(count)
            ],
            remixed_from=order.remixed_from,
            foreign=order.foreign,
            counts=order.counts,
            request=order.request,
            callback_url=order.callback_url,
        )

    def _add(self, job: Job) -> None:
        self._jobs[job.id] = job
        if job.dialect == "sora-1":
            for output in job.outputs:
                self._by_generation[output.id] = job
        if job.gone is None:
            self._spawn(job)

    def _spawn(self, job: Job) -> None:
        task = asyncio.get_running_loop().create_task(self._live(job))
        self._tasks[job.id] = task
        task.add_done_callback(lambda done: self._done(job.id, done))

    def _done(self, job_id: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(job_id) is task:
            del self._tasks[job_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("job %s broke the simulator", job_id, exc_info=error)

    async def _live(self, job: Job) -> None:
        """Run a job to its end and then to its expiry."""
        plan = job.plan
        if plan.vanish_after is not None and job.running():
            await self._until(job.created_at + plan.vanish_after * plan.duration)
            self.remove(job, "vanished")
            return
        if job.running() and plan.stuck_at is None:
            if plan.failure is not None:
                await self._until(job.due())
                self._end(job, "failed", plan.failure)
            else:
                await self._until(job.created_at + _RENDER_FROM * plan.duration)
                await self._render(job)
                await self._until(job.due())
                self._end(job, "completed", None)
        await self._until(job.expires_at)
        self.remove(job, "expired")

    async def _render(self, job: Job) -> None:
        for output in job.outputs:
            await self._renderer.file(job, output, "video")

    def _end(self, job: Job, ending: Ending, failure: Failure | None) -> None:
        job.ending, job.ended_at, job.error = ending, self._clock.now(), failure
        self.save(job)
        self.on_ended(job)

    async def _until(self, at: float) -> None:
        """Sleep until a wall-clock time, even if the clock is set back."""
        while (left := at - self._clock.now()) > 0:  # noqa: ASYNC110 - no event: a clock
            await asyncio.sleep(min(left, 3600))


def most_at_once(spans: Iterable[tuple[float, float | None]]) -> int:
    """The largest number of [start, end) spans that overlap; None is an open end."""
    steps: list[tuple[float, int]] = []
    for start, end in spans:
        steps.append((start, 1))
        if end is not None:
            steps.append((end, -1))
    running = most = 0
    for _, step in sorted(steps):  # at equal times ends come first, freeing a slot
        running += step
        most = max(most, running)
    return most
