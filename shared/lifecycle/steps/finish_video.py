"""Carry a verdict out: manifest, ledger, the video's end, and what is left to watch.

The order is safe to interrupt: the money is booked before the video shows its end, and the row in
`work` goes last, so the sweep always finds an unfinished end.
"""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from azure.core.exceptions import AzureError

from shared.domain import endings
from shared.domain.ledger import Kind
from shared.domain.verdict import Verdict
from shared.domain.video import (
    Cost,
    CostState,
    Extra,
    IllegalTransition,
    Output,
    Status,
    Video,
    cancel,
    complete,
    fail,
    with_cost,
)
from shared.domain.work import Work
from shared.durable.names import Hint
from shared.lifecycle import money, slots
from shared.lifecycle.background import announce
from shared.lifecycle.requests import inputs
from shared.lifecycle.services import Services
from shared.lifecycle.steps.step import Done, begin, change, done, update
from shared.settings.app import SettingsError
from shared.storage.names import EXTRAS, extra_blob, manifest_blob, output_blob, video_folder
from shared.storage.rows import RowChanged
from shared.telemetry.events import Event, emit
from shared.upstream.protocol import UpstreamError

_STATES = {
    Kind.SETTLE: CostState.SETTLED,
    Kind.RELEASE: CostState.RELEASED,
    Kind.UNKNOWN: CostState.UNKNOWN,
}
_CONFLICTS = 8


def finish_video(services: Services, video_id: str, epoch: int) -> Done:
    """Finish a video with a verdict, or with all its outputs in storage.

    Outcomes: done, watching, retry (an output is missing), again (nothing is decided), superseded.
    """
    work = begin(services, video_id, epoch)
    if isinstance(work, Done):
        return work
    stored = services.videos.find(work.caller, video_id)
    if stored is None:
        _close(services, work)
        return done("done")
    if work.ended and work.verdict is None and not stored.rescuable:
        # no caller gets what was stored; the job decides the cost
        update(services, work, lambda current: current.with_job(collecting=False))
        return done("watching", wait=0.0)
    outputs: tuple[Output, ...] = ()
    if work.verdict is None or work.verdict.status is Status.COMPLETED:
        outputs = _stored_outputs(services, work)
        if work.verdict is None and (not work.parts or len(outputs) < len(work.parts)):
            collecting = work.job is not None and work.job.collecting
            return done("retry" if collecting else "again", wait=0.0)
    lengths = [output.seconds for output in outputs]
    price = money.price_of(services, work)
    verdict = work.verdict or endings.completed(work, stored.video, lengths, price)
    decided = change(
        services,
        work,
        lambda current: None if current.verdict else replace(current, verdict=verdict),
    )
    if decided is None or decided.verdict is None:
        return done("superseded")
    seconds = endings.billed_seconds(stored.video, lengths)
    verdict = decided.verdict
    if verdict.status is Status.CANCELLED and not decided.sent:
        # cancelled during a submission that then created no job
        verdict = endings.never_created() if verdict.money is Kind.UNKNOWN else verdict
    return _carry_out(services, decided, verdict, outputs, seconds)


def _stored_outputs(services: Services, work: Work) -> tuple[Output, ...]:
    """The outputs in storage, as their blobs describe them."""
    outputs = []
    for index in range(len(work.parts)):
        name = output_blob(work.video_id, index)
        blob = services.outputs.find(name)
        if blob is not None:
            outputs.append(
                Output(
                    index=index,
                    blob=name,
                    content_type="video/mp4",
                    size_bytes=blob.size,
                    sha256=blob.sha256,
                    width=int(blob.facts["width"]),
                    height=int(blob.facts["height"]),
                    seconds=float(blob.facts["seconds"]) if "seconds" in blob.facts else None,
                    extras=_extras(work.video_id, index, blob.facts),
                )
            )
    return tuple(outputs)


def _extras(video_id: str, index: int, facts: Mapping[str, str]) -> tuple[Extra, ...]:
    """The pictures stored with an output, as its blob describes them."""
    extras = []
    for variant in EXTRAS:
        if fact := facts.get(variant):
            kind, size, sha256 = fact.split(" ")
            extras.append(
                Extra(
                    variant=variant,
                    blob=extra_blob(video_id, index, variant),
                    content_type=kind,
                    size_bytes=int(size),
                    sha256=sha256,
                )
            )
    return tuple(extras)


def _carry_out(
    services: Services, work: Work, verdict: Verdict, outputs: tuple[Output, ...], seconds: int
) -> Done:
    booked = money.entry(
        services, work, verdict.money, verdict.amount, verdict.basis, seconds=seconds
    )
    services.ledger.write(booked)
    money.release_move(services, work)
    money.release_unused(services, work)
    video = _end(services, work, verdict, outputs, booked.price_version)
    emit(
        Event.VIDEO_ENDED,
        video_id=work.video_id,
        caller=work.caller,
        model=work.asked_model,
        rendered_by=work.model,
        deployment=work.deployment,
        job_id=work.job_id,
        status=verdict.status,
        code=verdict.code,
        cost_state=_STATES[verdict.money],
        amount_micro_usd=verdict.amount,
        basis=verdict.basis,
        rescued=video.rescued if video else False,
        total_seconds=services.clock() - work.created_at,
    )
    if video is not None and video.request.inputs:
        inputs.drop(services, work.video_id)
    if endings.may_still_turn_up(work, verdict):
        _announce(services, work, video)
        update(services, work, _watched)
        return done("watching", wait=0.0)
    if work.deployment and work.job_id:
        services.jobs.close(work.deployment, work.job_id)
    hints: tuple[Hint, ...] = ()
    if work.job is None or not work.job.slot_freed:
        hints = slots.hand_over(services, work)
    if video is not None and video.status is not Status.COMPLETED and work.parts:
        services.outputs.delete_all(video_folder(work.video_id))  # a cancelled video may have some
    _announce(services, work, video)
    _close(services, work)
    return done("done", hints=hints)


def _announce(services: Services, work: Work, video: Video | None) -> None:
    """Announce an end, unless its caller has deleted the video. Comes before the row in `work`
    changes: until then a worker that dies is replaced."""
    deleted = work.ended and services.videos.get(work.caller, work.video_id) is None
    if video is not None and not deleted:
        announce.ended(services, video)


def _close(services: Services, work: Work) -> None:
    """Delete the work of a video; if its caller has deleted it, delete the rest of it first.

    A cancellation and the video's worker may carry the same end out at the same time, each writing
    heartbeats, while a deletion is noted: the first to get here closes for all."""
    current: Work | None = work
    while current is not None and (current.epoch, current.ended) == (work.epoch, work.ended):
        if current.deleted:
            remove_rest(services, current.caller, current.video_id)
            delete_job(services, current.deployment, current.job_id, current.video_id)
        try:
            services.work.delete(current)
        except RowChanged:
            current = services.work.get(work.video_id)
        else:
            return


def remove_rest(services: Services, caller: str, video_id: str) -> None:
    """Delete the blobs, announcements and rows of a video; can be repeated."""
    services.outputs.delete_all(video_folder(video_id))
    inputs.drop(services, video_id)
    services.outbox.forget(video_id)
    services.videos.delete(caller, video_id)


def delete_job(
    services: Services, deployment: str | None, job_id: str | None, video_id: str
) -> None:
    """Delete the upstream's copy of a deleted video if possible: it expires anyway."""
    try:
        client = services.client(deployment or "")
        upstream = services.settings.upstream(deployment or "")
        if client is not None and upstream and upstream.speaks.can_delete and job_id:
            client.delete(job_id, trace=video_id)
    except (UpstreamError, SettingsError, AzureError) as error:
        emit(Event.JOB_NOT_DELETED, video_id=video_id, message=type(error).__name__)


def _watched(work: Work) -> Work:
    """The work of a video that has ended for its caller, while its job is watched."""
    return replace(work, verdict=None, ended=True, troubles=0).with_job(collecting=False)


def _end(
    services: Services,
    work: Work,
    verdict: Verdict,
    outputs: tuple[Output, ...],
    price_version: str,
) -> Video | None:
    """Write the end into the video's row; retried after a conflict, kept where it has ended."""
    before, basis = money.spent_before(services, work)
    state = _STATES[verdict.money]
    if before and verdict.money is Kind.RELEASE:  # only the last of its renders costs nothing
        failure = verdict.failure and replace(verdict.failure, charged=True)
        state, verdict = CostState.SETTLED, replace(verdict, failure=failure, basis=basis)
    for _ in range(_CONFLICTS):
        stored = services.videos.find(work.caller, work.video_id)
        if stored is None:
            return None
        cost = Cost(
            estimated=stored.video.cost.estimated,
            actual=None if verdict.money is Kind.UNKNOWN else before + verdict.amount,
            state=state,
            price_version=price_version,
            basis=verdict.basis,
        )
        try:
            ended = _ended(services, work, stored.video, verdict, outputs, cost)
            if ended.status is Status.COMPLETED:
                services.outputs.put_json(manifest_blob(ended.id), _manifest(ended))
            return services.videos.replace(stored, ended).video
        except IllegalTransition:
            return stored.video
        except RowChanged:
            continue
    raise RowChanged(f"{work.video_id} changes too often")


def _ended(
    services: Services,
    work: Work,
    video: Video,
    verdict: Verdict,
    outputs: tuple[Output, ...],
    cost: Cost,
) -> Video:
    now = services.clock()
    placed = replace(video, deployment=work.deployment, job_id=work.job_id)
    if verdict.status is Status.COMPLETED:
        days = services.settings.video_retention_days
        retention = services.settings.durations.retention(days)
        expires_at = None if retention is None else int(now + retention)
        return complete(placed, outputs, cost, at=int(now), expires_at=expires_at)
    if work.ended:
        return with_cost(video, cost)
    if verdict.status is Status.CANCELLED:
        return cancel(placed, cost, at=int(now))
    assert verdict.failure is not None, "a failed video says why"
    return fail(placed, verdict.failure, cost, at=int(now))


def _manifest(video: Video) -> dict[str, Any]:
    """Stored beside the outputs, which it describes without the tables."""
    request = video.request
    return {
        "version": 1,
        "video_id": video.id,
        "model": request.model,
        "rendered_by": request.renderer,
        "asked": None if request.asked is None else asdict(request.asked),
        "prompt": request.prompt,
        "size": request.size,
        "seconds": request.seconds,
        "variants": request.variants,
        "parameters": dict(request.parameters),
        "metadata": dict(request.metadata),
        "created_at": video.created_at,
        "completed_at": video.completed_at,
        "deployment": video.deployment,
        "job_id": video.job_id,
        "rescued": video.rescued,
        "cost_micro_usd": video.cost.actual,
        "price_version": video.cost.price_version,
        "outputs": [asdict(output) for output in video.outputs],
    }
