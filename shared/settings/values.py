"""Building blocks of settings: JSON objects without unknown fields, names, and URLs."""

import os
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_PRIVATE_NAMES = (".internal", ".local", ".lan", ".svc", ".home.arpa")
"""Kubernetes' services, Container Apps' internal names, and what RFC 8375 and habit set apart."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def on_azure() -> bool:
    """Whether one of the variables is set that Azure sets on every plan, and local hosts do not."""
    return bool(os.environ.get("WEBSITE_INSTANCE_ID") or os.environ.get("WEBSITE_POD_NAME"))


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
        return "." not in host or host.endswith(_PRIVATE_NAMES)
    return address.is_private and not address.is_link_local and not address.is_unspecified


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
