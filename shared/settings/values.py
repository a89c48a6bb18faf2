"""Building blocks of settings: JSON objects without unknown fields, names, and URLs."""

import os
import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from shared.domain.money import micro_usd
from shared.loopback import LOOPBACK

_PRIVATE_NAMES = (".internal", ".local", ".lan", ".svc", ".home.arpa")
"""Kubernetes' services, Container Apps' internal names, and what RFC 8375 and habit set apart."""

_METADATA = frozenset(
    {"metadata", "metadata.google.internal", "instance-data.ec2.internal", "fd00:ec2::254"}
)
"""Where clouds serve credentials, beside link-local addresses."""
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9])?", re.ASCII)
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+", re.ASCII)
"""A name that is an address to `getaddrinfo`: 2852039166 is 169.254.169.254."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


Guid = Annotated[str, AfterValidator(str.lower)]
"""An id of Entra's, which writes it in lower case; other tools do not."""


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _bookable(usd: float) -> float:
    micro_usd(usd)  # raises ValueError
    return usd


Dollars = Annotated[float, Field(allow_inf_nan=True), AfterValidator(_bookable)]
"""An amount that the ledger can hold, no finer than a millionth: any other would be found out only
by the requests that are compared with it."""


def on_azure() -> bool:
    """Whether one of the variables is set that Azure sets on every plan, and local hosts do not."""
    return bool(os.environ.get("WEBSITE_INSTANCE_ID") or os.environ.get("WEBSITE_POD_NAME"))


def is_reference(value: str) -> bool:
    """Whether a value is the text of a reference to Key Vault: what Azure leaves in its place while
    the secret is not there, or may not be read."""
    return value.lower().startswith("@microsoft.keyvault(")


def https(value: str) -> str:
    """An https URL, or http on loopback, without a trailing slash. Raises ValueError."""
    parts = urlsplit(value)
    loopback = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not loopback and (parts.scheme != "https" or not parts.hostname):
        raise ValueError("must be an https URL (http only for loopback)")
    return value.rstrip("/")


def private_host(host: str) -> bool:
    """Whether a host is a private address, or a name that only private networks have."""
    try:
        address = ip_address(host)
    except ValueError:
        return _is_private_name(host)
    address = getattr(address, "ipv4_mapped", None) or address
    if str(address) in _METADATA:
        return False
    return address.is_private and not address.is_link_local and not address.is_unspecified


def _is_private_name(host: str) -> bool:
    """Only ASCII: what else looks like a name without a dot may become one with dots."""
    labels = host.split(".")
    if host in _METADATA or not all(map(_LABEL.fullmatch, labels)):
        return False
    return host.endswith(_PRIVATE_NAMES) or (len(labels) == 1 and not _NUMBER.fullmatch(host))


def receiver(value: str) -> str:
    """The URL of a receiver of events. Raises ValueError for one that is not allowed.

    The operator configures it, so any https host is allowed, even a private one; link-local
    addresses, where clouds serve credentials, are not. Plain http is for loopback in local runs.
    """
    parts = urlsplit(value)
    host = parts.hostname or ""
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must be a URL without credentials and fragment")
    if host in LOOPBACK and parts.scheme in ("http", "https") and not on_azure():
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


Https = Annotated[str, AfterValidator(https)]
Receiver = Annotated[str, AfterValidator(receiver)]
