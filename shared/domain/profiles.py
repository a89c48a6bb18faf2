"""How each server of `/v1/videos` is spoken to: one row for each, with where its facts were seen.

An upstream names its profile, and may replace any part of it (`wire` in `UPSTREAMS`). What holds
for every server (words, errors, ids in any form) is not here: it is read the same way everywhere.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shared.domain.likeness import Fact

ProfileName = Literal[
    "azure",
    "openai",
    "litellm",
    "vllm-omni",
    "sglang",
    "tensorrt-llm",
    "bifrost",
    "new-api",
    "openrouter",
]

CallsBack = Literal["standard", "openrouter"]
"""How a server calls back when a job has ended:

`standard`: to an address that is configured at the server, signed as Standard Webhooks say.
`openrouter`: to the `callback_url` of the create, signed in a way of its own where a secret is set.
"""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The habits of one kind of server."""

    path_prefix: str = "/v1"
    auth_header: str = "Authorization"
    """The header of the key, where the upstream's `auth` does not say."""
    create: Literal["json", "form", "openrouter"] = "json"
    """How a create without a file is sent; with one it is a form, but for `openrouter`, which takes
    data URLs and has field names of its own."""
    video_query: Mapping[str, str] = field(default_factory=dict)
    """The query of a download of the MP4."""
    pictures: tuple[str, ...] = ()
    """The pictures that each output has: values of `variant`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every request."""
    can_list: bool = True
    """Whether it lists its jobs: without a list, a lost answer ends the video."""
    list_query: Mapping[str, str] = field(default_factory=dict)
    list_is_own: bool = True
    """Whether its list surely shows the jobs of every server which may create one. Elsewhere it
    does not prove that there is none: a gateway may balance over servers and list one of them."""
    can_delete: bool = True
    can_delete_running: bool = False
    """Whether a DELETE stops a job that runs."""
    lists_own_models: bool = True
    """Whether its list names a job's model as the create did; gateways name their provider's."""
    lists_as_asked: bool = True
    """Whether its list repeats size and length as they were asked for, not as they were made."""
    list_shows: tuple[Fact, ...] = ()
    """What its list surely shows of each job as it was asked for: submits that differ in it are in
    flight together, others follow each other."""
    calls_back: CallsBack | None = None
    """How it tells that a job has ended; None if it does not."""
    words: Mapping[str, str] = field(default_factory=dict)
    """Status words beyond those that are understood of every server: word -> a `JobState`."""


Lack = Literal["list", "own_list", "delete", "stop", "pictures"]
"""What a server cannot do, and so what does not hold there:

`list`: a submission whose answer was lost is not found; the video ends as `submit_unknown`.
`own_list`: the same, unless its list shows the job.
`delete`: a deleted video's copy stays upstream until it expires.
`stop`: a cancelled video's render goes on, and may be billed.
`pictures`: no thumbnail and no spritesheet.
"""


def lacks(profile: Profile) -> list[Lack]:
    """What a server cannot do."""
    missing: dict[Lack, bool] = {
        "list": not profile.can_list,
        "own_list": profile.can_list and not profile.list_is_own,
        "delete": not profile.can_delete,
        "stop": not profile.can_delete_running,
        "pictures": not profile.pictures,
    }
    return [lack for lack, applies in missing.items() if applies]


_OPENAI_LIST = {"limit": "100", "order": "desc"}
_PICTURES = ("thumbnail", "spritesheet")

PROFILES: Mapping[ProfileName, Profile] = {
    # Microsoft's v1 surface: recorded answers and its documentation of video generation; early
    # answers had `prompt: null` (litellm#16753)
    "azure": Profile(
        path_prefix="/openai/v1",
        auth_header="api-key",
        video_query={"variant": "video"},
        pictures=_PICTURES,
        list_query=_OPENAI_LIST,
        list_shows=("size", "seconds"),
    ),
    # openai-openapi, and the official SDKs; its guide to webhooks
    "openai": Profile(
        video_query={"variant": "video"},
        pictures=_PICTURES,
        list_query=_OPENAI_LIST,
        list_shows=("prompt", "size", "seconds"),
        calls_back="standard",
    ),
    # litellm 1.108, run: the router repeats a create twice unless told not to; the list needs its
    # provider, and is then that of the provider's public address, whatever `api_base` is (unless
    # `completion_model` is set); `variant` is ignored, so each picture would be the MP4; DELETE is
    # 405
    "litellm": Profile(
        headers={"x-litellm-num-retries": "0"},
        list_query={**_OPENAI_LIST, "custom_llm_provider": "openai"},
        list_is_own=False,
        can_delete=False,
        lists_own_models=False,
        lists_as_asked=False,
    ),
    # vllm-omni 0.30.0, run: creates are read from forms only; any `variant` gives the MP4; DELETE
    # aborts a running job; its list has the whole jobs, prompt included, and every job since its
    # start unless it is asked for a page
    "vllm-omni": Profile(
        create="form",
        can_delete_running=True,
        list_query=_OPENAI_LIST,
        list_shows=("prompt", "size", "seconds"),
    ),
    # sglang 0.5.23, run: `variant` is an output's number, else 404; its list has the length that
    # was really made; DELETE forgets a job that goes on running
    "sglang": Profile(list_query=_OPENAI_LIST, lists_as_asked=False),
    # TensorRT-LLM 0076e939, its code: one page, oldest first, with prompt and size; DELETE cancels
    "tensorrt-llm": Profile(can_delete_running=True, list_shows=("prompt", "size")),
    # bifrost 15c50f35, its code: `variant` is passed on; the list needs its provider
    "bifrost": Profile(
        path_prefix="/openai/v1",
        video_query={"variant": "video"},
        pictures=_PICTURES,
        list_query={**_OPENAI_LIST, "provider": "openai"},
        lists_own_models=False,
        lists_as_asked=False,
    ),
    # new-api 05393ffc, its code: no list, no DELETE, `variant` is dropped
    "new-api": Profile(can_list=False, can_delete=False, lists_own_models=False),
    # OpenRouter's documentation of its video API and its webhooks: own field names, no list, no
    # DELETE
    "openrouter": Profile(
        path_prefix="/api/v1",
        create="openrouter",
        video_query={"index": "0"},
        can_list=False,
        can_delete=False,
        lists_own_models=False,
        lists_as_asked=False,
        calls_back="openrouter",
    ),
}
