"""The files of a request: gathered, made to fit, and kept in blobs until the video has ended.

They are kept that long because a render that fails by the upstream's fault is submitted once more.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from shared.domain.errors import InvalidRequest
from shared.domain.files import File as UploadedFile
from shared.domain.limits import LARGEST_FILE, mib
from shared.domain.media import kinds, pictures
from shared.domain.media.mp4 import Mp4Error, Mp4Inspector
from shared.domain.media.pictures import BadPicture
from shared.domain.request import Crop, Input, VideoRequest
from shared.domain.video import Video
from shared.lifecycle.requests import files as uploads
from shared.lifecycle.services import Services
from shared.storage.names import input_blob, video_folder
from shared.upstream.image_url import NotFetched, check, fetch
from shared.upstream.protocol import Media

_ANY_IMAGE = "image/png"
_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "video/mp4": "mp4"}


@dataclass(frozen=True)
class Source:
    """A file as a request brings it: its bytes, its https address, or the id of a file that its
    caller has uploaded. `param`, the request's field, is for error texts."""

    param: str
    data: bytes = b""
    url: str | None = None
    file_id: str | None = None
    frame_index: int = 0
    crop: Crop | None = None
    declared: str | None = None
    """`image` or `video`, where the request says what the file is."""


@dataclass(frozen=True)
class File:
    """The bytes of a file (None where it was not fetched), and the request's field."""

    param: str
    data: bytes | None


def asked(request: VideoRequest, sources: Sequence[Source]) -> str:
    """A digest of a request as it was sent: of its files, the bytes, the address or the id."""
    digest = hashlib.sha256(request.digest().encode())
    if sources:
        digest.update(request.fit.encode())
    for source in sources:
        about = (source.param, _sent(source), source.frame_index, source.crop, source.declared)
        digest.update(repr(about).encode())
    return digest.hexdigest()


def _sent(source: Source) -> str:
    if source.file_id is not None:
        return f"file_id {source.file_id}"
    return source.url if source.url is not None else hashlib.sha256(source.data).hexdigest()


def gather(
    services: Services,
    caller: str,
    request: VideoRequest,
    sources: Sequence[Source],
    *,
    offline: bool = False,
) -> tuple[VideoRequest, tuple[File, ...]]:
    """The request with its inputs described, and their bytes. Nothing is decoded here.
    `offline`, a file that is named by its address or its id is not read.

    Raises InvalidRequest: too large, of an unknown type, an address that may not be fetched, or a
    file that the caller does not have.
    """
    inputs, files = [], []
    for source in sources:
        if offline and (kind := _kind_beforehand(services, caller, source)):
            inputs.append(
                Input(
                    content_type=kind, sha256="", frame_index=source.frame_index, crop=source.crop
                )
            )
            files.append(File(source.param, None))
            continue
        data = _data(services, caller, source)
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
    taken = kinds.TAKEN_IMAGES
    if source.param == "inpaint_items":
        taken += " or an MP4 video"
    raise InvalidRequest(
        f"{source.param}: the file {kinds.not_taken(data, taken)}", param=source.param
    )


def fit(
    request: VideoRequest, files: Sequence[File], longest_video: int
) -> tuple[pictures.Picture, ...]:
    """The files as the upstream gets them: images at the size of the render, except those with a
    crop. Raises InvalidRequest for a file that cannot be used."""
    ready = []
    for described, file in zip(request.inputs, files, strict=True):
        if file.data is None:
            continue
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


def _kind_beforehand(services: Services, caller: str, source: Source) -> str | None:
    """The media type of a file that is not read yet, as far as it is known; None for one that came
    with the request. Raises InvalidRequest where it cannot be had."""
    if source.file_id is not None:
        return _upload(services, caller, source.file_id, source.param).content_type
    if source.url is None:
        return None
    try:
        check(source.url, services.settings.input_hosts)
    except NotFetched as error:
        raise InvalidRequest(f"{source.param}: {error}", param=source.param) from None
    return _ANY_IMAGE


def _data(services: Services, caller: str, source: Source) -> bytes:
    if source.file_id is not None:
        file = _upload(services, caller, source.file_id, source.param)
        return uploads.content(services, file)
    if source.url is not None:
        return _fetched(services, source.url, source.param)
    return source.data


def _upload(services: Services, caller: str, file_id: str, param: str) -> UploadedFile:
    """A caller's image. Raises InvalidRequest."""
    file = uploads.find(services, caller, file_id)
    if file is None:
        raise InvalidRequest(f"{param}: you have no file {file_id[:80]!r}.", param=param)
    if file.content_type not in kinds.IMAGES:
        raise InvalidRequest(
            f"{param}: {file.id} is no image; its purpose is {file.purpose}.", param=param
        )
    return file


def _fetched(services: Services, url: str, param: str) -> bytes:
    try:
        return fetch(url, services.settings.input_hosts, largest=LARGEST_FILE)
    except NotFetched as error:
        raise InvalidRequest(f"{param}: {error}", param=param) from None
