"""`UPSTREAMS`: the deployments, each with its wire, its key, its limits and its price."""

import re
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from shared.domain import limits
from shared.domain.capabilities import Capabilities
from shared.domain.likeness import FACTS, Fact
from shared.domain.models import MODELS, PRICES
from shared.domain.money import Price
from shared.domain.profiles import PROFILES, CallsBack, Profile, ProfileName
from shared.domain.quota import DeploymentState
from shared.settings.capabilities import CapabilitiesConfig
from shared.settings.prices import PriceConfig
from shared.settings.successors import SuccessorConfig
from shared.settings.values import Name, Strict, https, private_host

_HEADER = r"^[A-Za-z0-9_-]+$"
_KEY = re.compile(r"auth|cookie|secret|passw|credential|(^|[-_]|api)(key|token|vk)([-_]|$)")
"""Names of headers that carry keys. An idempotency key is none, but one for all requests would make
one job of all."""
_OWN_HEADERS = frozenset(
    {
        *("host", "connection", "content-length", "content-type", "transfer-encoding", "expect"),
        *("accept-encoding", "x-ms-client-request-id"),
    }
)
AZURE_HOSTS = (".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com")


def _prefix(value: str) -> str:
    """With a leading slash, without a trailing one; empty for none."""
    return ("/" + value.strip("/")).rstrip("/")


_Prefix = Annotated[str, AfterValidator(_prefix)]


class EntraAuth(Strict):
    """A token of the app's managed identity, sent only to Azure's own host names."""

    type: Literal["entra"]
    scope: str = "https://cognitiveservices.azure.com/.default"


class HeaderAuth(Strict):
    """A key in a header: `api-key: KEY`, or `Authorization: Bearer KEY`.

    `secret_setting` names the app setting with the key (in Azure a Key Vault reference):
    `UPSTREAMS` itself contains no secret.
    """

    type: Literal["header"]
    name: Annotated[str, Field(pattern=_HEADER)] | None = None
    """The profile's, unless it is given."""
    secret_setting: str


class NoAuth(Strict):
    """No key: a server of one's own in a private network."""

    type: Literal["none"]


Auth = Annotated[EntraAuth | HeaderAuth | NoAuth, Field(discriminator="type")]


class CallbackConfig(Strict):
    """The server calls back when a job has ended: at `PUBLIC_BASE_URL/openai/v1/callbacks/NAME`.

    `secret_setting` names the app setting with the secret that signs the calls (in Azure a Key
    Vault reference); two of them, separated by a space, while one is being replaced.
    """

    secret_setting: str | None = None
    """None only where a server need not sign."""


class WireConfig(Strict):
    """Replaces parts of a profile; see `shared.domain.profiles.Profile`."""

    path_prefix: _Prefix | None = None
    create: Literal["json", "form", "openrouter"] | None = None
    video_query: dict[str, str] | None = None
    pictures: tuple[Literal["thumbnail", "spritesheet"], ...] | None = None
    headers: dict[str, str] | None = None
    can_list: bool | None = None
    list_query: dict[str, str] | None = None
    list_is_own: bool | None = None
    can_delete: bool | None = None
    can_delete_running: bool | None = None
    lists_own_models: bool | None = None
    lists_as_asked: bool | None = None
    list_shows: tuple[Fact, ...] | None = None
    calls_back: CallsBack | None = None
    words: dict[str, Literal["running", "succeeded", "failed", "cancelled"]] | None = None

    @field_validator("headers")
    @classmethod
    def _no_key(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for name, text in (value or {}).items():
            if not re.fullmatch(_HEADER, name) or not (text.isascii() and text.isprintable()):
                raise ValueError("a header has a name without spaces, and a value in ASCII")
            if _KEY.search(name.lower()):
                raise ValueError(f"{name} is a key: name its app setting in auth.secret_setting")
            if name.lower() in _OWN_HEADERS:
                raise ValueError(f"{name} is set by the app")
        return value


class Upstream(Strict):
    """One deployment: an endpoint, its wire, its limits and its price."""

    name: Name
    dialect: Literal["sora-1", "sora-2"] = "sora-2"
    profile: ProfileName | None = None
    """The kind of server, which sets all of `wire` that is not given. Without one it is spoken to
    as Azure is, but only Azure's own hosts are trusted to list what they were asked for."""
    wire: WireConfig = WireConfig()
    endpoint: str
    plain_http: bool = False
    """Whether `endpoint` may be http: to a private host only."""
    path_prefix: _Prefix | None = None
    """As `can_list` and `can_delete_running` beside it the older place of what is in `wire`."""
    deployment: str
    """The `model` on the wire: in Azure the name of the model deployment."""
    model: str
    """The public model name that callers ask for."""
    auth: Auth
    callback: CallbackConfig | None = None
    """None: it is only polled."""
    max_running: Annotated[int, Field(ge=0, le=limits.MOST_RUNNING)] = 2
    max_creates_per_minute: Annotated[int, Field(ge=0, le=limits.MOST_CREATES)] = 2
    prices: PriceConfig | None = None
    capabilities: CapabilitiesConfig | None = None
    can_list: bool | None = None
    can_delete_running: bool | None = None
    retires_at: datetime | None = None
    successor: SuccessorConfig | None = None
    """That of the model: entries of one model that name a successor name the same."""

    @field_validator("endpoint")
    @classmethod
    def _endpoint(cls, value: str) -> str:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError
        plain = not (parts.query or parts.fragment or "@" in parts.netloc)
        if not plain or not value.isprintable() or " " in value:
            raise ValueError("must be a plain URL without credentials, query or fragment")
        return value.rstrip("/")

    @field_validator("auth", mode="before")
    @classmethod
    def _auth(cls, value: Any) -> Any:
        return {"type": "none"} if value == "none" else value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        host = urlsplit(self.endpoint).hostname or ""
        if not (self.plain_http and urlsplit(self.endpoint).scheme == "http"):
            https(self.endpoint)
        elif not private_host(host):
            raise ValueError("plain_http is for private hosts only: use https for this one")
        if self.dialect == "sora-1" and self.profile not in (None, "azure"):
            raise ValueError("only Azure speaks the dialect sora-1")
        if isinstance(self.auth, EntraAuth) and not host.endswith(AZURE_HOSTS):
            raise ValueError("auth entra sends tokens only to Azure's own host names")
        if self.callback is not None:
            self._can_call_back(self.callback)
        if self.prices is None and self.model not in PRICES:
            raise ValueError(f"model {self.model!r} has no built-in price: give prices")
        if self.capabilities is None and self.model not in MODELS:
            raise ValueError(f"model {self.model!r} has no built-in capabilities: give them")
        return self

    def _can_call_back(self, callback: CallbackConfig) -> None:
        way = self.speaks.calls_back
        if way is None or self.dialect != "sora-2":
            raise ValueError("such a server does not call back: leave out callback")
        if way == "standard" and callback.secret_setting is None:
            raise ValueError("callback needs secret_setting: such a server signs its calls")

    @cached_property
    def speaks(self) -> Profile:
        """How this upstream is spoken to: its profile, with what its entry replaces."""
        host = urlsplit(self.endpoint).hostname or ""
        known = self.profile is not None or self.dialect == "sora-1" or host.endswith(AZURE_HOSTS)
        given = {
            "lists_as_asked": None if known else False,
            "list_shows": None if known else (),
            "path_prefix": self.path_prefix,
            "can_list": self.can_list,
            "can_delete_running": self.can_delete_running,
            **self.wire.model_dump(exclude_none=True),
        }
        parts = {name: value for name, value in given.items() if value is not None}
        return replace(PROFILES[self.profile or "azure"], **parts)

    def idle(self, minute: float) -> DeploymentState:
        """It with its limits and nothing to do; `minute` is one in seconds, scaled."""
        return DeploymentState(
            deployment=self.name,
            max_running=self.max_running,
            max_creates=self.max_creates_per_minute,
            window=minute,
            shown=self.list_shows,
        )

    @property
    def list_shows(self) -> tuple[Fact, ...] | None:
        """What its list shows of each job as it was asked for; None if it has no list."""
        if not self.speaks.can_list:
            return None
        return FACTS if self.dialect == "sora-1" else self.speaks.list_shows

    @property
    def key_header(self) -> str | None:
        """The header that carries the key; None where there is no key."""
        if isinstance(self.auth, NoAuth):
            return None
        if isinstance(self.auth, EntraAuth):
            return "Authorization"
        return self.auth.name or self.speaks.auth_header

    @property
    def price(self) -> Price:
        return PRICES[self.model] if self.prices is None else self.prices.row()

    @cached_property
    def can(self) -> Capabilities:
        base = MODELS.get(self.model)
        if self.capabilities is not None:
            return self.capabilities.over(base)
        assert base is not None  # see _consistent
        return base
