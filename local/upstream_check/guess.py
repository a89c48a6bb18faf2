"""Which of the known servers this is, by what it says of itself and by the form of its errors.

Sources: the servers' own code (`owned_by` of `GET /models` of vLLM, SGLang and TensorRT-LLM, the
title of LiteLLM's OpenAPI document, new-api's request id), and the errors that each was seen to
send. All are signs, not proofs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.upstream_check.entry import PREFIXES, Target
from local.upstream_check.routes import has_videos
from local.upstream_check.server import Server
from shared.domain.profiles import PROFILES, ProfileName
from shared.settings.upstreams import AZURE_HOSTS
from shared.upstream import reading
from shared.upstream.reading import Answer

_HOSTS: Mapping[str, ProfileName] = {
    **dict.fromkeys(AZURE_HOSTS, "azure"),
    "api.openai.com": "openai",
    "openrouter.ai": "openrouter",
}
_OWNERS: Mapping[str, ProfileName] = {
    "vllm": "vllm-omni",
    "sglang": "sglang",
    "tensorrt_llm": "tensorrt-llm",
}
_HEADERS: Mapping[str, ProfileName] = {
    "x-litellm-": "litellm",
    "x-oneapi-request-id": "new-api",
    "x-new-api-version": "new-api",
}
_TITLES: Mapping[str, ProfileName] = {"litellm": "litellm"}
_LITELLM_TYPES = frozenset({"no_db_connection", "token_not_found_in_db"})


@dataclass(frozen=True)
class Guess:
    """A profile, the prefix under which videos were found (None: unknown), and why."""

    profile: ProfileName
    prefix: str | None
    because: str


def guess(server: Server, where: Target) -> Guess:
    """Look at one server. Raises NotReached."""
    for host, profile in _HOSTS.items():
        if where.host.endswith(host):
            return Guess(profile, where.prefix, f"its host is {host.lstrip('.')}")
    prefix, job = _videos(server, where)
    found = _by_name(server, prefix or where.prefix or "/v1") or (job and by_error(job))
    if found:
        return Guess(found[0], prefix, found[1])
    profile = "azure" if prefix == PROFILES["azure"].path_prefix else "openai"
    return Guess(profile, prefix, "nothing tells it from the original")


def _videos(server: Server, where: Target) -> tuple[str | None, Answer | None]:
    """Where the videos are, and how an unknown one is answered."""
    for prefix in (where.prefix,) if where.prefix is not None else PREFIXES:
        if (job := has_videos(server, prefix)) is not None:
            return prefix, job
    refused = server.get(f"{where.prefix or '/v1'}/videos")
    return where.prefix, refused if refused.status >= 400 else None


def _by_name(server: Server, prefix: str) -> tuple[ProfileName, str] | None:
    """By what it says of itself: its models' owner, its headers, its OpenAPI document."""
    models = server.get(f"{prefix}/models")
    for name in models.headers:
        for begin, profile in _HEADERS.items():
            if name.lower().startswith(begin):
                return profile, f"it sends the header {name}"
    for row in reading.rows(models.data) or []:
        if (owner := reading.text(row.get("owned_by"))) in _OWNERS:
            return _OWNERS[owner], f"its models are owned by {owner}"
    document = server.get("/openapi.json").data
    info = document.get("info") if isinstance(document, Mapping) else None
    title = reading.text(info.get("title")) if isinstance(info, Mapping) else ""
    for word, profile in _TITLES.items():
        if word in title.lower():
            return profile, f"its OpenAPI document is that of {title}"
    return None


def by_error(answer: Answer) -> tuple[ProfileName, str] | None:
    """By the form of an error, that for an unknown video at best."""
    data: Any = answer.data
    if not isinstance(data, Mapping):
        return None
    if "is_bifrost_error" in data:
        return "bifrost", "its errors have is_bifrost_error"
    error = data.get("error")
    if isinstance(error, Mapping):
        return _by_envelope(error)
    if answer.status in (401, 403):  # a key is refused in front of the server, in any form
        return None
    if data.get("code") == "task_not_exist":
        return "new-api", "an unknown video is task_not_exist"
    if data.get("object") == "error":
        return "tensorrt-llm", "its errors are flat"
    if "detail" in data:
        return "sglang", "its errors are a detail"
    if isinstance(error, str):
        return "openrouter", "its errors are a text"
    return None


def _by_envelope(error: Mapping[str, Any]) -> tuple[ProfileName, str] | None:
    if "litellm." in reading.text(error.get("message")) or error.get("type") in _LITELLM_TYPES:
        return "litellm", "its errors name litellm"
    if error.get("type") == "new_api_error":
        return "new-api", "its errors have the type new_api_error"
    if isinstance(error.get("code"), int):
        return "vllm-omni", "the code of its errors is a number"
    return None
