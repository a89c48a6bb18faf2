"""Serves an MP4 or a picture of it: as a redirect to a short-lived link, or as bytes.

A client that sends its key as `api-key` gets bytes: it would forward that header to the redirect's
host. A redirect ignores conditions (RFC 9110, 13.2.1): the client repeats them to the blob store,
which has its own ETag and date. Only a condition with our ETag is answered here, because the store
does not know it.
"""

import re

import azure.functions as func

from shared.answers.videos import VARIANTS
from shared.domain import retry_after
from shared.domain.errors import Conflict, InvalidRequest, NotFound
from shared.domain.video import Extra, Output, Status, Video
from shared.lifecycle.requests import content as files
from shared.lifecycle.services import Services
from triggers.web.answers import Response, redirect
from triggers.web.authenticate import Authenticated
from triggers.web.conditions import Content
from triggers.web.query import parameter
from triggers.web.streams import Stored, stream


def serve(
    services: Services, req: func.HttpRequest, authenticated: Authenticated, video: Video
) -> Response:
    """The content that a request asks for. Raises InvalidRequest, NotFound or Conflict."""
    chosen = _chosen(req, video)
    content = Content(chosen.sha256, video.completed_at or 0)
    if _streamed(services, req, authenticated) or content.is_named(req.headers):
        return stream(req, _stored(services, chosen), content)
    return redirect(files.link(services, chosen))


def _stored(services: Services, output: Output | Extra) -> Stored:
    return Stored(
        size=output.size_bytes,
        content_type=output.content_type,
        headers={"content-disposition": f'inline; filename="{output.blob.replace("/", "-")}"'},
        read=lambda first, length: files.read(services, output, first=first, length=length),
    )


def _chosen(req: func.HttpRequest, video: Video) -> Output | Extra:
    variant = parameter(req, "variant") or "video"
    if variant not in VARIANTS:
        raise InvalidRequest(
            f"variant {variant!r} is not known: video, thumbnail or spritesheet.", param="variant"
        )
    if video.status is not Status.COMPLETED:
        after = retry_after.NOT_READY if not video.terminal else None
        raise Conflict(
            f"The video is {video.status}; it has no content"
            + (" yet." if not video.terminal else "."),
            code="video_not_ready",
            stage=video.stage.value if video.stage else None,
            retry_after=after,
        )
    index = parameter(req, "index") or "0"
    if not re.fullmatch("[0-9]{1,3}", index) or int(index) >= len(video.outputs):
        raise InvalidRequest(
            f"index {index[:20]!r} is not one of this video's {len(video.outputs)} outputs, "
            "which count from 0.",
            param="index",
        )
    output = video.outputs[int(index)]
    if variant == "video":
        return output
    for extra in output.extras:
        if extra.variant == variant:
            return extra
    raise NotFound(f"The upstream gave no {variant} of this video.", param="variant")


def _streamed(services: Services, req: func.HttpRequest, authenticated: Authenticated) -> bool:
    wanted = (parameter(req, "stream") or "false").lower()
    if wanted not in ("true", "false"):
        raise InvalidRequest(f"stream {wanted[:80]!r} is not true or false.", param="stream")
    return (
        services.settings.content_delivery == "stream"
        or authenticated.by_api_key_header
        or wanted == "true"
        or req.method == "HEAD"
    )
