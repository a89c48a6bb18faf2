"""Carries out the actions that hit one request, each at the right moment."""

import asyncio
from collections.abc import Callable
from typing import Any

from local.simulator.errors import USER_ERROR, ApiError
from local.simulator.faults import actions
from local.simulator.faults.actions import Action
from local.simulator.jobs import Job
from local.simulator.limits import retry_headers
from local.simulator.wire import Call, Reply
from local.simulator.world import World

HTML = (
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)

_TIMES = ("created_at", "completed_at", "finished_at", "expires_at")

_WORDS: dict[int, tuple[str, str, str | None]] = {
    400: ("Invalid request.", USER_ERROR, None),
    401: ("Unauthorized", "invalid_request_error", "401"),
    403: ("Forbidden", "invalid_request_error", "PermissionDenied"),
    404: ("Resource not found", "invalid_request_error", "404"),
    408: ("The operation timed out.", "timeout", "Timeout"),
    409: ("Conflict", "invalid_request_error", "conflict"),
    410: ("The model has been retired.", USER_ERROR, "ModelRetired"),
    429: ("Too many running tasks", USER_ERROR, None),
    503: ("The server is overloaded.", "server_error", "server_is_overloaded"),
}
"""Status -> message, type, code, unless the rule has its own."""


class Effects:
    """The effects of the fired actions on one call."""

    def __init__(self, world: World, call: Call, fired: list[Action]) -> None:
        self._world = world
        self._call = call
        self._fired = fired
        self.deciding = next((action for action in fired if action.answers), None)

    async def wait(self, when: str) -> None:
        """The delays before or after processing."""
        for action in self._fired:
            if isinstance(action, actions.Delay) and action.when == when:
                await asyncio.sleep(self._world.clock.lasts(action.seconds))

    def instead_of_processing(self) -> Reply | None:
        """The answer of an action that prevents the request from being carried out."""
        match self.deciding:
            case actions.Drop(when="before"):
                return Reply(dropped=True)
            case actions.Status(processed=False) as action:
                return self._error(action)
            case actions.Html(processed=False, status=status):
                return Reply(status, text=HTML)
            case actions.Storm(retry_after=wait, retry_after_form=form):
                return self._error(
                    actions.Status(
                        type="status", status=429, retry_after=wait, retry_after_form=form
                    )
                )
            case actions.Redirect(status=status, location=location):
                return Reply(status, headers={"location": location or self._other_host()})
            case actions.SwitchedOff():
                call = self._call
                return self._refusal(call.wire.no_route(call.method, call.path))
            case actions.NotFoundAfterCreate():
                return self._refusal(self._call.wire.not_found(self._call.path_id))
            case actions.Restart():
                self._restart()
                return Reply(dropped=True)
            case _:
                return None

    def instead_of_answer(self, reply: Reply) -> Reply:
        """The answer, or that of an action that replaces it after processing."""
        match self.deciding:
            case actions.Drop(when="after"):
                return Reply(dropped=True, job=reply.job)
            case actions.Status(processed=True) as action:
                lost = self._error(action)
                lost.job = reply.job
                return lost
            case actions.Html(processed=True, status=status):
                return Reply(status, text=HTML, job=reply.job)
            case _:
                return reply

    def tint(self, reply: Reply) -> None:
        """Change fields of a good JSON answer."""
        if reply.json is None or reply.status >= 400:
            return
        for action in self._fired:
            match action:
                case actions.UnknownStatus(word=word):
                    _change(reply.json, "status", _always(word))
                case actions.PromptNull():
                    _change(reply.json, "prompt", _always(None))
                case actions.ClockSkew(seconds=seconds):
                    for key in _TIMES:
                        _change(reply.json, key, _later(seconds))

    def skew(self) -> int:
        """Seconds by which the answer's Date is wrong."""
        return sum(a.seconds for a in self._fired if isinstance(a, actions.ClockSkew))

    def spread(self) -> float:
        """Real seconds over which the body is spread."""
        slow = self.deciding
        seconds = slow.seconds if isinstance(slow, actions.SlowBody) else 0.0
        return self._world.clock.lasts(seconds)

    async def other_movie(self, job: Job) -> bytes | None:
        """A movie to send instead of the job's, if an action asks for one."""
        action = self.deciding
        if not isinstance(action, actions.WrongMovie):
            return None
        width, height = (action.size or job.spec.size).split("x")
        seconds = action.seconds or job.spec.seconds
        return await self._world.renderer.wrong_movie(job, (int(width), int(height)), seconds)

    def _error(self, action: actions.Status) -> Reply:
        words = _WORDS.get(action.status)
        message, kind, code = words or (
            "The server had an error while processing your request. Sorry about that!",
            "server_error",
            None,
        )
        error = ApiError(
            action.status,
            action.message or message,
            type=action.error_type or kind,
            code=action.code or code,
            headers=dict(action.headers),
        )
        if action.retry_after is not None:
            clock = self._world.clock
            wait = clock.lasts(action.retry_after)
            error.headers |= retry_headers(action.retry_after_form, wait, clock.now())
        return self._refusal(error)

    def _refusal(self, error: ApiError) -> Reply:
        return self._call.wire.refusal(error, self._call.deployment)

    def _restart(self) -> None:
        """The server of the request's deployment; of all of its deployments, for a list."""
        config, wire = self._world.config, self._call.wire
        for deployment in config.deployments:
            if self._call.deployment in (None, deployment) and wire.serves(config, deployment):
                wire.restart(self._world, deployment)

    def _other_host(self) -> str:
        """This simulator as `localhost`, which clients treat as another host than 127.0.0.1."""
        _, _, port = self._call.headers.get("host", "").partition(":")
        query = f"?{self._call.query}" if self._call.query else ""
        return f"http://localhost:{port or 80}/_sim/elsewhere{self._call.path}{query}"


def _always(word: str | None) -> Callable[[Any], Any]:
    return lambda _: word


def _later(seconds: int) -> Callable[[Any], Any]:
    return lambda at: None if at is None else at + seconds


def _change(value: Any, key: str, by: Callable[[Any], Any]) -> None:
    """Replace every value under `key`, at any depth, by `by(value)`."""
    if isinstance(value, list):
        for item in value:
            _change(item, key, by)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                value[name] = by(item)
            else:
                _change(item, key, by)
