"""Every setting, typed, and read from the environment on first use, never at import.

Bicep and local runs use the same names. A wrong or missing setting raises SettingsError with the
setting's name and the problem, but never a value.

`TIME_SCALE` divides only durations, and only in `durations`. Timestamps are always real UTC.
"""

import os
import re
from functools import lru_cache
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError as PydanticSettingsError

from shared.domain.succession import Successor
from shared.loopback import LOOPBACK
from shared.settings import successors
from shared.settings.callers import Caller, Callers, Webhook
from shared.settings.durations import Durations
from shared.settings.upstreams import Upstream
from shared.settings.values import (
    Dollars,
    Guid,
    Https,
    is_reference,
    on_azure,
    receiver,
)

_EVENT_GRID_HOSTS = (".eventgrid.azure.net", ".eventgrid.azure.us", ".eventgrid.azure.cn")
_UNRESOLVED = "is a reference to Key Vault that Azure has not resolved"
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?")


class SettingsError(Exception):
    """The app is misconfigured. The message names the setting and never shows its value."""


class Settings(BaseSettings):
    """The app's settings; in the environment, field names are in upper case."""

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        case_sensitive=False,
        env_ignore_empty=True,
        allow_inf_nan=False,
    )

    upstreams: list[Upstream]
    callers: Callers
    public_base_url: str
    cors_origins: list[str] = []
    """Origins whose scripts may read answers in a browser, or `*`; none by default."""
    storage_connection: str = ""
    storage_account_name: str = ""
    event_topic_endpoint: str = ""
    """The Event Grid topic that gets announcements; empty: none."""
    webhooks: list[Webhook] = Field(default_factory=list)
    event_callers: dict[str, str] = Field(default_factory=dict)
    """Who pays for requests that arrive as events: a topic's resource id or name -> a caller."""
    max_job_usd: Dollars = 20
    budget_usd_per_day: Dollars = 200
    queue_deadline_hours: Annotated[float, Field(gt=0)] = 24
    job_deadline_minutes: Annotated[float, Field(gt=0)] = 60
    video_retention_days: Annotated[int, Field(ge=1)] | None = None
    content_delivery: Literal["redirect", "stream"] = "redirect"
    input_url_hosts: str = ""
    """Comma-separated hosts from which images may be fetched over https; none by default."""
    entra_tenant_id: Annotated[Guid, Field(pattern=r"^[0-9a-fA-F-]{0,36}$")] = ""
    """The tenant whose tokens are accepted; empty: only keys are."""
    entra_audience: str = ""
    """The `aud` of those tokens: the app registration's client id or its application id URI."""
    entra_authority: Https = "https://login.microsoftonline.com"
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
        host = urlsplit(receiver(value)).hostname or ""
        if host not in LOOPBACK and not host.endswith(_EVENT_GRID_HOSTS):
            raise ValueError("must be the endpoint of an Event Grid topic: it gets the app's token")
        return value

    @field_validator("upstreams", "webhooks")
    @classmethod
    def _names(cls, value: list[Upstream] | list[Webhook], info: ValidationInfo) -> Any:
        if len({each.name for each in value}) != len(value):
            what = "deployments" if info.field_name == "upstreams" else "webhooks"
            raise ValueError(f"two {what} have the same name")
        return value

    @field_validator("upstreams")
    @classmethod
    def _types(cls, value: list[Upstream]) -> list[Upstream]:
        """A request is read before its deployment is chosen, so a parameter has one type."""
        types: dict[tuple[str, str], str] = {}
        for each in value:
            for name, parameter in each.can.parameters.items():
                if types.setdefault((each.model, name), parameter.type) != parameter.type:
                    raise ValueError(f"two deployments of {each.model} give {name} another type")
        return value

    @field_validator("upstreams")
    @classmethod
    def _successors(cls, value: list[Upstream]) -> list[Upstream]:
        successors.check(value)
        return value

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, value: list[str]) -> list[str]:
        for origin in value:
            if origin != "*" and not _ORIGIN.fullmatch(origin):
                raise ValueError("must be origins like https://app.example.com, or *")
        return value

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.storage_connection) == bool(self.storage_account_name):
            raise ValueError("set either STORAGE_CONNECTION or STORAGE_ACCOUNT_NAME")
        if self.time_scale != 1 and on_azure():
            raise ValueError("TIME_SCALE must be 1 on Azure; it exists for local runs")
        if self.entra_tenant_id and not self.entra_audience:
            raise ValueError("ENTRA_TENANT_ID needs ENTRA_AUDIENCE")
        return self

    @property
    def durations(self) -> Durations:
        return Durations(self)

    @property
    def input_hosts(self) -> frozenset[str]:
        """The hosts from which images may be fetched, in lower case."""
        hosts = (host.strip().lower() for host in self.input_url_hosts.split(","))
        return frozenset(host for host in hosts if host)

    def upstream(self, name: str) -> Upstream | None:
        """The deployment of that name, or None if it was removed from the settings."""
        return next((upstream for upstream in self.upstreams if upstream.name == name), None)

    def webhook(self, name: str) -> Webhook | None:
        """The webhook of that name, or None if it was removed from the settings."""
        return next((webhook for webhook in self.webhooks if webhook.name == name), None)

    def webhooks_of(self, caller: str) -> list[Webhook]:
        """The webhooks that a caller (`key:NAME` or `entra:OID`) may ask for; none once it was
        removed."""
        configured = self.caller(caller)
        if configured is None:
            return []
        return [
            webhook
            for webhook in self.webhooks
            if webhook.callers is None
            or any(self.callers.get(name) is configured for name in webhook.callers)
        ]

    def caller(self, caller: str) -> Caller | None:
        """The entry of CALLERS for a caller (`key:NAME` or `entra:OID`)."""
        kind, _, who = caller.partition(":")
        if kind == "key":
            return self.callers.get(who)
        return next((entry for entry in self.callers.values() if who in entry.entra), None)

    def may_approve(self, approver: str, caller: str) -> bool:
        """Whether one caller (`key:NAME` or `entra:OID`) may approve the requests of another. None
        names itself: see `Callers`."""
        known, asking = self.caller(approver), self.caller(caller)
        return known is not None and any(self.callers[name] is asking for name in known.approves)

    def successor(self, model: str) -> Successor | None:
        """Who renders in place of a model, and when; None where it has no successor."""
        return successors.of_model(self.upstreams, model, minute=self.durations.minute)

    def offering(self, model: str) -> list[Upstream]:
        """The deployments that render a model, in the order of UPSTREAMS."""
        return [upstream for upstream in self.upstreams if upstream.model == model]


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read on the first call. Raises SettingsError."""
    try:
        return Settings()  # type: ignore[call-arg]  # read from the environment
    except ValidationError as error:
        raise SettingsError(explain(error)) from None
    except (PydanticSettingsError, RecursionError) as error:
        field = re.search(r'"(\w+)"', str(error))
        name = field.group(1).upper() if field else "a setting"
        what = _UNRESOLVED if is_reference(os.environ.get(name, "")) else "is not valid JSON"
        raise SettingsError(f"{name} {what}") from None


def secret(setting: str, *, of: str = "UPSTREAMS") -> str:
    """The value of a setting that the setting `of` names. Raises SettingsError if it is missing, or
    still a reference to a vault, which would be sent out as a key."""
    value = os.environ.get(setting, "")
    if not value or is_reference(value):
        what = _UNRESOLVED if value else "is missing"
        raise SettingsError(f"{setting} {what}; the setting {of} refers to it")
    return value


def explain(error: ValidationError) -> str:
    """The problems by setting; pydantic's own text would show the values."""
    problems = []
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        first, *rest = problem["loc"] or ("settings",)
        where = str(first).upper() + "".join(
            f"[{part}]" if isinstance(part, int) else f".{part}" for part in rest
        )
        what = "is missing" if problem["type"] == "missing" else problem["msg"]
        problems.append(f"{where}: {what.removeprefix('Value error, ')}")
    return "; ".join(problems)
