"""How a server speaks, and the values passed between the gateway and an operation's handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from starlette.datastructures import Headers, QueryParams

from local.simulator import errors
from local.simulator.body import Body
from local.simulator.config import Config, Deployment, Dialect
from local.simulator.errors import ApiError, Face
from local.simulator.faults.actions import Action
from local.simulator.jobs import File, Job, Output

if TYPE_CHECKING:
    from local.simulator.world import World


@dataclass
class Call:
    """A request that was read and authenticated."""

    wire: "Wire"
    method: str
    path: str
    path_id: str
    query: QueryParams
    headers: Headers
    body: Body = field(default_factory=Body)
    at: float = 0.0
    job: Job | None = None
    """The job that the path names; None if there is none (any more)."""
    output: Output | None = None
    """The generation that the path names (Sora 1)."""
    deployment: Deployment | None = None
    fates: tuple[Action, ...] = ()
    """Faults that affect the job that this call creates."""
    created: Job | None = None
    """The job that this call created, even if its answer is lost."""
    only_look_alikes: bool = False
    """Create only strangers' jobs, and do not carry out the request itself."""

    @property
    def model(self) -> object:
        """The body's model: required on Azure [L], `sora-2` by default on OpenAI [S]."""
        default = "sora-2" if self.wire.face == "openai" else None
        return self.body.fields.get("model", default)

    def remembered(self, names: tuple[str, ...]) -> dict[str, Any]:
        """The journal's record of the request that created a job."""
        shown = {name: self.headers[name] for name in names if name in self.headers}
        return {"at": self.at, "path": self.path, "headers": shown, **self.body.described()}


@dataclass
class Reply:
    """An answer before it is put on the wire: a JSON body, a file, or neither."""

    status: int = 200
    json: dict[str, Any] | None = None
    file: File | None = None
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    job: Job | None = None
    text: str | None = None
    """An HTML page instead of JSON."""
    dropped: bool = False
    """No answer at all: the connection closes."""


class NotCarriedOut(Exception):
    """Raised by `place` when a call is `only_look_alikes`."""


Handler = Callable[["World", Call], Awaitable[Reply]]


@dataclass(frozen=True)
class Operation:
    """One operation of a server: its path and its handler. Paths are relative to the wire's prefix;
    `{id}` is the id of a video, job or generation."""

    name: str
    method: str
    path: str
    handler: Handler
    names: Literal["job", "generation"] = "job"
    """What `{id}` is the id of."""


class Wire:
    """How one kind of server speaks. What is here holds for all its operations, and is Azure's way
    unless a subclass says otherwise."""

    name: str
    dialect: Dialect
    prefix = "/openai/v1"
    face: Face = "azure"
    """Whose words its errors have."""
    takes_api_key = True
    """Whether the key may come as `api-key`, and not only as a Bearer token."""
    needs_key = True
    """Whether a request without a key is refused; a wrong key always is."""
    forgets = False
    """Whether its jobs live in memory only, and are gone after a restart."""
    ranges: bool | None = None
    """Whether content honours Range, if the deployment does not say. None: as its dialect."""

    def operations(self) -> tuple[Operation, ...]:
        """All that it can do."""
        raise NotImplementedError

    def serves(self, config: Config, deployment: Deployment) -> bool:
        """Whether the deployment is one of this server's."""
        raise NotImplementedError

    def ids(self, job: Job, deployment: Deployment | None) -> tuple[str, ...]:
        """Every id by which its answers name a job: first that of create and poll, last that of the
        list."""
        return (job.id,)

    def own_id(self, given: str) -> str:
        """The simulator's id of a job that a path names."""
        return given

    def named(self, config: Config, model: object) -> Deployment | None:
        """The deployment that a `model` in a body means."""
        return config.deployment(model) if isinstance(model, str) else None

    def restart(self, world: "World", deployment: Deployment) -> None:
        """What a restart of its process does to the jobs."""
        if self.forgets:
            for job in world.studio.all():
                if job.deployment == deployment.name:
                    world.studio.remove(job, "vanished")

    # Refusals

    def refusal(self, error: ApiError, deployment: Deployment | None) -> Reply:
        """An error in this server's shape."""
        shape = "wrapped" if deployment is None else deployment.error_body
        return Reply(error.status, error.body(shape), headers=dict(error.headers))

    def denied(self, key: str | None) -> ApiError:
        """The key is missing or unknown."""
        return errors.access_denied(self.face, key)

    def not_found(self, given: str) -> ApiError:
        """No job has that id."""
        return errors.job_not_found(given)

    def no_route(self, method: str, path: str) -> ApiError:
        """The path is no operation."""
        return errors.unknown_route(self.face, method, path)

    def no_method(self, method: str, path: str) -> ApiError:
        """The path is one, with another method. Azure's gateway knows operations, not paths [L]."""
        return self.no_route(method, path)
