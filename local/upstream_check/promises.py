"""Which promises of the app hold at a server, by how it speaks."""

from dataclasses import dataclass

from shared.domain.profiles import Profile, ProfileName

_FORGETS: frozenset[ProfileName] = frozenset({"vllm-omni", "sglang", "tensorrt-llm"})
"""Their jobs are in memory."""
_CODE = "a code of its own says so"
_MODERATION: dict[ProfileName, str] = {
    "azure": _CODE,
    "openai": _CODE,
    "litellm": "the provider's code is read out of the message",
    "bifrost": _CODE,
    "vllm-omni": "",
    "sglang": "",
    "tensorrt-llm": "",
    "new-api": "",
    "openrouter": "",
}
"""How a refusal for the content is told from another; empty: only by a sentence that says so."""


@dataclass(frozen=True)
class Promise:
    """A promise, whether all of it holds, and what it comes to."""

    name: str
    holds: bool
    says: str


def promises(profile: ProfileName, speaks: Profile) -> list[Promise]:
    """All of them, in the order of docs/upstreams.md."""
    return [
        Promise("paid once", True, _paid_once(speaks)),
        _found_again(speaks),
        Promise(
            "pictures",
            bool(speaks.pictures),
            ", ".join(speaks.pictures) or "none: there is nothing but the MP4",
        ),
        Promise(
            "cancel stops it",
            speaks.can_delete_running,
            "a cancelled render is stopped"
            if speaks.can_delete_running
            else "a cancelled render goes on, and costs what it costs",
        ),
        Promise(
            "delete",
            speaks.can_delete,
            "a deleted video goes there, too"
            if speaks.can_delete
            else "the server keeps its copy of a deleted video",
        ),
        Promise(
            "moderation",
            bool(_MODERATION[profile]),
            _MODERATION[profile]
            or "no code says so: a refusal is moderation_blocked only if its sentence says it",
        ),
        Promise(
            "restart",
            profile not in _FORGETS,
            "a restart of the server loses its jobs: their videos end as lost"
            if profile in _FORGETS
            else "the server keeps its jobs",
        ),
    ]


def _paid_once(speaks: Profile) -> str:
    if not speaks.can_list:
        return "a create is sent once, whatever becomes of its answer"
    return "a create is repeated only if the list shows, twice, that it made no job"


def _found_again(speaks: Profile) -> Promise:
    name = "lost answer"
    if not speaks.can_list:
        return Promise(
            name, False, "without a list the video ends as submit_unknown, its money unknown"
        )
    if not speaks.list_is_own:
        return Promise(
            name,
            False,
            "the job is found if the list shows it; else the video ends as submit_unknown, unless "
            "the list shows another job of this deployment",
        )
    return Promise(name, True, "its job is found in the list")
