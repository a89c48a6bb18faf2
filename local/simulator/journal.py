"""The journal: enough detail to count duplicates, losses and breaches without the app."""

from typing import Any

from local.simulator.clock import MINUTE
from local.simulator.config import Deployment
from local.simulator.jobs import Job
from local.simulator.studio import most_at_once
from local.simulator.wires import wire_of
from local.simulator.world import World


def report(world: World) -> dict[str, Any]:
    """The whole journal; docs/simulator.md describes its keys."""
    jobs = world.studio.all()
    creates = world.store.notes("create")
    return {
        "time_scale": world.clock.scale,
        "seed": world.seed,
        "now": world.clock.now(),
        "jobs": [entry(world, job) for job in jobs],
        "creates": creates,
        "deployments": {
            deployment.name: _deployment(world, deployment, jobs, creates)
            for deployment in world.config.deployments
        },
        "requests": world.store.tally(),
        "elsewhere": world.store.notes("elsewhere"),
        "callbacks": world.store.notes("callback"),
    }


def entry(world: World, job: Job) -> dict[str, Any]:
    """One job: its request, its outcome, its downloads."""
    now = world.clock.now()
    fields = job.model_dump(
        include={
            "id", "ordinal", "deployment", "dialect", "foreign", "remixed_from", "created_at",
            "expires_at", "ended_at", "gone", "gone_at", "request", "error",
        }
    )  # fmt: skip
    spec = job.spec.model_dump(exclude={"inpaint_items"})
    outputs = [
        {
            "id": output.id,
            "index": output.index,
            "files": {
                kind: file.model_dump(exclude={"name"}) for kind, file in output.files.items()
            },
        }
        for output in job.outputs
    ]
    deployment = world.config.deployment(job.deployment)
    return fields | {
        "ids": wire_of(world.config, deployment).ids(job, deployment),
        "spec": spec,
        "status": job.gone or job.status(now),
        "progress": job.progress(now),
        "render_seconds": job.plan.duration,
        "timeline": job.timeline(now),
        "outputs": outputs,
    }


def _deployment(
    world: World, deployment: Deployment, jobs: list[Job], creates: list[dict[str, Any]]
) -> dict[str, Any]:
    """The limits of a deployment and how near its callers came to them.

    Callers cannot breach a limit, because a create gets 429; `refused` counts those answers.
    Jobs of strangers are left out unless they count under the limits.
    """
    mine = [job for job in jobs if job.deployment == deployment.name and job.counts]
    window = world.clock.lasts(MINUTE)
    refused = {"running": 0, "creates_per_minute": 0}
    for note in creates:
        if note["deployment"] == deployment.name and note["limit"] is not None:
            refused[note["limit"]] += 1
    return {
        "dialect": deployment.dialect,
        "max_running": deployment.max_running,
        "max_creates_per_minute": deployment.max_creates_per_minute,
        "minute_seconds": window,
        "jobs": len(mine),
        "running_now": sum(job.running() for job in mine),
        "most_running": most_at_once((job.created_at, job.closed_at()) for job in mine),
        "most_creates_in_a_minute": most_at_once(
            (job.created_at, job.created_at + window) for job in mine
        ),
        "refused": refused,
    }
