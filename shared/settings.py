"""Every setting, typed once, read from the environment on first use and never at import.

The same names are used locally and in Bicep. A wrong or missing setting raises SettingsError with
the setting's name and what is wrong, and never repeats a value.

`TIME_SCALE` divides durations and nothing else: it is applied here, once, by `Durations`, so the
rest of the code works with the durations it is given. Timestamps are always real UTC.
"""

import os
import re
from datetime import datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as PydanticSettingsError

from shared.domain import limits
from shared.domain.capabilities import Capabilities
from shared.domain.models import MODELS, PRICES
from shared.domain.money import Price, micro_usd

_AZURE_HOSTS = (
    ".openai.azure.com",
    ".cognitiveservices.azure.com",
    ".services.ai.azure.com",
)
_EVENT_GRID_HOSTS = (".eventgrid.azure.net", ".eventgrid.azure.us", ".eventgrid.azure.cn")
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """The app is configured wrongly. The message names the setting; it never shows its value."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EntraAuth(_Strict):
    """A token of the app's managed identity; only ever sent to Azure's own host names."""

    type: Literal["entra"]
    scope: str = "https://cognitiveservices.azure.com/.default"


class HeaderAuth(_Strict):
    """A key in a header: `api-key: KEY`, or `Authorization: Bearer KEY`.

    `secret_setting` is the name of the app setting that holds the key (in Azure a Key Vault
    reference), so that `UPSTREAMS` itself has no secret in it.
    """

    type: Literal["header"]
    name: str = "api-key"
    secret_setting: str


class PriceConfig(_Strict):
    """A price row in US dollars; see `shared.domain.money.Price`."""

    version: str
    usd_per_second: str | float
    reference_size: str | None = None
    failed_render: Literal["released", "settled"] = "released"

    def row(self) -> Price:
        pixels = None
        if self.reference_size is not None:
            width, height = _size(self.reference_size)
            pixels = width * height
        return Price(
            version=self.version,
            per_second_micro_usd=micro_usd(self.usd_per_second),
            reference_pixels=pixels,
            failed_render=self.failed_render,
        )


class CapabilitiesConfig(_Strict):
    """Replaces parts of a model's capabilities; see `shared.domain.capabilities.Capabilities`."""

    sizes: list[str] | None = None
    default_size: str | None = None
    seconds: list[int] | None = None
    default_seconds: int | None = None
    prompt_characters: int | None = None
    variants: dict[int, int] | None = None
    seconds_above_pixels: dict[int, int] | None = None
    images: int | None = None
    input_video_seconds: int | None = None
    placed_inputs: bool | None = None
    remix: bool | None = None

    def over(self, base: Capabilities | None) -> Capabilities:
        values = {key: value for key, value in self.model_dump().items() if value is not None}
        if base is not None:
            values = {name: getattr(base, name) for name in _capability_names()} | values
        for name in ("sizes", "seconds"):
            if name in values:
                values[name] = tuple(values[name])
        if values.get("sizes"):
            values.setdefault("default_size", values["sizes"][0])
        if values.get("seconds"):
            values.setdefault("default_seconds", values["seconds"][0])
        values.setdefault("prompt_characters", limits.LONGEST_PROMPT)
        return Capabilities(**values)


class Upstream(_Strict):
    """One deployment: an endpoint, its wire, its limits and its price."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    dialect: Literal["sora-1", "sora-2"]
    endpoint: str
    path_prefix: str = "/openai/v1"
    deployment: str
    """What goes on the wire as `model`: in Azure the name of the model deployment."""
    model: str
    """The public model name that callers ask for."""
    auth: Annotated[EntraAuth | HeaderAuth, Field(discriminator="type")]
    max_running: Annotated[int, Field(ge=0, le=limits.MOST_RUNNING)] = 2
    max_creates_per_minute: Annotated[int, Field(ge=0, le=limits.MOST_CREATES)] = 2
    prices: PriceConfig | None = None
    capabilities: CapabilitiesConfig | None = None
    can_list: bool = True
    can_delete_running: bool = False
    retires_at: datetime | None = None

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValueError("must be a plain URL without credentials, query or fragment")
        return _https(value)

    @field_validator("path_prefix")
    @classmethod
    def _prefix(cls, value: str) -> str:
        return "/" + value.strip("/") if value.strip("/") else ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        host = urlsplit(self.endpoint).hostname or ""
        if isinstance(self.auth, EntraAuth) and not host.endswith(_AZURE_HOSTS):
            raise ValueError("auth entra sends tokens only to Azure's own host names")
        if self.prices is None and self.model not in PRICES:
            raise ValueError(f"model {self.model!r} has no built-in price: give prices")
        if self.capabilities is None and self.model not in MODELS:
            raise ValueError(f"model {self.model!r} has no built-in capabilities: give them")
        return self

    @property
    def price(self) -> Price:
        return PRICES[self.model] if self.prices is None else self.prices.row()

    @property
    def can(self) -> Capabilities:
        base = MODELS.get(self.model)
        if self.capabilities is not None:
            return self.capabilities.over(base)
        assert base is not None  # _consistent saw to it
        return base


class Caller(_Strict):
    """Who may call, how they prove it, and how much they may spend."""

    key_sha256: list[Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(default_factory=list)
    entra: list[str] = Field(default_factory=list)
    budget_usd_per_month: float = -1
    max_unfinished: int = -1
    creates_per_minute: Annotated[int, Field(ge=-1, le=limits.MOST_CREATES)] = -1
    admin: bool = False


class Webhook(_Strict):
    """An endpoint that is told how videos ended.

    `secret_setting` names the app setting with its Standard Webhooks secret (`whsec_...`).
    `callers` are the names in CALLERS that may ask for it; without them everybody may.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
    url: str
    secret_setting: str
    callers: list[str] | None = None

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        return _receiver(value)


class Settings(BaseSettings):
    """The app's settings; field names in upper case are the names in the environment."""

    model_config = SettingsConfigDict(
        extra="ignore", frozen=True, case_sensitive=False, env_ignore_empty=True
    )

    upstreams: list[Upstream]
    callers: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")], Caller]
    public_base_url: str
    cors_origins: list[str] = []
    """Origins whose browser scripts may read answers, or `*`; none by default."""
    storage_connection: str = ""
    storage_account_name: str = ""
    event_topic_endpoint: str = ""
    """The Event Grid topic on which results are announced; empty: on none."""
    webhooks: list[Webhook] = Field(default_factory=list)
    event_callers: dict[str, str] = Field(default_factory=dict)
    """Who pays for the requests that come as events: a topic's resource id or name -> a caller."""
    max_job_usd: float = 20
    budget_usd_per_day: float = 200
    queue_deadline_hours: Annotated[float, Field(gt=0)] = 24
    job_deadline_minutes: Annotated[float, Field(gt=0)] = 60
    video_retention_days: Annotated[int, Field(ge=1)] | None = None
    content_delivery: Literal["redirect", "stream"] = "redirect"
    input_url_hosts: str = ""
    """Hosts, separated by commas, from which images may be fetched over https; none by default."""
    entra_tenant_id: Annotated[str, Field(pattern=r"^[0-9a-fA-F-]{0,36}$")] = ""
    """The tenant whose tokens are accepted; empty: keys only."""
    entra_audience: str = ""
    """The `aud` of those tokens: the app registration's client id or its application id URI."""
    entra_authority: str = "https://login.microsoftonline.com"
    """Where the tenant's signing keys are published."""
    time_scale: Annotated[float, Field(gt=0)] = 1

    @field_validator("public_base_url")
    @classmethod
    def _base_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be the URL under which callers reach the app")
        return value.rstrip("/")

    @field_validator("event_topic_endpoint")
    @classmethod
    def _topic(cls, value: str) -> str:
        if not value:
            return value
        host = urlsplit(_receiver(value)).hostname or ""
        if host not in LOOPBACK and not host.endswith(_EVENT_GRID_HOSTS):
            raise ValueError("must be the endpoint of an Event Grid topic: it gets the app's token")
        return value

    @field_validator("webhooks")
    @classmethod
    def _webhook_names(cls, value: list[Webhook]) -> list[Webhook]:
        if len({webhook.name for webhook in value}) != len(value):
            raise ValueError("two webhooks have the same name")
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError("must be origins like https://app.example.com, or *")
        return value

    @field_validator("entra_authority")
    @classmethod
    def _authority(cls, value: str) -> str:
        return _https(value)

    @field_validator("upstreams")
    @classmethod
    def _names(cls, value: list[Upstream]) -> list[Upstream]:
        names = [upstream.name for upstream in value]
        if len(set(names)) != len(names):
            raise ValueError("two deployments have the same name")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.storage_connection) == bool(self.storage_account_name):
            raise ValueError("set either STORAGE_CONNECTION or STORAGE_ACCOUNT_NAME")
        if self.time_scale != 1 and _on_azure():
            raise ValueError("TIME_SCALE must be 1 on Azure; it exists for local runs")
        if self.entra_tenant_id and not self.entra_audience:
            raise ValueError("ENTRA_TENANT_ID needs ENTRA_AUDIENCE")
        return self

    @property
    def durations(self) -> "Durations":
        return Durations(self)

    @property
    def input_hosts(self) -> frozenset[str]:
        """The hosts from which images may be fetched, in lower case."""
        listed = (host.strip().lower() for host in self.input_url_hosts.split(","))
        return frozenset(host for host in listed if host)

    def upstream(self, name: str) -> Upstream | None:
        """The deployment of that name, or None where it was taken out of the settings."""
        return next((upstream for upstream in self.upstreams if upstream.name == name), None)

    def webhook(self, name: str) -> Webhook | None:
        """The webhook of that name, or None where it was taken out of the settings."""
        return next((webhook for webhook in self.webhooks if webhook.name == name), None)

    def webhooks_of(self, caller: str) -> list[Webhook]:
        """The webhooks that a caller (`key:NAME` or `entra:OID`) may ask for."""
        known = self.caller(caller)
        return [
            webhook
            for webhook in self.webhooks
            if webhook.callers is None
            or any(self.callers.get(name) is known for name in webhook.callers)
        ]

    def caller(self, caller: str) -> Caller | None:
        """What is configured for a caller (`key:NAME` or `entra:OID`)."""
        kind, _, who = caller.partition(":")
        if kind == "key":
            return self.callers.get(who)
        return next((each for each in self.callers.values() if who in each.entra), None)

    def offering(self, model: str) -> list[Upstream]:
        """The deployments that render a model, in the order of the settings."""
        return [upstream for upstream in self.upstreams if upstream.model == model]


class Durations:
    """Every delay, lease, deadline and period, in seconds, divided by `TIME_SCALE`."""

    def __init__(self, settings: Settings) -> None:
        self.scale = settings.time_scale
        self.minute = self.of(60)
        self.queue_deadline = self.of(settings.queue_deadline_hours * 3600)
        self.job_deadline = self.of(settings.job_deadline_minutes * 60)
        self.slot_lease = self.job_deadline + self.of(30 * 60)
        """How long a granted slot stays held when nothing is heard of its video any more. A last
        resort: the sweep restarts silent videos long before."""
        self.grant_lease = self.of(120)
        """How long a turn is held for a video that has to be woken; then it goes to the next."""
        self.longest_wait = self.of(10 * 60)
        """How long a waiting video sleeps at most, with every hint lost."""
        self.not_found_grace = self.of(120)
        """A 404 for a job this young is read as 'not yet visible'."""
        self.sora_retention = self.of(24 * 3600)
        """How long an upstream keeps a job when it does not say so itself (from creation)."""
        self.delivery_deadline = self.of(24 * 3600)
        """How long an announcement is tried."""
        self.image_patience = self.of(10 * 60)
        """How long an image in the inbox may wait for its prompt."""
        self.upload_patience = self.of(10 * 60)
        """How long an unfinished file in the inbox must have been left alone to count as whole."""

    def of(self, seconds: float) -> float:
        """A duration at this app's time scale."""
        return seconds / self.scale

    def retention(self, days: int | None) -> float | None:
        return None if days is None else self.of(days * 86400)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read on the first call. Raises SettingsError."""
    try:
        return Settings()  # type: ignore[call-arg]  # the environment gives them
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None
    except PydanticSettingsError as error:
        field = re.search(r'"(\w+)"', str(error))
        name = field.group(1).upper() if field else "a setting"
        raise SettingsError(f"{name} is not valid JSON") from None


def secret(setting: str, *, of: str = "UPSTREAMS") -> str:
    """The value of a setting that the setting `of` names. Raises SettingsError without one."""
    value = os.environ.get(setting, "")
    if not value:
        raise SettingsError(f"{setting} is missing; the setting {of} refers to it")
    return value


def _explain(error: ValidationError) -> str:
    """What is wrong, by setting; pydantic's own text would repeat the values."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        first, *rest = problem["loc"] or ("settings",)
        where = str(first).upper() + "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest
        )
        what = "is missing" if problem["type"] == "missing" else problem["msg"]
        problems.append(f"{where}: {what.removeprefix('Value error, ')}")
    return "; ".join(problems)


def _on_azure() -> bool:
    """Azure sets these on every plan; Core Tools and the local host set neither."""
    return bool(os.environ.get("WEBSITE_INSTANCE_ID") or os.environ.get("WEBSITE_POD_NAME"))


def _https(value: str) -> str:
    """A URL without its last slash that is https, or http on loopback."""
    parts = urlsplit(value)
    loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not loopback and (parts.scheme != "https" or not parts.hostname):
        raise ValueError("must be an https URL (http only for loopback)")
    return value.rstrip("/")


def _receiver(value: str) -> str:
    """The URL of something that is sent events, if it may be.

    The operator names it, so any https host is fine, private ones included; link-local addresses,
    where clouds keep their credentials, never are. Plain http is for loopback and local runs.
    """
    parts = urlsplit(value)
    host = parts.hostname or ""
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must be a URL without credentials and fragment")
    if host in LOOPBACK and parts.scheme in ("http", "https") and not _on_azure():
        return value
    if parts.scheme != "https" or not host:
        raise ValueError("must be an https URL (http only for loopback, and only locally)")
    try:
        address = ip_address(host)
    except ValueError:
        return value
    if address.is_link_local or address.is_loopback or address.is_unspecified:
        raise ValueError("must not be a link-local or loopback address")
    return value


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a size like 1280x720")
    return int(match[1]), int(match[2])


def _capability_names() -> tuple[str, ...]:
    return tuple(Capabilities.__dataclass_fields__)
