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
from shared.domain.limits import LARGEST_STREAM
from shared.domain.video import Extra, Output, Status, Video
from shared.lifecycle.requests import content as files
from shared.lifecycle.services import Services
from triggers.web.answers import Response, redirect
from triggers.web.authenticate import Authenticated
from triggers.web.conditions import Content
from triggers.web.query import parameter


def serve(
    services: Services, req: func.HttpRequest, authenticated: Authenticated, video: Video
) -> Response:
    """The content that a request asks for. Raises InvalidRequest, NotFound or Conflict."""
    chosen = _chosen(req, video)
    content = Content(chosen.sha256, video.completed_at or 0)
    if _streamed(services, req, authenticated) or content.is_named(req.headers):
        return _stream(services, req, chosen, content)
    return redirect(files.link(services, chosen))


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


def _stream(
    services: Services, req: func.HttpRequest, output: Output | Extra, content: Content
) -> Response:
    size = output.size_bytes
    headers = {
        **content.headers,
        "accept-ranges": "bytes",
        "content-disposition": f'inline; filename="{output.blob.replace("/", "-")}"',
        "cache-control": "private, no-store",
    }
    if content.is_known(req.headers):
        return Response(b"", headers, status=304, content_type=output.content_type)
    if req.method == "HEAD":
        headers["content-length"] = str(size)
        return Response(b"", headers, content_type=output.content_type)
    counts = content.range_counts(req.headers)
    wanted = _range(req.headers.get("range", ""), size) if counts else None
    if wanted is None:
        first, last, status = 0, size - 1, 200
    else:
        first, last = wanted
        if first > last:
            headers["content-range"] = f"bytes */{size}"
            return Response(b"", headers, status=416, content_type=output.content_type)
        status, headers["content-range"] = 206, f"bytes {first}-{last}/{size}"
    length = last - first + 1
    if length > LARGEST_STREAM:
        raise InvalidRequest(
            f"{length:,} bytes are more than is streamed at once ({LARGEST_STREAM:,}): "
            "ask for a Range, or send the key as 'Authorization: Bearer' and follow the redirect.",
            code="range_required",
        )
    body = files.read(services, output, first=first, length=length)
    return Response(body, headers, status=status, content_type=output.content_type)


def _range(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range; None without one or for an invalid one (RFC 9110 says
    to ignore it); first > last if it is outside the content."""
    match = re.fullmatch(r"bytes=([0-9]{0,99})-([0-9]{0,99})", header.strip(), re.IGNORECASE)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return (max(0, size - int(match[2])), size - 1) if int(match[2]) else (1, 0)
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    return (first, last) if first < size else (1, 0)
