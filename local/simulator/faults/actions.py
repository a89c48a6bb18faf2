"""The fault actions. Each is a JSON object with a `type`; docs/simulator.md shows them all.

Durations are simulated seconds and are divided by the time scale, like all durations here.
"""

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field


class Action(BaseModel):
    """Base of all actions; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @property
    def answers(self) -> bool:
        """Whether the action decides the answer; of several such rules only the first acts."""
        return True


Duration = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


# Any operation: the answer is replaced, late or missing.


class Status(Action):
    """An error status. `processed`: the request is carried out first and its answer is lost."""

    type: Literal["status"]
    status: int = Field(ge=400, le=599)
    message: str | None = None
    error_type: str | None = None
    code: str | None = None
    retry_after: Duration | None = None
    """Simulated seconds; goes out in `retry_after_form`."""
    retry_after_form: Literal["seconds", "date", "ms"] = "seconds"
    headers: dict[str, str] = Field(default_factory=dict)
    processed: bool = False


class Storm(Action):
    """From its first hit, and for `seconds`, every matching request is answered 429."""

    type: Literal["storm"]
    seconds: Duration
    retry_after: Duration | None = None
    retry_after_form: Literal["seconds", "date", "ms"] = "seconds"


class Delay(Action):
    """Wait, before the request is carried out or before it is answered."""

    type: Literal["delay"]
    seconds: Duration
    when: Literal["before", "after"] = "before"

    @property
    def answers(self) -> bool:
        """A delay combines with any other action."""
        return False


class Drop(Action):
    """Close the connection without an answer, before or after the request is carried out."""

    type: Literal["drop"]
    when: Literal["before", "after"]


class Html(Action):
    """A gateway's HTML page where JSON (or an MP4) was expected."""

    type: Literal["html"]
    status: int = Field(default=200, ge=200, le=599)
    processed: bool = False


class Redirect(Action):
    """A redirect; without a `location`, to this simulator under another host name, which notes
    whether credentials came along."""

    type: Literal["redirect"]
    status: Literal[301, 302, 303, 307, 308] = 302
    location: str | None = None


class SwitchedOff(Action):
    """The operation does not exist: 404 as for an unknown path."""

    type: Literal["switched_off"]


class SlowBody(Action):
    """The answer's body takes `seconds` to arrive, in small pieces."""

    type: Literal["slow_body"]
    seconds: Duration


class Restart(Action):
    """The server restarts: no answer, and where it keeps its jobs in memory they are forgotten."""

    type: Literal["restart"]


# Reading a job: the answer about it is wrong.


class _Tint(Action):
    """Changes fields of an answer; combines with any other action."""

    @property
    def answers(self) -> bool:
        """It only changes fields."""
        return False


class NotFoundAfterCreate(Action):
    """404 for a job younger than `seconds`."""

    type: Literal["not_found_after_create"]
    seconds: Duration = 30


class UnknownStatus(_Tint):
    """A status word that no documentation knows."""

    type: Literal["unknown_status"]
    word: str = "rescheduled"


class PromptNull(_Tint):
    """`prompt: null` in the answer."""

    type: Literal["prompt_null"]


class ClockSkew(_Tint):
    """The service's clock is wrong by `seconds` (real ones: an offset, not a duration)."""

    type: Literal["clock_skew"]
    seconds: int


# Creating a job: its fate is decided.


class _Fate(_Tint):
    """Decides the fate of the job that the request creates."""


class RenderTime(_Fate):
    """The job takes exactly so many (simulated) seconds."""

    type: Literal["render_time"]
    seconds: float = Field(gt=0)


class Stuck(_Fate):
    """The job never ends; its progress stays at `progress`."""

    type: Literal["stuck"]
    progress: int = Field(default=99, ge=0, le=99)


class Fail(_Fate):
    """The job fails after this share of its render time."""

    type: Literal["fail"]
    at: Share = 0.9
    code: str = "internal_error"
    message: str = "Video generation failed."


class Vanish(_Fate):
    """The job disappears as if it had never been, after this share of its render time."""

    type: Literal["vanish"]
    at: Share = 0.5


class FewerGenerations(_Fate):
    """Sora 1: only `count` of the variants succeed."""

    type: Literal["fewer_generations"]
    count: int = Field(default=1, ge=0)


class HideFromList(_Fate):
    """The job appears in lists only so many seconds later."""

    type: Literal["hide_from_list"]
    seconds: Duration


class Callback(_Fate):
    """How the server calls back about the job: `lost` not at all, `twice`, `early` before its end
    and at it, `at_once` as soon as it exists and not again, `forged` with a wrong signature."""

    type: Literal["callback"]
    how: Literal["twice", "lost", "early", "at_once", "forged"]


class LookAlike(_Fate):
    """Somebody else creates `count` jobs with the same model, prompt, size and seconds.

    They exist even when the request itself is not carried out. They appear in lists, are rendered
    like any job, and take no place under the limits unless `counts_against_limits`. With a `prompt`
    they are less alike, and with a `failure` they fail at once, with that message.
    """

    type: Literal["look_alike"]
    count: int = Field(default=1, ge=1, le=20)
    counts_against_limits: bool = False
    prompt: str | None = None
    failure: str | None = None


# Fetching content: the bytes are wrong. `variant` in the rule's match narrows to one file.


class Truncated(Action):
    """Only this share of the bytes. `connection`: the length promised more and the connection
    closes; `length`: the answer claims to be complete."""

    type: Literal["truncated"]
    share: Share = 0.5
    how: Literal["connection", "length"] = "connection"


class Corrupted(Action):
    """The right number of bytes, some of them wrong: in the MP4's index, or in its media."""

    type: Literal["corrupted"]
    where: Literal["index", "media"] = "index"


class Oversized(Action):
    """`extra_bytes` zero bytes follow the movie; the length says so."""

    type: Literal["oversized"]
    extra_bytes: int = Field(ge=1)


class WrongLength(Action):
    """Content-Length differs from the bytes by `difference`: more promised, or fewer sent."""

    type: Literal["wrong_length"]
    difference: int


class WrongMovie(Action):
    """A playable movie of other seconds, or another size, than was asked for."""

    type: Literal["wrong_movie"]
    seconds: int | None = Field(default=None, ge=1, le=20)
    size: str | None = Field(default=None, pattern=r"^[1-9]\d{1,3}x[1-9]\d{1,3}$")


class ExpireDuringCopy(Action):
    """The job expires when this share of the bytes has left, and the connection closes."""

    type: Literal["expire_during_copy"]
    share: Share = 0.5


AnyAction = Annotated[
    Status | Storm | Delay | Drop | Html | Redirect | SwitchedOff | SlowBody | Restart
    | NotFoundAfterCreate | UnknownStatus | PromptNull | ClockSkew
    | RenderTime | Stuck | Fail | Vanish | FewerGenerations | HideFromList | Callback
    | LookAlike
    | Truncated | Corrupted | Oversized | WrongLength | WrongMovie | ExpireDuringCopy,
    Field(discriminator="type"),
]  # fmt: skip

CREATES = ("create", "remix")
CONTENTS = ("content",)
READS_ONE = ("get", "content", "content_head", "generation_get", "delete", "remix")
READS = ("create", "remix", "get", "list", "generation_get", "*")


def operations_of(action: Action) -> tuple[str, ...] | None:
    """The operations that an action makes sense for; None for all."""
    match action:
        case _Fate():
            return CREATES
        case NotFoundAfterCreate():
            return READS_ONE
        case _Tint():
            return READS
        case (
            Truncated() | Corrupted() | Oversized() | WrongLength() | WrongMovie()
            | ExpireDuringCopy()
        ):  # fmt: skip
            return CONTENTS
        case _:
            return None


def schema() -> dict[str, str]:
    """Name -> one-line description, for `--help` and the control endpoint."""
    return {
        get_args(cls.model_fields["type"].annotation)[0]: (cls.__doc__ or "").split("\n\n")[0]
        for cls in _leaves(Action)
    }


def _leaves(base: type[Action]) -> list[type[Action]]:
    leaves: list[type[Action]] = []
    for sub in base.__subclasses__():
        leaves += _leaves(sub) if sub.__subclasses__() else [sub]
    return leaves
