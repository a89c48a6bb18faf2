"""The `sora-2` dialect: OpenAI's `/videos`, as Azure's v1 surface and many others serve it.

Sources: openai-openapi (fields, all keys present, nullable), Azure's video generation pages and
recorded live answers (model required, `seconds` a string, 404 texts, 24 h from creation).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ValidationError

from shared.domain.job import Fault, JobState, JobStatus, JobSummary, Part
from shared.domain.request import VideoRequest
from shared.upstream.http import UpstreamHttp, checked, segment
from shared.upstream.listing import created_since
from shared.upstream.protocol import AnswerLost, Content, Media, Unreadable

_STATES: Mapping[str, JobState] = {
    "queued": JobState.RUNNING,
    "in_progress": JobState.RUNNING,
    "completed": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,  # not in the enum, but Azure's samples guard against it
}

# a string by contract, but other servers of this wire send a number
_Seconds = Annotated[int, BeforeValidator(lambda value: int(float(value)))]


class _Error(BaseModel):
    code: str | None = None
    message: str | None = None


class _Video(BaseModel):
    id: str
    status: str
    progress: float | None = None
    created_at: float
    completed_at: float | None = None
    expires_at: float | None = None
    model: str | None = None
    prompt: str | None = None
    size: str | None = None
    seconds: _Seconds | None = None
    error: _Error | None = None


class _List(BaseModel):
    data: list[_Video]
    has_more: bool = False
    last_id: str | None = None


class Sora2:
    """One `/videos` deployment."""

    def __init__(self, http: UpstreamHttp, deployment: str) -> None:
        self._http = http
        self._deployment = deployment

    extras = ("thumbnail", "spritesheet")

    def submit(
        self, request: VideoRequest, media: Sequence[Media] = (), *, trace: str
    ) -> JobStatus:
        if request.remix is not None:
            path = f"/videos/{segment(request.remix.job_id)}/remix"
            body = {"prompt": request.prompt}
            data = self._http.create(path, body, trace=trace, query={}, of_job=True)
        else:
            body = {
                "model": self._deployment,
                "prompt": request.prompt,
                "size": request.size,
                "seconds": str(request.seconds),
            }
            # a file part, not a data URL: the only form that Azure documents
            files = [("input_reference", file) for file in media]
            data = self._http.create("/videos", body, trace=trace, query={}, files=files)
        try:
            return _status(_Video.model_validate(data), request.seconds)
        except ValidationError:
            raise AnswerLost("a create was answered with something that is not a video") from None

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        data = self._http.read(f"/videos/{segment(job_id)}", trace=trace, query={})
        video = checked(_Video, data)
        if video.id != job_id:
            raise Unreadable("the answer is about another video")
        return _status(video, None)

    def open(
        self, part: Part, *, trace: str, variant: str = "video"
    ) -> AbstractContextManager[Content]:
        return self._http.download(
            f"/videos/{segment(part.ref)}/content", trace=trace, query={"variant": variant}
        )

    def find(self, since: float, *, trace: str) -> list[JobSummary]:
        def page(after: Mapping[str, str]) -> tuple[list[_Video], bool, str | None]:
            query = {"limit": "100", "order": "desc", **after}
            listed = checked(_List, self._http.read("/videos", trace=trace, query=query))
            return listed.data, listed.has_more, listed.last_id

        videos = sorted(created_since(since, page), key=lambda video: video.created_at)
        return [_summary(video) for video in reversed(videos)]

    def delete(self, job_id: str, *, trace: str) -> bool:
        return self._http.delete(f"/videos/{segment(job_id)}", trace=trace, query={})


def _summary(video: _Video) -> JobSummary:
    width, _, height = (video.size or "").partition("x")
    return JobSummary(
        job_id=video.id,
        created_at=video.created_at,
        model=video.model or "",
        width=int(width) if width.isdigit() else 0,
        height=int(height) if height.isdigit() else 0,
        seconds=video.seconds or 0,
        variants=1,
        prompt=video.prompt,
    )


def _status(video: _Video, requested_seconds: int | None) -> JobStatus:
    state = _STATES.get(video.status, JobState.STRANGE)
    fault, message = None, ""
    if state is JobState.FAILED:
        error = video.error or _Error()
        fault = _fault(error.code or "")
        message = error.message or error.code or "the upstream gave no reason"
    return JobStatus(
        job_id=video.id,
        state=state,
        word=video.status,
        progress=None if video.progress is None else max(0, min(100, int(video.progress))),
        created_at=video.created_at,
        expires_at=video.expires_at,
        finished_at=video.completed_at,
        parts=(Part(video.id, video.seconds or requested_seconds or 0),),
        fault=fault,
        message=message,
    )


def _fault(code: str) -> Fault:
    if code in ("moderation_blocked", "content_filter", "content_policy_violation"):
        return Fault.MODERATION
    if code in ("internal_error", "server_error", "internal_server_error"):
        return Fault.INTERNAL
    return Fault.OTHER
