"""The `sora-1` dialect: Azure's video generation jobs.

Sources: azure-rest-api-specs `azure-v1-preview` (fields, statuses, paths), Microsoft's quickstart,
and Microsoft's PyRIT for values of `failure_reason` beyond the spec. A job has several generations,
each with its own MP4; there may be fewer than requested.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from shared.domain.job import Fault, JobState, JobStatus, JobSummary, Part
from shared.domain.request import Input, VideoRequest
from shared.upstream.http import UpstreamHttp, checked, segment
from shared.upstream.listing import created_since
from shared.upstream.protocol import AnswerLost, Content, Media, Unreadable

_QUERY: Mapping[str, str] = {"api-version": "preview"}
_JOBS = "/video/generations/jobs"

_STATES: Mapping[str, JobState] = {
    "preprocessing": JobState.RUNNING,
    "queued": JobState.RUNNING,
    "running": JobState.RUNNING,
    "processing": JobState.RUNNING,
    "succeeded": JobState.SUCCEEDED,
    "failed": JobState.FAILED,
    "cancelled": JobState.CANCELLED,
}


class _Generation(BaseModel):
    id: str
    n_seconds: int | None = None


class _Job(BaseModel):
    id: str
    status: str
    created_at: float
    finished_at: float | None = None
    expires_at: float | None = None
    generations: list[_Generation] | None = None
    prompt: str | None = None
    model: str | None = None
    n_variants: int = 1
    n_seconds: int = 0
    height: int = 0
    width: int = 0
    failure_reason: str | None = None


class _List(BaseModel):
    data: list[_Job] = Field(default_factory=list)
    has_more: bool = False
    last_id: str | None = None


class Sora1:
    """One jobs-API deployment."""

    def __init__(self, http: UpstreamHttp, deployment: str) -> None:
        self._http = http
        self._deployment = deployment

    extras = ("thumbnail",)

    def submit(
        self, request: VideoRequest, media: Sequence[Media] = (), *, trace: str
    ) -> JobStatus:
        body: dict[str, str | int] = {
            "model": self._deployment,
            "prompt": request.prompt,
            "width": request.width,
            "height": request.height,
            "n_seconds": request.seconds,
            "n_variants": request.variants,
        }
        if media:
            # a form has only text; the items are one part with a JSON array
            body = {name: str(value) for name, value in body.items()}
            body["inpaint_items"] = json.dumps(list(map(_item, request.inputs, media)))
        files = [("files", file) for file in media]
        data = self._http.create(_JOBS, body, trace=trace, query=_QUERY, files=files)
        try:
            return _status(_Job.model_validate(data))
        except ValidationError:
            raise AnswerLost("a create was answered with something that is not a job") from None

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        data = self._http.read(f"{_JOBS}/{segment(job_id)}", trace=trace, query=_QUERY)
        job = checked(_Job, data)
        if job.id != job_id:
            raise Unreadable("the answer is about another job")
        return _status(job)

    def open(
        self, part: Part, *, trace: str, variant: str = "video"
    ) -> AbstractContextManager[Content]:
        path = f"/video/generations/{segment(part.ref)}/content/{variant}"
        return self._http.download(path, trace=trace, query=_QUERY)

    def find(self, since: float, *, trace: str) -> list[JobSummary]:
        def page(after: Mapping[str, str]) -> tuple[list[_Job], bool, str | None]:
            query = {**_QUERY, "limit": "100", **after}
            listed = checked(_List, self._http.read(_JOBS, trace=trace, query=query))
            return listed.data, listed.has_more, listed.last_id

        jobs = sorted(created_since(since, page), key=lambda job: job.created_at, reverse=True)
        return [_summary(job) for job in jobs]

    def delete(self, job_id: str, *, trace: str) -> bool:
        return self._http.delete(f"{_JOBS}/{segment(job_id)}", trace=trace, query=_QUERY)


def _item(described: Input, file: Media) -> dict[str, Any]:
    """One of `inpaint_items`: where in the output the file begins, and which crop of it is used."""
    item: dict[str, Any] = {
        "frame_index": described.frame_index,
        "type": "video" if described.is_video else "image",
        "file_name": file.file_name,
    }
    if described.crop is not None:
        item["crop_bounds"] = {
            f"{side}_fraction": value for side, value in asdict(described.crop).items()
        }
    return item


def _summary(job: _Job) -> JobSummary:
    return JobSummary(
        job_id=job.id,
        created_at=job.created_at,
        model=job.model or "",
        width=job.width,
        height=job.height,
        seconds=job.n_seconds,
        variants=job.n_variants,
        prompt=job.prompt,
    )


def _status(job: _Job) -> JobStatus:
    state = _STATES.get(job.status, JobState.STRANGE)
    fault = _fault(job.failure_reason or "") if state is JobState.FAILED else None
    return JobStatus(
        job_id=job.id,
        state=state,
        word=job.status,
        progress=None,
        created_at=job.created_at,
        expires_at=job.expires_at,
        finished_at=job.finished_at,
        parts=tuple(
            Part(generation.id, generation.n_seconds or job.n_seconds)
            for generation in job.generations or []
        ),
        fault=fault,
        message=job.failure_reason or ("the upstream gave no reason" if fault else ""),
    )


def _fault(reason: str) -> Fault:
    if reason.endswith("moderation"):
        return Fault.MODERATION
    return Fault.INTERNAL if reason == "internal_error" else Fault.OTHER
