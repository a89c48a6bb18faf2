"""Videos: create, follow, fetch, remix, cancel, delete."""

from typing import Any

from shared.answers.videos import ID_PATTERN, VARIANTS, DeletedVideo, Video, VideoList
from shared.domain import limits
from shared.domain.video import Status
from shared.lifecycle.requests.fields import WHOLE, CreateVideo, RemixVideo
from triggers.contract.common import (
    CONDITIONS,
    FILE,
    LIMIT,
    NOT_THAT,
    ORDER,
    RANGE,
    UNCHANGED,
    key,
)
from triggers.contract.operation import Answer, Body, Link, Operation, Parameter, Schema

_ID: Schema = {"type": "string", "pattern": ID_PATTERN}


VIDEO_ID = Parameter(name="video_id", where="path", text="The video.", schema=_ID)

CALLER = Parameter(
    name="caller",
    text="Whose, for admins; anybody may name itself.",
    schema={"type": "string", "pattern": "^(key|entra):[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"},
)

_KEY = key("video")

_CONTENT = (
    Parameter(
        name="variant",
        text="Which file of the video.",
        schema={
            "type": "string",
            "enum": [*VARIANTS],
            "default": "video",
        },
    ),
    Parameter(
        name="index",
        text="Which output, where there are variants.",
        schema={"type": "integer", "minimum": 0, "maximum": 9, "default": 0},
    ),
    Parameter(
        name="stream",
        text="`true`: the bytes themselves instead of a redirect to a link.",
        example="true",
        schema={"type": "string", "enum": ["true", "false"], "default": "false"},
    ),
    *RANGE,
)

_FROM_BODY = {"video_id": "$response.body#/id"}

LINKS = {
    "get": Link(operation="getVideo", text="Follow it.", parameters=_FROM_BODY),
    "content": Link(operation="getVideoContent", text="Fetch it.", parameters=_FROM_BODY),
    "cancel": Link(operation="cancelVideo", text="Stop it.", parameters=_FROM_BODY),
    "remix": Link(operation="remixVideo", text="Change it.", parameters=_FROM_BODY),
    "delete": Link(operation="deleteVideo", text="Be done with it.", parameters=_FROM_BODY),
}

_NOT_ADMIN = "Only admins may name another caller."

_POLLED = ("retry-after", "openai-poll-after-ms")
RETIRES = ("deprecation", "sunset")

_ADMISSION: dict[int, str] = {
    400: "The request can never work; the message names the parameter and what is allowed.",
    403: "A person has to approve it first (`approval_required`); `approval.url` is where.",
    409: "The Idempotency-Key was used for another request.",
    429: "A ceiling or a rate of yours, or of the whole app. Nothing was charged.",
}

_FILES = dict.fromkeys(("video/mp4", "image/webp", "image/jpeg", "image/png", "image/avif"), FILE)

FORM: dict[str, Schema] = {
    "seconds": {"type": "string", "pattern": WHOLE},
    "n_variants": {"type": "string", "pattern": WHOLE},
    "input_reference": {**FILE, "description": "The image for the first frame."},
    "files": {
        "type": "array",
        "items": FILE,
        "description": "What `inpaint_items` name as their `file_name`.",
    },
    "inpaint_items": {
        "type": "string",
        "contentMediaType": "application/json",
        "description": "A JSON array, as one part.",
    },
}
"""The fields that differ in a form: numbers are text, and files are parts."""

EXAMPLES: dict[str, Any] = {
    "text": {
        "model": "sora-2",
        "prompt": "A red fox trots through fresh snow at dawn",
        "size": "1280x720",
        "seconds": "4",
    },
    "variants": {
        "model": "sora",
        "prompt": "A red fox trots through fresh snow at dawn",
        "size": "480x480",
        "seconds": "5",
        "n_variants": 2,
    },
}

OPERATIONS = (
    Operation(
        method="post",
        path="/videos",
        id="createVideo",
        tag="Videos",
        summary="A prompt in, an id out, at once.",
        text="Checks the request, reserves its money and starts the work. The answer does not "
        "wait for the render.",
        parameters=(_KEY,),
        body=Body(model=CreateVideo, examples=EXAMPLES, form=FORM, parameters=True),
        answers={
            200: Answer(
                text="The video, on record.",
                model=Video,
                headers=(*_POLLED, *RETIRES, "idempotent-replayed"),
                links=LINKS,
            )
        },
        errors=_ADMISSION,
    ),
    Operation(
        method="get",
        path="/videos",
        id="listVideos",
        tag="Videos",
        summary="Your videos, newest first, page by page.",
        parameters=(
            LIMIT,
            Parameter(name="after", text="The last id of the page before.", schema=_ID),
            Parameter(
                name="status",
                text="Only these.",
                schema={
                    "type": "string",
                    "enum": [*Status],
                },
            ),
            Parameter(name="model", text="Only of this model.", schema={"type": "string"}),
            CALLER,
            ORDER,
        ),
        answers={200: Answer(text="A page.", model=VideoList)},
        errors={400: "A parameter is invalid.", 403: _NOT_ADMIN},
    ),
    Operation(
        method="get",
        path="/videos/{video_id}",
        id="getVideo",
        tag="Videos",
        summary="The video: status, progress, expected finish, outputs, cost.",
        parameters=(
            VIDEO_ID,
            Parameter(
                name="Prefer",
                where="header",
                text="`wait=N`: answer when the video has ended, or after N seconds (at most "
                f"{limits.LONGEST_WAIT}).",
                schema={"type": "string", "examples": ["wait=5"]},
            ),
            CALLER,
        ),
        answers={
            200: Answer(
                text="The video as it is now.",
                model=Video,
                headers=(*_POLLED, "preference-applied"),
                links={name: LINKS[name] for name in ("content", "delete")},
            )
        },
        errors={
            400: "A parameter is invalid.",
            403: _NOT_ADMIN,
            404: "You have no such video.",
        },
    ),
    Operation(
        method="get",
        path="/videos/{video_id}/content",
        id="getVideoContent",
        tag="Videos",
        summary="The MP4, or a picture of it: a redirect to a short-lived link, or the bytes.",
        text="A client that sends its key as `api-key` gets the bytes, because it would send the "
        "key on to the link's host. A condition that names the ETag shown here is answered here; "
        "where there is a redirect, any other is left to the blob store.",
        parameters=(VIDEO_ID, *_CONTENT, *CONDITIONS),
        answers={
            200: Answer(
                text="The file.",
                content=_FILES,
                headers=("accept-ranges", "etag", "last-modified"),
            ),
            206: Answer(
                text="The part that was asked for.",
                content=_FILES,
                headers=("accept-ranges", "content-range", "etag", "last-modified"),
            ),
            302: Answer(text="Where the file is.", headers=("location",)),
            304: UNCHANGED,
            416: Answer(
                text="The part lies outside of the file.",
                content=_FILES,
                headers=("content-range",),
            ),
        },
        errors={
            400: "A parameter is invalid.",
            404: "You have no such video, or it has no such variant.",
            409: "The video has no content (yet).",
            412: NOT_THAT,
        },
    ),
    Operation(
        method="head",
        path="/videos/{video_id}/content",
        id="headVideoContent",
        tag="Videos",
        summary="How large the MP4 is, without its bytes.",
        parameters=(VIDEO_ID, *_CONTENT[:2], *CONDITIONS),
        answers={
            200: Answer(
                text="There is such a file.",
                headers=("content-length", "accept-ranges", "etag", "last-modified"),
            ),
            304: UNCHANGED,
        },
        errors={
            400: "A parameter is invalid.",
            404: "You have no such video, or it has no such variant.",
            409: "The video has no content (yet).",
            412: NOT_THAT,
        },
    ),
    Operation(
        method="post",
        path="/videos/{video_id}/remix",
        id="remixVideo",
        tag="Videos",
        summary="A new video out of a finished one.",
        text="Goes to the deployment that made it, while the upstream keeps its own job (24 "
        "hours).",
        parameters=(VIDEO_ID, _KEY),
        body=Body(model=RemixVideo, examples={"remix": {"prompt": "The same, at night"}}),
        answers={
            200: Answer(
                text="The new video, on record.",
                model=Video,
                headers=(*_POLLED, *RETIRES, "idempotent-replayed"),
            )
        },
        errors={**_ADMISSION, 404: "You have no such video."},
    ),
    Operation(
        method="post",
        path="/videos/{video_id}/cancel",
        id="cancelVideo",
        tag="Videos",
        summary="Stop it.",
        text="Before it is submitted nothing is charged. After that the render may be billed: the "
        "cost is `unknown` until the upstream's job has ended.",
        parameters=(VIDEO_ID,),
        answers={200: Answer(text="The video as it is now.", model=Video, headers=_POLLED)},
        errors={404: "You have no such video.", 409: "It has ended otherwise, or is about to."},
    ),
    Operation(
        method="delete",
        path="/videos/{video_id}",
        id="deleteVideo",
        tag="Videos",
        summary="Files, row and the upstream's copy go; what it cost stays on record.",
        text="An unfinished video is cancelled as well.",
        parameters=(VIDEO_ID,),
        answers={200: Answer(text="It is gone.", model=DeletedVideo)},
        errors={404: "You have no such video.", 409: "It is just ending. Try again."},
    ),
)
