"""The files of a request: gathered, made to fit, and kept in blobs until the video has ended.

They are kept that long because a render that fails by the upstream's fault is submitted once more.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain.errors import InvalidRequest
from shared.domain.limits import LARGEST_FILE, mib
from shared.domain.media import kinds, pictures
from shared.domain.media.mp4 import Mp4Error, Mp4Inspector
from shared.domain.media.pictures import BadPicture
from shared.domain.request import Crop, Input, VideoRequest
from shared.domain.video import Video
from shared.lifecycle.services import Services
from shared.storage.names import input_blob, video_folder
from shared.upstream.image_url import NotFetched, fetch
from shared.upstream.protocol import Media

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "video/mp4": "mp4"}


@dataclass(frozen=True)
class Source:
    """A file as a request brings it: its bytes or its https address. `param`, the request's field,
    is for error texts."""

    param: str
    data: bytes = b""
    url: str | None = None
    frame_index: int = 0
    crop: Crop | None = None
    declared: str | None = None
    """`image` or `video`, where the request says what the file is."""


@dataclass(frozen=True)
class File:
    """The bytes of a file, and the request's field."""

    param: str
    data: bytes


def asked(request: VideoRequest, sources: Sequence[Source]) -> str:
    """A digest of a request as it was sent: of its files, the bytes or the address."""
    digest = hashlib.sha256(request.digest().encode())
    if sources:
        digest.update(request.fit.encode())
    for source in sources:
        content = source.url if source.url is not None else hashlib.sha256(source.data).hexdigest()
        about = (source.param, content, source.frame_index, source.crop, source.declared)
        digest.update(repr(about).encode())
    return digest.hexdigest()


def gather(
    services: Services, request: VideoRequest, sources: Sequence[Source]
) -> tuple[VideoRequest, tuple[File, ...]]:
    """The request with its inputs described, and their bytes. Nothing is decoded here.

    Raises InvalidRequest: too large, of an unknown type, or an address that may not be fetched.
    """
    inputs, files = [], []
    for source in sources:
        data = source.data if source.url is None else _fetched(services, source.url, source.param)
        if len(data) > LARGEST_FILE:
            raise InvalidRequest(
                f"{source.param}: a file may have at most {mib(LARGEST_FILE)}.", param=source.param
            )
        kind = _kind(source, data)
        if source.declared and not kind.startswith(source.declared):
            raise InvalidRequest(
                f"{source.param}: a file is {kind}, not of type {source.declared}.",
                param=source.param,
            )
        digest = hashlib.sha256(data).hexdigest()
        inputs.append(
            Input(
                content_type=kind, sha256=digest, frame_index=source.frame_index, crop=source.crop
            )
        )
        files.append(File(source.param, data))
    return replace(request, inputs=tuple(inputs)), tuple(files)


def _kind(source: Source, data: bytes) -> str:
    """The media type of a file: an accepted image, or any video, so a model that takes no video can
    say that first. Raises InvalidRequest."""
    kind = kinds.media_type(data)
    if kind in kinds.IMAGES or (kind is not None and kind.startswith("video/")):
        return kind
    what = f"is {kinds.named(kind)}, not" if kind else "is not" if data else "is empty, not"
    taken = "a JPEG, PNG, WebP or AVIF image"
    if source.param == "inpaint_items":
        taken += " or an MP4 video"
    advice = " Send it as a JPEG or PNG." if kind and kind.startswith("image/") else ""
    raise InvalidRequest(f"{source.param}: the file {what} {taken}.{advice}", param=source.param)


def fit(
    request: VideoRequest, files: Sequence[File], longest_video: int
) -> tuple[pictures.Picture, ...]:
    """The files as the upstream gets them: images at the size of the render, except those with a
    crop. Raises InvalidRequest for a file that cannot be used."""
    ready = []
    for described, file in zip(request.inputs, files, strict=True):
        try:
            ready.append(_fit(request, described, file.data, longest_video))
        except BadPicture as error:
            raise InvalidRequest(
                f"{file.param}: the file cannot be used: {error}. Nothing was charged.",
                param=file.param,
            ) from None
    return tuple(ready)


def _fit(
    request: VideoRequest, described: Input, data: bytes, longest_video: int
) -> pictures.Picture:
    if described.is_video:
        return _checked_video(described.content_type, data, longest_video)
    if described.crop is not None:
        return pictures.upright(data)
    return pictures.fitted(data, request.width, request.height, request.fit)


def _checked_video(kind: str, data: bytes, longest: int) -> pictures.Picture:
    if kind != kinds.VIDEO:
        raise BadPicture(f"it is {kinds.named(kind)}; send it as an MP4 video (H.264)")
    inspector = Mp4Inspector()
    try:
        inspector.feed(data)
        info = inspector.finish()
    except Mp4Error as error:
        raise BadPicture(str(error)) from None
    if info.seconds is None:
        raise BadPicture(f"it does not tell how long it lasts; at most {longest} s are taken")
    if info.seconds > longest + 0.05:
        raise BadPicture(f"it lasts {info.seconds:.1f} s; at most {longest} s are taken")
    return pictures.Picture(kinds.VIDEO, data)


def store(services: Services, video_id: str, ready: Sequence[pictures.Picture]) -> None:
    """Store the files as blobs; can be repeated."""
    for index, picture in enumerate(ready):
        services.inputs.put(
            input_blob(video_id, index), picture.data, content_type=picture.content_type
        )


def load(services: Services, video: Video) -> tuple[Media, ...] | None:
    """The files for the upstream; None when one is missing."""
    media = []
    for index in range(len(video.request.inputs)):
        stored = services.inputs.get(input_blob(video.id, index))
        if stored is None:
            return None
        data, kind = stored
        media.append(Media(f"input-{index}.{_EXTENSIONS.get(kind, 'bin')}", kind, data))
    return tuple(media)


def drop(services: Services, video_id: str) -> None:
    services.inputs.delete_all(video_folder(video_id))


def _fetched(services: Services, url: str, param: str) -> bytes:
    try:
        return fetch(url, services.settings.input_hosts, largest=LARGEST_FILE)
    except NotFetched as error:
        raise InvalidRequest(f"{param}: {error}", param=param) from None
