"""Calls back when a job has ended, as the servers do that can.

OpenAI: to the address of the webhook (`callback_url` of the deployment), with `video.completed` or
`video.failed` and the job's id, signed as Standard Webhooks say [S: guide to webhooks]. OpenRouter:
to the `callback_url` of the create; signed where the workspace has a secret
[S: "Get Video Results with Webhooks"]. Neither repeats a call here; the real ones do.
"""

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import httpx
from standardwebhooks import Webhook

from local.loopback import BRIEFLY
from local.simulator.config import Deployment
from local.simulator.jobs import Job
from local.simulator.wires import wire_of
from local.simulator.world import World

_EARLY = 0.3
"""The share of the render after which an early call comes."""
_ANSWERS_WITHIN = 10.0
_FORGED = "whsec_Zm9yZ2VkIGZvcmdlZCBmb3JnZWQgZm9yZ2VkISE="
"""Signs forged calls; base64 of words."""


class Callbacks:
    """The calls of one simulator. `created` and `ended` are told of every job."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=_ANSWERS_WITHIN, trust_env=False, limits=BRIEFLY)

    def created(self, job: Job) -> None:
        """Call at once, or early, where a fault says so."""
        how = job.plan.callback
        if how == "at_once":
            self._start(self._call(job, "completed"))
        elif how in ("early", "forged"):
            self._start(self._later(job, _EARLY * job.plan.duration))

    def ended(self, job: Job) -> None:
        """Call, unless a fault says otherwise."""
        times = {"lost": 0, "at_once": 0, "twice": 2}.get(job.plan.callback, 1)
        for _ in range(times):
            self._start(self._call(job, "failed" if job.ending == "failed" else "completed"))

    async def close(self) -> None:
        """Drop what was not sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    def _start(self, call: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, job: Job, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._call(job, "completed")

    async def _call(self, job: Job, ending: str) -> None:
        world = self._world
        deployment = world.config.deployment(job.deployment)
        if deployment is None or job.gone is not None:
            return
        url = job.callback_url or deployment.callback_url
        if url is None:
            return
        shown = wire_of(world.config, deployment).ids(job, deployment)[0]
        is_own = job.callback_url is not None
        body, headers = (_openrouters if is_own else _openais)(job, deployment, shown, ending)
        status: int | None = None
        with suppress(httpx.HTTPError):
            status = (await self._http.post(url, content=body, headers=headers)).status_code
        note = {"job": job.id, "ending": ending, "status": status, "at": world.clock.now()}
        world.store.note("callback", note)


def _openais(
    job: Job, deployment: Deployment, shown: str, ending: str
) -> tuple[bytes, dict[str, str]]:
    now, event = datetime.now(UTC), f"evt_{secrets.token_hex(16)}"
    body = json.dumps(
        {
            "id": event,
            "object": "event",
            "created_at": int(now.timestamp()),
            "type": f"video.{ending}",
            "data": {"id": shown},
        }
    )
    headers = {"content-type": "application/json", "user-agent": "OpenAI/1.0 (simulator)"}
    secret = _FORGED if job.plan.callback == "forged" else deployment.callback_secret
    if secret is not None:
        headers["webhook-id"] = event
        headers["webhook-timestamp"] = str(int(now.timestamp()))
        headers["webhook-signature"] = Webhook(secret).sign(event, now, body)
    return body.encode(), headers


def _openrouters(
    job: Job, deployment: Deployment, shown: str, ending: str
) -> tuple[bytes, dict[str, str]]:
    now = datetime.now(UTC)
    body = json.dumps(
        {
            "type": f"video.generation.{ending}",
            "created_at": now.isoformat(),
            "data": {"id": shown, "status": ending, "generation_id": f"gen-{job.id}"},
        }
    ).encode()
    headers = {
        "content-type": "application/json",
        "x-openrouter-idempotency-key": f"{shown}-{ending}",
    }
    secret = _FORGED if job.plan.callback == "forged" else deployment.callback_secret
    if secret is not None:
        at = int(now.timestamp())
        digest = hmac.new(secret.encode(), f"{at},".encode() + body, hashlib.sha256).hexdigest()
        headers["x-openrouter-signature"] = f"t={at},v1={digest}"
    return body, headers
