"""The simulated resource: deployments, keys, limits, render times.

The JSON config file has the keys of `Config`; every key is optional, an unknown one is an error.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

Dialect = Literal["sora-1", "sora-2"]

WireName = Literal[
    "azure", "openai", "litellm", "vllm-omni", "sglang", "tensorrt-llm", "bifrost", "new-api",
    "openrouter",
]  # fmt: skip
"""The servers of `/v1/videos` that a Sora 2 deployment can stand behind."""

SORA_1_SIZES = (
    "480x480", "480x854", "854x480", "720x720", "720x1280", "1280x720",
    "1080x1080", "1080x1920", "1920x1080",
)  # fmt: skip
"""[S] Azure's specification, either orientation."""

SORA_2_SIZES = ("720x1280", "1280x720", "1024x1792", "1792x1024")
"""[S] the first two are documented; [L] Azure's version 2025-12-08 accepted the others too."""

Size = Annotated[str, Field(pattern=r"^[1-9]\d{1,3}x[1-9]\d{1,3}$")]


class Strict(BaseModel):
    """A frozen model that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Bounded(Strict):
    minimum: float = Field(gt=0)
    maximum: float = Field(gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.minimum > self.maximum:
            raise ValueError("minimum is above maximum")
        return self


class Lognormal(_Bounded):
    """Most jobs near the median, a long tail; clipped to [minimum, maximum] seconds."""

    type: Literal["lognormal"] = "lognormal"
    median: float = Field(default=120, gt=0)
    sigma: float = Field(default=0.45, ge=0, le=3)
    minimum: float = Field(default=45, gt=0)
    maximum: float = Field(default=1800, gt=0)


class Uniform(_Bounded):
    """Anything between minimum and maximum seconds."""

    type: Literal["uniform"]


class Fixed(Strict):
    """Every job takes exactly this many seconds."""

    type: Literal["fixed"]
    seconds: float = Field(gt=0)


Distribution = Annotated[Lognormal | Uniform | Fixed, Field(discriminator="type")]


class RenderTime(Strict):
    """How long renders take, before the time scale. Omitted filters match everything."""

    deployment: str | None = None
    size: Size | None = None
    seconds: int | None = Field(default=None, ge=1)
    distribution: Distribution = Lognormal()


class Deployment(Strict):
    """One model deployment, addressed by `model` in the body of a create."""

    name: str = Field(min_length=1, max_length=64)
    dialect: Dialect
    wire: WireName | None = None
    """The server that speaks for it, at `/wires/NAME`; null: the one at the root."""
    provider: Literal["openai", "gemini", "hosted_vllm"] = "openai"
    """`litellm` and `bifrost`: what the gateway has behind it."""
    provider_model: str | None = None
    """`litellm` and `bifrost`: the provider's own name of the model, which lists show."""
    max_running: int | None = Field(default=2, ge=0)
    """Jobs that may run at once; null is no limit. [S] two on Azure."""
    max_creates_per_minute: int | None = Field(default=2, ge=0)
    """Creates accepted in one (scaled) minute; null is no limit. [3] two on Azure for Sora 2."""
    retires_at: AwareDatetime | None = None
    """From then on creates answer 410 [S: lifecycle policy]."""
    error_body: Literal["wrapped", "flat"] = "wrapped"
    """`{"error": {..}}` [L], or the flat body of the Sora 1 specification [S]."""
    retry_after: Literal["none", "seconds", "date", "ms", "both"] = "none"
    """What a 429 carries. No capture of a video 429 showed any header, hence `none`."""
    can_list: bool = True
    can_delete_running: bool = True
    """[?] whether the real service deletes an unfinished job is not known."""
    prompt_in_answers: bool = True
    """False: `prompt: null`, as early Azure answers had it [S]."""
    ranges: bool | None = None
    """Whether content honours Range. Default: Sora 1 yes [S: accept-ranges], Sora 2 no [?]."""
    fewer_generations: float = Field(default=0, ge=0, le=1)
    """Sora 1: chance that a job of several variants yields fewer of them [S: it can happen]."""
    callback_url: str | None = None
    """OpenAI: where its webhook calls back when a job has ended."""
    callback_secret: str | None = None
    """Signs the calls: of a webhook (`whsec_..`), or of OpenRouter's workspace."""
    sizes: tuple[Size, ...] = ()
    """Empty: the dialect's own."""
    seconds: tuple[int, ...] = ()
    """Empty: 4, 8, 12 for Sora 2 and 1..20 for Sora 1."""

    @property
    def allowed_sizes(self) -> tuple[str, ...]:
        """`WIDTHxHEIGHT` texts in the order in which errors list them."""
        return self.sizes or (SORA_1_SIZES if self.dialect == "sora-1" else SORA_2_SIZES)

    @property
    def allowed_seconds(self) -> tuple[int, ...]:
        """Whole seconds of output that a job may ask for."""
        return self.seconds or (tuple(range(1, 21)) if self.dialect == "sora-1" else (4, 8, 12))

    @property
    def honours_ranges(self) -> bool:
        """Whether content answers a Range request with 206."""
        return self.dialect == "sora-1" if self.ranges is None else self.ranges

    def retired(self, now: float) -> bool:
        """Whether the deployment's model is retired at `now` (unix seconds)."""
        return self.retires_at is not None and datetime.fromtimestamp(now, UTC) >= self.retires_at


class Config(Strict):
    """The whole simulated resource."""

    wire: WireName | None = None
    """The server at the root; null: Azure's at `/openai/v1` and OpenAI's at `/v1`."""

    deployments: tuple[Deployment, ...] = (
        Deployment(name="sora-2", dialect="sora-2"),
        Deployment(name="sora", dialect="sora-1"),
    )
    api_keys: tuple[str, ...] = ("sim-key",)
    """Accepted in `api-key` or as `Authorization: Bearer`."""
    keys_without_role: tuple[str, ...] = ("sim-key-without-role",)
    """Known callers without the role: 403."""
    request_id_headers: tuple[str, ...] = (
        "x-ms-client-request-id", "x-request-id", "idempotency-key", "x-stainless-retry-count",
    )  # fmt: skip
    """Request headers that the journal keeps for every create."""
    render_times: tuple[RenderTime, ...] = ()
    """The first entry that matches a job decides; none: the default lognormal."""
    poll_after_ms: int | None = Field(default=None, ge=1)
    """`openai-poll-after-ms` on answers about a job; null leaves the header out."""
    max_body_bytes: int = Field(default=100_000_000, ge=1)

    @model_validator(mode="after")
    def _wires_are_of_sora_2(self) -> Self:
        for deployment in self.deployments:
            if deployment.wire is not None and deployment.dialect != "sora-2":
                raise ValueError(f"{deployment.name}: only sora-2 has wires")
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [deployment.name for deployment in self.deployments]
        if len(set(names)) != len(names):
            raise ValueError("two deployments have the same name")
        return self

    def wire_of(self, deployment: Deployment) -> WireName | None:
        """The server that a Sora 2 deployment stands behind; None: Azure's and OpenAI's."""
        return deployment.wire or (self.wire if deployment.dialect == "sora-2" else None)

    def deployment(self, name: str) -> Deployment | None:
        return next((entry for entry in self.deployments if entry.name == name), None)

    def distribution(self, deployment: str, size: str, seconds: int) -> Distribution:
        """The distribution of the render times of such jobs."""
        for entry in self.render_times:
            if (
                entry.deployment in (None, deployment)
                and entry.size in (None, size)
                and entry.seconds in (None, seconds)
            ):
                return entry.distribution
        return Lognormal()


def load_config(path: Path | None) -> Config:
    """Read a config file, or give the default.

    Raises:
        OSError: the file cannot be read.
        pydantic.ValidationError: it is not JSON, or not a valid config.
    """
    return Config() if path is None else Config.model_validate_json(path.read_bytes())
