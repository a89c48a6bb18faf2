"""The values passed between the gateway and an operation's handler."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from starlette.datastructures import Headers, QueryParams

from local.simulator.body import Body
from local.simulator.config import Deployment, Dialect
from local.simulator.errors import Face
from local.simulator.faults.actions import Action
from local.simulator.jobs import File, Job, Output

if TYPE_CHECKING:
    from local.simulator.world import World


@dataclass
class Call:
    """A request that was read and authenticated."""

    face: Face
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
        default = "sora-2" if self.face == "openai" else None
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
    """One operation of a dialect: its path and its handler. Paths are relative to the face's base;
    `{id}` is the id of a video, job or generation."""

    dialect: Dialect
    name: str
    method: str
    path: str
    handler: Handler
    names: Literal["job", "generation"] = "job"
    """What `{id}` is the id of."""
    faces: tuple[Face, ...] = ("azure",)
