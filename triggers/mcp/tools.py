"""The tools, as clients see them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

from shared.answers.model import AnswerModel
from shared.answers.models import ModelList
from shared.answers.quotes import Quote
from shared.answers.tools import ToolFailure, WaitedVideo
from shared.answers.usage import Usage
from shared.answers.videos import Video, VideoList
from shared.domain.limits import LONGEST_WAIT
from shared.lifecycle.requests import fields, parameters
from triggers.mcp import arguments, calls, schemas
from triggers.mcp.calls import Call


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool as clients see it, and what it does. `run` raises Problems."""

    name: str
    title: str
    text: str
    takes: type[BaseModel]
    answers: type[AnswerModel]
    run: Callable[[Call], Awaitable[AnswerModel]]
    reads: bool = True
    """Whether it changes nothing."""
    destroys: bool = False
    parameters: bool = False
    """Whether it takes the parameters of a model (`UPSTREAMS`) too."""

    def listed(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "description": self.text,
            "inputSchema": schemas.of_arguments(
                self.takes, parameters.schemas() if self.parameters else None
            ),
            "outputSchema": schemas.of_answer(self.answers, ToolFailure),
            "annotations": {
                "title": self.title,
                "readOnlyHint": self.reads,
                "destructiveHint": self.destroys,
                "idempotentHint": True,
                "openWorldHint": not self.reads,
            },
        }


_MONEY = (
    "It costs money. The price is reserved at once, under your budgets; a video that fails is "
    "settled or released by the price's rule. If the error code is approval_required, give the "
    "link in `approval.url` to a person, and repeat the same call once they have approved."
)

TOOLS: Mapping[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool(
            name="list_models",
            title="List video models",
            text="The models that can make videos here: sizes, lengths, what a video may start "
            "from, prices, and until when each is offered. Costs nothing.",
            takes=arguments.Nothing,
            answers=ModelList,
            run=calls.list_models,
        ),
        Tool(
            name="quote_video",
            title="Quote a video",
            text="What create_video would cost with the same arguments (without `request_id` and "
            "`max_usd`), and whether it would be admitted now; if not, `refusal` says why. Costs "
            "nothing and makes nothing. Use it to choose `max_usd`.",
            takes=fields.CreateVideo,
            answers=Quote,
            run=calls.quote_video,
            parameters=True,
        ),
        Tool(
            name="create_video",
            title="Create a video",
            text="Make a video from a prompt, and from an image if you give one. Answers at once "
            "with the video's id, while the render takes minutes: then call wait_for_video. "
            + _MONEY,
            takes=arguments.Create,
            answers=Video,
            run=calls.create_video,
            reads=False,
            parameters=True,
        ),
        Tool(
            name="get_video",
            title="Get a video",
            text="How far a video is: status, progress, expected end, cost, and the MP4's URL in "
            "`outputs` once it is completed. Fetch that URL with the same key as this server.",
            takes=arguments.OneVideo,
            answers=Video,
            run=calls.get_video,
        ),
        Tool(
            name="wait_for_video",
            title="Wait for a video",
            text=f"As get_video, but waits up to {LONGEST_WAIT} seconds for the end. If the video "
            "has not ended by then, `retry_after` says in how many seconds to call it again; do "
            "something else meanwhile. Statuses that are an end: completed, failed, cancelled.",
            takes=arguments.Wait,
            answers=WaitedVideo,
            run=calls.wait_for_video,
        ),
        Tool(
            name="list_videos",
            title="List videos",
            text="Your videos, newest first, page by page. Look here before you make a video "
            "again that you may have made already.",
            takes=arguments.ListOf,
            answers=VideoList,
            run=calls.list_videos,
        ),
        Tool(
            name="remix_video",
            title="Remix a video",
            text="A new video out of a completed one of yours and another prompt, where the model "
            "can do that, within 24 hours. Answers like create_video. " + _MONEY,
            takes=arguments.Remix,
            answers=Video,
            run=calls.remix_video,
            reads=False,
        ),
        Tool(
            name="cancel_video",
            title="Cancel a video",
            text="Stop an unfinished video. Before it is submitted that costs nothing; after that "
            "the render may still be billed, and `cost.state` is unknown until that is clear.",
            takes=arguments.OneVideo,
            answers=Video,
            run=calls.cancel_video,
            reads=False,
            destroys=True,
        ),
        Tool(
            name="get_usage",
            title="Get usage",
            text="What your videos cost in a period, by day, model or batch, and how much of this "
            "month's budget is left.",
            takes=arguments.Usage,
            answers=Usage,
            run=calls.get_usage,
        ),
    )
}


@lru_cache(maxsize=1)
def listed() -> list[dict[str, Any]]:
    """All tools as `tools/list` answers them."""
    return [tool.listed() for tool in TOOLS.values()]
