"""Which promises of the app hold at a server, by how it speaks."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.domain.profiles import Lack, Profile, ProfileName, lacks

_FORGETS: frozenset[ProfileName] = frozenset({"vllm-omni", "sglang", "tensorrt-llm"})
"""Their jobs are in memory."""
_TELLS_MODERATION: frozenset[ProfileName] = frozenset({"azure", "openai", "litellm", "bifrost"})
"""A code says that a refusal is for the content. LiteLLM has it inside its message."""

_LOST_ANSWER: Mapping[Lack, str] = {
    "list": "no list: the video ends as submit_unknown, its money unknown",
    "own_list": "found if the list shows the job; else the video ends as submit_unknown",
}


@dataclass(frozen=True)
class Promise:
    """A promise, whether all of it holds, and what it comes to."""

    name: str
    holds: bool
    says: str


def promises(profile: ProfileName, speaks: Profile) -> list[Promise]:
    """All of them, in the order of docs/upstreams.md."""
    lack, forgets = lacks(speaks), profile in _FORGETS
    unlisted = next((_LOST_ANSWER[each] for each in lack if each in _LOST_ANSWER), "")

    def promise(name: str, holds: bool, held: str, broken: str) -> Promise:
        return Promise(name, holds, held if holds else broken)

    return [
        Promise(
            "paid once",
            True,
            "a create is repeated only if the list shows, twice, that there is no job"
            if speaks.can_list
            else "a create is never repeated",
        ),
        promise("lost answer", not unlisted, "its job is found in the list", unlisted),
        promise("pictures", "pictures" not in lack, ", ".join(speaks.pictures), "only the MP4"),
        promise(
            "cancel",
            "stop" not in lack,
            "stops the render",
            "the render goes on, and costs what it costs",
        ),
        promise("delete", "delete" not in lack, "of its copy, too", "its own copy stays"),
        promise(
            "moderation",
            profile in _TELLS_MODERATION,
            "a refusal for the content has a code",
            "no code: moderation_blocked only where the sentence says so, else refused",
        ),
        promise(
            "restart",
            not forgets,
            "its jobs are kept",
            "a restart of the server loses its jobs: their videos end as lost",
        ),
    ]
