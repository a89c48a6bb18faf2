"""The entry of `UPSTREAMS` for a server: what is known of it, and marked placeholders."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from local.processes import StackError
from shared.domain.models import MODELS
from shared.domain.profiles import PROFILES, ProfileName
from shared.loopback import LOOPBACK
from shared.settings.upstreams import Upstream

PREFIXES = ("/openai/v1", "/api/v1", "/v1")
NO_MODEL = "REPLACE-WITH-THE-MODEL"
_PLACEHOLDER_PRICE = {"version": "REPLACE-WITH-YOUR-PRICE", "usd_per_second": "0.10"}
_ON_OWN_GPUS: frozenset[ProfileName] = frozenset({"vllm-omni", "sglang", "tensorrt-llm"})
_GUESSED_SECONDS = 4


@dataclass(frozen=True)
class Target:
    """Where a server is. `prefix` is None where the URL does not say it."""

    endpoint: str
    prefix: str | None

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).hostname or ""


@dataclass(frozen=True)
class Takes:
    """Sizes and seconds that are known to be taken; empty where nothing is known."""

    sizes: Sequence[str] = ()
    seconds: Sequence[int] = ()


def target(url: str) -> Target:
    """The server at a URL, which may end with its prefix, or with `/videos`. Raises StackError for
    a URL that `UPSTREAMS` does not take."""
    plain = url.strip().rstrip("/").removesuffix("/videos")
    prefix = next((each for each in PREFIXES if plain.endswith(each)), None)
    found = Target(plain.removesuffix(prefix or ""), prefix)
    validated(build(found, profile="openai", model="sora-2", key_setting=None))
    return found


def build(
    where: Target,
    *,
    profile: ProfileName,
    model: str,
    key_setting: str | None,
    takes: Takes | None = None,
    wire: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The entry, as it is in the JSON of `UPSTREAMS`. `model` is the server's own name."""
    entry: dict[str, Any] = {
        "name": profile,
        "profile": profile,
        "endpoint": where.endpoint,
        "deployment": model,
        "model": public_name(model),
        "auth": {"type": "none"},
    }
    if where.endpoint.startswith("http:") and where.host not in LOOPBACK:
        entry["plain_http"] = True
    if key_setting is not None:
        entry["auth"] = {"type": "header", "secret_setting": key_setting}
    if public_name(model) not in MODELS:
        entry["prices"] = dict(_PLACEHOLDER_PRICE)
    if capabilities := _capabilities(profile, public_name(model), takes or Takes()):
        entry["capabilities"] = capabilities
    parts = dict(wire or {})
    if where.prefix is not None:
        parts["path_prefix"] = where.prefix
    speaks = PROFILES[profile]
    if parts := {name: it for name, it in parts.items() if getattr(speaks, name) != it}:
        entry["wire"] = parts
    return entry


def validated(entry: Mapping[str, Any]) -> Upstream:
    """The entry as the app reads it. Raises StackError, without the value that is wrong."""
    try:
        return Upstream.model_validate(entry)
    except ValidationError as error:
        (first, *_) = error.errors(include_url=False, include_context=False, include_input=False)
        where = ".".join(str(part) for part in first["loc"]) or "the URL"
        raise StackError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def public_name(model: str) -> str:
    """What callers ask for: `Wan-AI/Wan2.2-T2V` becomes `wan2.2-t2v`."""
    return model.rpartition("/")[2].lower()


def sizes(given: str) -> list[str]:
    """The size that was asked for, if one was. Raises StackError."""
    if given and not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", given):
        raise StackError(f"{given!r} is not a size like 1280x720.")
    return [given] if given else []


def smallest(sizes: Sequence[str]) -> str:
    """The size with the fewest pixels."""

    def pixels(size: str) -> int:
        width, height = size.split("x")
        return int(width) * int(height)

    return min(sizes, key=pixels)


def _capabilities(profile: ProfileName, model: str, takes: Takes) -> dict[str, Any]:
    """What differs from the model's built-in capabilities; all of them where it has none."""
    base = MODELS.get(model)
    if base is not None:
        more = {"sizes": (takes.sizes, base.sizes), "seconds": (takes.seconds, base.seconds)}
        return {
            name: list(given) for name, (given, known) in more.items() if not {*given} <= {*known}
        }
    size = "832x480" if profile in _ON_OWN_GPUS else "1280x720"
    return {
        "sizes": list(takes.sizes or [size]),
        "seconds": list(takes.seconds or [_GUESSED_SECONDS]),
    }
