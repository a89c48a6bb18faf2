"""The `sora-2` dialect: OpenAI's `/videos`, as Azure's v1 surface and many other servers have it.

Sources: openai-openapi (fields), Azure's video generation pages and recorded live answers (model
required, `seconds` a string, 404 texts, 24 h from creation). How other servers differ is in
`shared.domain.profiles`, and in `reading`, which takes every form that one of them sends.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from shared.domain import money
from shared.domain.job import Fault, JobState, JobStatus, JobSummary, Part
from shared.domain.profiles import Profile
from shared.domain.request import VideoRequest
from shared.upstream import openrouter, reading
from shared.upstream.error_bodies import error_body, is_moderation
from shared.upstream.http import UpstreamHttp, segment
from shared.upstream.listing import Page, read_list, read_page
from shared.upstream.protocol import AnswerLost, Content, Listing, Media, Unreadable
from shared.upstream.reading import Answer
from shared.upstream.sentences import LONGEST, Said, said
from shared.upstream.status_codes import raise_for_read


class Sora2:
    """One `/videos` deployment."""

    def __init__(
        self, http: UpstreamHttp, deployment: str, profile: Profile, callback_url: str | None = None
    ) -> None:
        """`callback_url` is where a server that is told in the create is to call back."""
        self._http = http
        self._deployment = deployment
        self._profile = profile
        self._callback_url = callback_url

    @property
    def extras(self) -> tuple[str, ...]:
        return self._profile.pictures

    def submit(
        self, request: VideoRequest, media: Sequence[Media] = (), *, trace: str
    ) -> JobStatus:
        data = self._create(request, media, trace)
        row = reading.created(data)
        if row is None:
            raise AnswerLost("a create was answered with something that is not a video")
        return self._status(row, requested_seconds=request.seconds)

    def _create(self, request: VideoRequest, media: Sequence[Media], trace: str) -> Any:
        if request.remix is not None:
            path = f"/videos/{segment(request.remix.job_id)}/remix"
            return self._http.create(path, {"prompt": request.prompt}, trace=trace, of_job=True)
        if self._profile.create == "openrouter":
            own = openrouter.body(request, media, self._deployment, self._callback_url)
            body = {**request.parameters, **own}
            return self._http.create("/videos", body, trace=trace)
        fields = {
            **request.parameters,
            "model": self._deployment,
            "prompt": request.prompt,
            "size": request.size,
            "seconds": str(request.seconds),
        }
        # a file part, not a data URL: the only form that Azure documents
        files = [("input_reference", file) for file in media]
        form = self._profile.create == "form"
        return self._http.create("/videos", fields, trace=trace, files=files, form=form)

    def status(self, job_id: str, *, trace: str) -> JobStatus:
        answer = self._http.get(f"/videos/{segment(job_id)}", trace=trace)
        row = reading.job(answer.data, job_id) if answer.ok else None
        if row is None:
            failed = self._failed(answer, job_id)
            if failed is None:
                raise_for_read(answer)
            return failed
        if reading.job_id(row) and not reading.is_job(row, job_id):
            raise Unreadable("the answer is about another video")
        return self._status(row, job_id=job_id)

    def _failed(self, answer: Answer, job_id: str) -> JobStatus | None:
        """The end of a job that is told by an error: vLLM-Omni answers for a failed job with a 4xx
        or 5xx and the job as body, LiteLLM puts that into the message of its own; and a refusal
        for the content is final by its own words. None for everything else."""
        for row in reading.jobs_inside(answer.data):
            job = self._status(row, job_id=job_id)
            ended = reading.plain(job.word) in _ENDED
            if ended and reading.is_job(row, job_id):
                return job
        error = error_body(answer)
        if answer.status not in _TELL_MODERATION or not error.moderated:
            return None
        return JobStatus(
            job_id=job_id,
            state=JobState.FAILED,
            word=f"HTTP {answer.status}",
            progress=None,
            created_at=None,
            expires_at=None,
            fault=Fault.MODERATION,
            message=error.message,
        )

    def open(
        self, part: Part, *, trace: str, variant: str = "video"
    ) -> AbstractContextManager[Content]:
        path = f"/videos/{segment(part.ref)}/content"
        if variant != "video":
            return self._http.download(path, trace=trace, queries=[{"variant": variant}])
        # some servers refuse a query that others ask for
        query = self._profile.video_query
        return self._http.download(path, trace=trace, queries=[query, {}] if query else [{}])

    def find(self, since: float, *, trace: str) -> Listing:
        def page(after: Mapping[str, str]) -> Page:
            query = {**self._profile.list_query, **after}
            return read_page(self._http.get("/videos", trace=trace, query=query), _summary, query)

        return read_list(since, page)

    def delete(self, job_id: str, *, trace: str) -> bool:
        return self._http.delete(f"/videos/{segment(job_id)}", trace=trace)

    def _status(
        self, row: Mapping[str, Any], *, job_id: str = "", requested_seconds: int = 0
    ) -> JobStatus:
        """What an answer says of a job; a create is answered with the job's id."""
        job_id = job_id or reading.job_id(row)
        word = reading.status_word(row)
        # a create that is answered with an id has created a job, whatever else it says
        state = reading.state(word, self._profile.words) if word else JobState.RUNNING
        fault, message = None, ""
        if state is JobState.FAILED:
            fault, message = _reason(row, word)
        return JobStatus(
            job_id=job_id,
            state=state,
            word=word,
            progress=_progress(row),
            created_at=reading.created_at(row),
            expires_at=reading.moment(row.get("expires_at")),
            finished_at=reading.first_moment(row, "completed_at", "finished_at", "finish_time"),
            parts=(Part(job_id, round(_seconds(row)) or requested_seconds),),
            fault=fault,
            message=message,
            cost=money.reported(_cost(row)),
            render_seconds=reading.number(row.get("inference_time_s")),
        )


_ENDED = frozenset({"failed", "failure", "fail", "cancelled", "canceled"})
"""Words of a job that has ended; `error` beside an id may be about the request."""
_TELL_MODERATION = frozenset({200, 400, 404, 422, 500})
"""Any other error is about the key, the pace or something in between, which may filter, too."""


def _cost(row: Mapping[str, Any]) -> object:
    """OpenRouter: `usage.cost` in US dollars, once the job is over. With a key of one's own at the
    provider (`is_byok`) it is only OpenRouter's fee: the provider sends the bill."""
    usage = row.get("usage")
    if not isinstance(usage, Mapping) or usage.get("is_byok") is True:
        return None
    return usage.get("cost")


def _summary(row: Mapping[str, Any]) -> JobSummary:
    width, height = reading.size(row)
    return JobSummary(
        job_id=reading.job_id(row),
        created_at=reading.created_at(row),
        model=reading.text(row.get("model")),
        width=width,
        height=height,
        seconds=_seconds(row),
        variants=1,
        prompt=reading.text(row.get("prompt")) or None,
    )


def _seconds(row: Mapping[str, Any]) -> float:
    """The length that a job says; 0 where it says none."""
    for name in ("seconds", "duration", "duration_seconds", "n_seconds"):
        if (seconds := reading.number(row.get(name))) and 0 < seconds < _A_DAY:
            return seconds
    return 0.0


def _progress(row: Mapping[str, Any]) -> int | None:
    progress = reading.number(reading.text(row.get("progress")).removesuffix("%"))
    return None if progress is None else max(0, min(100, int(progress)))


def _reason(row: Mapping[str, Any], word: str) -> tuple[Fault, str]:
    """Why a job failed, from whatever field says so; some words for a failure say it themselves."""
    reason = said({name: value for name, value in row.items() if name not in _NO_REASON})
    if not reason.message:  # it may be beside the usage, in `metadata` or `output`
        inner = said({"errors": [value for value in row.values() if isinstance(value, Mapping)]})
        reason = Said(inner.message, (*reason.codes, *inner.codes))
    message = reason.message or next(iter(reason.codes), "") or "the upstream gave no reason"
    message = message[:LONGEST]
    if is_moderation(message, (*reason.codes, reading.plain(word))):
        return Fault.MODERATION, message
    internal = not _INTERNAL.isdisjoint(reason.codes)
    return Fault.INTERNAL if internal else Fault.OTHER, message


_A_DAY = 24 * 3600.0
"""Seconds: what says more is not a length in seconds."""
_NO_REASON = frozenset({"status", "state", "type", "prompt", "title", "description"})
"""Fields of a job that other errors have for their code or sentence."""
_INTERNAL = frozenset({"internal_error", "server_error", "internal_server_error"})
