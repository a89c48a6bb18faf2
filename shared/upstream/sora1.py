"""The `sora-1` dialect: Azure's video generation jobs.

Sources: azure-rest-api-specs `azure-v1-preview` (fields, statuses, paths), Microsoft's quickstart,
and Microsoft's PyRIT for values of `failure_reason` beyond the spec. A job has several generations,
each with its own MP4; there may be fewer than requested.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from shared.domain.job import Fault, JobState, JobStatus, JobSummary, Part
from shared.domain.parameters import Value
from shared.domain.request import Input, VideoRequest
from shared.upstream import reading
from shared.upstream.http import UpstreamHttp, segment
from shared.upstream.listing import Page, read_list, read_page
from shared.upstream.protocol import AnswerLost, Content, Listing, Media, Unreadable
from shared.upstream.sentences import LONGEST, said

_QUERY: Mapping[str, str] = {"api-version": "preview"}
_JOBS = "/video/generations/jobs"


class Sora1:
    """One jobs-API deployment."""

    def __init__(self, http: UpstreamHttp, deployment: str) -> None:
        self._http = http
        self._deployment = deployment

    extras = ("thumbnail",)

    def submit(
        self, request: VideoRequest, media: Sequence[Media] = (), *, trace: str
    ) -> JobStatus:
        body: dict[str, Value] = {
            **request.parameters,
            "model": self._deployment,
            "prompt": request.prompt,
            "width": request.width,
            "height": request.height,
            "n_seconds": request.seconds,
            "n_variants": request.variants,
        }
        if media:
            # a form has only text: the items are one part with a JSON array
            body["inpaint_items"] = json.dumps(list(map(_item, request.inputs, media)))
        files = [("files", file) for file in media]
        data = self._http.create(_JOBS, body, trace=trace, query=_QUERY, files=files)
        row = reading.created(data)
        if row is None:
            raise AnswerLost("a create was answered with something that is not a job")
        return _status(row)

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        data = self._http.read(f"{_JOBS}/{segment(job_id)}", trace=trace, query=_QUERY)
        row = reading.job(data, job_id)
        if row is None:
            raise Unreadable("the answer is not what this wire promises")
        if reading.job_id(row) and not reading.is_job(row, job_id):
            raise Unreadable("the answer is about another job")
        return _status(row, job_id=job_id)

    def open(
        self, part: Part, *, trace: str, variant: str = "video"
    ) -> AbstractContextManager[Content]:
        path = f"/video/generations/{segment(part.ref)}/content/{variant}"
        return self._http.download(path, trace=trace, queries=[_QUERY])

    def find(self, since: float, *, trace: str) -> Listing:
        def page(after: Mapping[str, str]) -> Page:
            query = {**_QUERY, "limit": "100", **after}
            return read_page(self._http.get(_JOBS, trace=trace, query=query), _summary, query)

        return read_list(since, page)

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


def _summary(row: Mapping[str, Any]) -> JobSummary:
    return JobSummary(
        job_id=reading.job_id(row),
        created_at=reading.moment(row.get("created_at")),
        model=reading.text(row.get("model")),
        width=_whole(row, "width"),
        height=_whole(row, "height"),
        seconds=_whole(row, "n_seconds"),
        variants=_whole(row, "n_variants"),
        prompt=reading.text(row.get("prompt")) or None,
    )


def _status(row: Mapping[str, Any], *, job_id: str = "") -> JobStatus:
    word = reading.status_word(row)
    state = reading.state(word) if word else JobState.RUNNING
    reason = said(row.get("failure_reason") or row.get("error")).message[:LONGEST]
    fault = _fault(reason) if state is JobState.FAILED else None
    return JobStatus(
        job_id=job_id or reading.job_id(row),
        state=state,
        word=word,
        progress=None,
        created_at=reading.moment(row.get("created_at")),
        expires_at=reading.moment(row.get("expires_at")),
        finished_at=reading.moment(row.get("finished_at")),
        parts=tuple(_parts(row)),
        fault=fault,
        message=reason or ("the upstream gave no reason" if fault else ""),
    )


def _parts(row: Mapping[str, Any]) -> Iterator[Part]:
    for generation in reading.rows(row.get("generations")) or []:
        if ref := reading.job_id(generation):
            yield Part(ref, _whole(generation, "n_seconds") or _whole(row, "n_seconds"))


def _whole(row: Mapping[str, Any], name: str) -> int:
    """A whole number of a job; 0 where it says none."""
    return int(reading.number(row.get(name)) or 0)


def _fault(reason: str) -> Fault:
    if reason.endswith("moderation"):
        return Fault.MODERATION
    return Fault.INTERNAL if reason == "internal_error" else Fault.OTHER
