"""What gateways want to be told: the provider that is behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from local.upstream_check.findings import Finding, lacking, ok
from local.upstream_check.server import Server
from shared.domain.profiles import PROFILES, ProfileName
from shared.upstream import reading

_QUERY: Mapping[str, str] = {"litellm": "custom_llm_provider", "bifrost": "provider"}
"""The name of the provider in the query of a list."""


@dataclass(frozen=True)
class Behind:
    """Who renders, and the name of the model there."""

    provider: str
    model: str
    findings: Sequence[Finding] = ()


def behind(server: Server, profile: ProfileName, prefix: str, model: str) -> Behind:
    """Who is behind a gateway, and what of its list follows from that. Raises NotReached."""
    if profile not in _QUERY:
        return Behind("", model)
    groups = _litellm_models(server, prefix) if profile == "litellm" else {model: model}
    provider, _, rest = groups.get(model, "").partition("/")
    if not rest:
        unknown = lacking("provider", "it does not say who renders; taken to be openai")
        return Behind("openai", model, [unknown])
    query = {**PROFILES[profile].list_query, _QUERY[profile]: provider}
    found = [ok("provider", f"{provider} renders", list_query=query)]
    if len(groups) > 1:
        found.append(
            lacking(
                "one model",
                f"it has {len(groups)} models, so its list can be that of another server: give "
                "each server a proxy with general_settings.completion_model",
            )
        )
    return Behind(provider, rest, found)


def _litellm_models(server: Server, prefix: str) -> dict[str, str]:
    """Name of the group -> `provider/model`; empty where the key may not see it."""
    found = {}
    for row in reading.rows(server.get(f"{prefix}/model/info").data) or []:
        parameters = row.get("litellm_params")
        if isinstance(parameters, Mapping):
            found[reading.text(row.get("model_name"))] = reading.text(parameters.get("model"))
    return found
