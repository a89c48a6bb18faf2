"""`python -m local show|retry|collect VIDEO_ID`: one video, looked at and helped along by hand.

On the stack of `make up`, or on Azure with `STORAGE_ACCOUNT_NAME` and `UPSTREAMS` of an environment
(`azd env get-values`), as whoever is signed in to the Azure CLI. All three go through the app's own
use cases, so what holds for its workers holds here: nothing is paid twice, nothing half is visible.
Waiting videos cannot be woken from here; they wake by themselves.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from local.processes import StackError, listens
from local.stack import ROOT, Ports, Stack
from shared.domain.ids import created_ms, is_video_id
from shared.domain.ledger import Entry
from shared.domain.mp4 import Mp4Error, Mp4Inspector
from shared.domain.video import Output, Status, Video
from shared.domain.work import Work, WorkStage, instance_id
from shared.lifecycle.collect import collect_output
from shared.lifecycle.follow import follow_job
from shared.lifecycle.services import Services, build
from shared.lifecycle.settle import finish_video
from shared.lifecycle.steps import Done
from shared.settings import SettingsError, settings
from shared.storage import layout
from shared.storage.jobs import Job
from shared.storage.layout import output_blob
from shared.storage.outputs import BLOCK
from shared.storage.rows import RowChanged
from shared.upstream.protocol import Content, JobGone, UpstreamError

Say = Callable[[str], None]

_LONG_AGO = 86400.0
_MOST_STEPS = 20
_MOST_TRIES = 5
"""How often one output is tried; the app itself goes on for longer."""

_VideoId = Annotated[str, typer.Argument(metavar="VIDEO_ID", help="video_ and 32 digits.")]


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `python -m local`."""

    @app.command("show")
    def _show(video_id: _VideoId) -> None:
        """Show what is known of a video: rows, jobs, money, blobs, and where to look in the log."""
        with services_here() as services:
            for line in show(services, video_id):
                print(line)

    @app.command("retry")
    def _retry(video_id: _VideoId) -> None:
        """Give an unfinished video a new worker: the next sweep starts it."""
        with services_here() as services:
            print(retry(services, video_id))

    @app.command("collect")
    def _collect(video_id: _VideoId) -> None:
        """Copy the outputs of a video's job now, from this machine."""
        with services_here() as services:
            collect(services, video_id, print)


@contextmanager
def services_here() -> Iterator[Services]:
    """The app's services on Azure or on the local stack. Raises StackError."""
    if os.environ.get("STORAGE_ACCOUNT_NAME"):
        os.environ.pop("STORAGE_CONNECTION", None)
        # what these commands do not need, and what only the app itself may read
        os.environ.setdefault("CALLERS", "{}")
        base = os.environ.get("API_BASE_URL", "https://localhost").removesuffix("/openai/v1")
        os.environ.setdefault("PUBLIC_BASE_URL", base)
    else:
        stack = Stack(Path(os.environ.get("DATA_DIR") or ROOT / ".data"), Ports.from_environment())
        if not all(listens(port) for port in stack.ports.azurite):
            raise StackError(
                "No local stack is running. Start one with `make up`, or set STORAGE_ACCOUNT_NAME "
                "and UPSTREAMS to work on Azure (docs/operations.md)."
            )
        os.environ.update(stack.settings)
    try:
        services = build(settings())
    except SettingsError as error:
        raise StackError(f"{error}. See docs/operations.md for the variables.") from None
    from azure.core.exceptions import AzureError

    try:
        yield services
    except AzureError as error:
        where = services.settings.storage_account_name or "the local stack"
        raise StackError(f"The data of {where} cannot be reached: {error}") from None
    finally:
        services.close()


# -- show --


def show(services: Services, video_id: str) -> list[str]:
    """Everything that explains a video, without its prompt. Raises StackError."""
    work, entries = services.work.get(_checked(video_id)), _entries(services, video_id)
    video = _video(services, video_id, work, entries)
    jobs = _jobs(services, video_id)
    if work is None and video is None and not entries and not jobs:
        raise StackError(f"Nothing is known of {video_id} here.")
    now = services.clock()
    lines = [video_id, "", "video"]
    lines += _of_video(video, now) if video else ["  no row: deleted, or never admitted"]
    lines += ["", "work"]
    lines += _of_work(work, now) if work else ["  no row: nothing is left to do"]
    lines += ["", "jobs", *([_of_job(job, now) for job in jobs] or ["  none"])]
    lines += ["", "ledger", *([_of_entry(entry) for entry in entries] or ["  none"])]
    lines += ["", "blobs", *(_of_blobs(services, video_id, video, work) or ["  none"])]
    return [*lines, "", "log", *_where_to_look(video_id, work, jobs)]


def _of_video(video: Video, now: float) -> list[str]:
    request, cost = video.request, video.cost
    facts = {
        "caller": video.caller,
        "asked": f"{request.model} {request.size}, {request.seconds} s, {request.variants} times",
        "status": f"{video.status}, stage {video.stage}, {video.progress} %",
        "created": _when(video.created_at, now),
        "completed": _when(video.completed_at, now),
        "expires": _when(video.expires_at, now),
        "deployment": video.deployment,
        "job": video.job_id,
        "cost": f"{cost.state}: {_usd(cost.estimated)} estimated, {_usd(cost.actual)} actual"
        f" ({cost.price_version}, {cost.basis})",
        "error": f"{video.error.code}: {video.error.message}" if video.error else None,
        "rescued": "yes" if video.rescued else None,
    }
    return _facts(facts)


def _of_work(work: Work, now: float) -> list[str]:
    verdict = work.verdict
    facts = {
        "stage": f"{work.stage}{', ended for its caller' if work.ended else ''}",
        "epoch": f"{work.epoch} (instance {instance_id(work.video_id, work.epoch)})",
        "heartbeat": _when(work.heartbeat_at, now),
        "submit": f"{work.submit}, {work.posts} create(s)",
        "deployment": work.deployment or f"one of {', '.join(work.deployments)}",
        "job": work.job_id,
        "job expires": _when(work.job_expires_at, now),
        "deadline": _when(work.job_deadline or work.queue_deadline, now),
        "polls": str(work.polls),
        "troubles": f"{work.troubles} in a row, {work.spoiled} broken file(s)",
        "outputs": str(len(work.parts)) if work.parts else None,
        "reserved": f"{_usd(work.reserved)} on {work.day}",
        "verdict": f"{verdict.status}, {verdict.money} ({verdict.basis})" if verdict else None,
    }
    return _facts(facts)


def _of_job(job: Job, now: float) -> str:
    state = "nothing left to fetch" if job.collected else "not collected"
    return f"  {job.deployment}/{job.job_id}: {state}, expires {_when(job.expires_at, now)}"


def _of_entry(entry: Entry) -> str:
    at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"  {at}  {entry.kind:<8} {_usd(entry.amount)}  attempt {entry.attempt}, {entry.basis}"


def _of_blobs(
    services: Services, video_id: str, video: Video | None, work: Work | None
) -> list[str]:
    lines = []
    recorded = {output.index: output for output in video.outputs} if video else {}
    count = max([*(index + 1 for index in recorded), len(work.parts) if work else 0], default=0)
    for index in range(count):
        name = output_blob(video_id, index)
        blob = services.outputs.find(name)
        if blob is None:
            lines.append(f"  {name}: not there")
            continue
        row = recorded.get(index)
        differs = ", NOT what the row says" if row and row.sha256 != blob.sha256 else ""
        lines.append(f"  {name}: {blob.size:,} bytes, sha256 {blob.sha256}{differs}")
    return lines


def _where_to_look(video_id: str, work: Work | None, jobs: list[Job]) -> list[str]:
    lines = [
        f'  traces | where message has "{video_id}" | order by timestamp asc',
        f"  at the upstream: x-ms-client-request-id begins with {video_id}",
    ]
    if work:
        last = work.epoch
        lines.append(
            f"  instances: {', '.join(instance_id(video_id, e) for e in range(1, last + 1))}"
        )
    return lines + [f"  job {job.job_id} of {job.deployment}" for job in jobs]


# -- retry --


def retry(services: Services, video_id: str) -> str:
    """Fence the present worker off and let the next sweep start another. Raises StackError."""
    work = services.work.get(_checked(video_id))
    if work is None:
        raise StackError(_over(services, video_id))
    if work.stage is WorkStage.ADMITTING:
        raise StackError(
            f"{video_id} is being admitted. The sweep finishes or undoes that within five minutes."
        )
    try:
        # The epoch stops the present worker at its next step; a heartbeat of long ago makes the
        # next sweep take the video over, which raises the epoch once more.
        long_ago = services.clock() - _LONG_AGO
        raised = services.work.replace(replace(work, epoch=work.epoch + 1, heartbeat_at=long_ago))
    except RowChanged:
        raise StackError(
            f"{video_id} was changed meanwhile: it has a worker. Look again."
        ) from None
    return (
        f"{video_id} is at {work.stage}. Its worker of epoch {work.epoch} stops at its next step; "
        f"the next sweep starts one of epoch {raised.epoch + 1}."
    )


# -- collect --


def collect(services: Services, video_id: str, say: Say) -> None:
    """Follow, copy and finish, as a worker would. Raises StackError where that is not possible."""
    if services.work.get(_checked(video_id)) is None:
        _collect_again(services, video_id, say)
        return
    for _ in range(_MOST_STEPS):
        work = services.work.get(video_id)
        if work is None:
            break
        if work.job_id is None and work.verdict is None:
            raise StackError(
                f"{video_id} is at {work.stage} and no job of it is known: nothing to collect. "
                f"`python -m local retry {video_id}` gives it a new worker."
            )
        step = follow_job(services, video_id, work.epoch)
        outcome = step.result["outcome"]
        if outcome in ("rendering", "watching"):
            raise StackError(
                f"The job {work.job_id} of {work.deployment} is not over, or cannot be read now. "
                f"`python -m local show {video_id}` and the log say more."
            )
        if outcome == "again":
            raise StackError(f"The render of {video_id} failed and is made again; see `show`.")
        if outcome == "rendered":
            _copy_all(services, work, step.result["outputs"], say)
        if outcome in ("rendered", "decided"):
            _finish(services, video_id)
    say(_over(services, video_id))


def _copy_all(services: Services, work: Work, outputs: int, say: Say) -> None:
    for index in range(outputs):
        name = output_blob(work.video_id, index)
        for _ in range(_MOST_TRIES):
            step = collect_output(services, work.video_id, work.epoch, index)
            if step.result["outcome"] != "retry":
                break
            say(f"{name}: not copied, once more in {step.result['wait']:.0f} s")
            time.sleep(step.result["wait"])
        blob = services.outputs.find(name)
        if blob is not None:
            say(f"{name}: {blob.size:,} bytes, sha256 {blob.sha256}")
        elif step.result["outcome"] == "retry":
            raise StackError(f"{name} could not be copied. The log says why: output_not_copied.")


def _finish(services: Services, video_id: str) -> Done | None:
    work = services.work.get(video_id)
    return None if work is None else finish_video(services, video_id, work.epoch)


def _collect_again(services: Services, video_id: str, say: Say) -> None:
    """A completed video whose files are not all there: fetch those of the same bytes again."""
    video = _video(services, video_id, None, _entries(services, video_id))
    if video is None or video.status is not Status.COMPLETED:
        raise StackError(_over(services, video_id))
    missing = []
    for output in video.outputs:
        if services.outputs.find(output.blob) is None:
            missing.append(output)
        else:
            say(f"{output.blob}: is there")
    client = services.client(video.deployment or "")
    if missing and (client is None or video.job_id is None):
        raise StackError(f"Its deployment {video.deployment} is not configured any more.")
    try:
        for output in missing:
            assert client is not None
            assert video.job_id is not None
            parts = client.status(video.job_id, trace=video_id).parts
            with client.open(parts[output.index], trace=video_id) as content:
                _copy_same(services, output, content)
            say(f"{output.blob}: {output.size_bytes:,} bytes, sha256 {output.sha256}, as before")
    except JobGone:
        raise StackError(
            f"{video.deployment} does not have the job {video.job_id} any more. Deleted blobs come "
            "back from soft delete for 7 days: az storage blob undelete."
        ) from None
    except UpstreamError as error:
        raise StackError(f"{video.deployment}: {error}") from None


def _copy_same(services: Services, output: Output, content: Content) -> None:
    """Write the file that the row describes, or nothing."""
    writer, digest = services.outputs.writer(output.blob), hashlib.sha256()
    inspector, buffer = Mp4Inspector(), bytearray()

    def stage(least: int) -> None:
        while len(buffer) >= least and buffer:
            writer.write(bytes(buffer[:BLOCK]))
            del buffer[:BLOCK]

    for piece in content.pieces:
        digest.update(piece)
        inspector.feed(piece)
        buffer += piece
        stage(BLOCK)
    stage(1)
    try:
        info = inspector.finish()
    except Mp4Error as error:
        raise StackError(f"{output.blob}: what the upstream sends is broken: {error}") from None
    if digest.hexdigest() != output.sha256:
        raise StackError(
            f"{output.blob}: the upstream sends other bytes than before (sha256 "
            f"{digest.hexdigest()}, recorded {output.sha256}). Nothing was written."
        )
    facts = {
        "width": str(info.width),
        "height": str(info.height),
        "seconds": f"{info.seconds:.6f}",
    }
    writer.commit(sha256=output.sha256, content_type=output.content_type, facts=facts)


# -- finding things --


def _checked(video_id: str) -> str:
    if not is_video_id(video_id):
        raise StackError(
            f"{video_id!r} is not the id of a video: video_ and 32 hexadecimal digits."
        )
    return video_id


def _entries(services: Services, video_id: str) -> list[Entry]:
    """Its ledger entries. They stand in the month of its admission, which the id tells; a video of
    a month's last moments may be booked in the next."""
    created = created_ms(video_id) / 1000
    months = {_month(created), _month(created + 3600)}
    found = [entry for month in months for entry in services.ledger.entries(month, video_id)]
    return sorted(found, key=lambda entry: (entry.attempt, entry.at))


def _video(
    services: Services, video_id: str, work: Work | None, entries: list[Entry]
) -> Video | None:
    """Its row. Rows lie with their caller, who is known from the work or from the ledger."""
    caller = work.caller if work else entries[0].caller if entries else None
    stored = services.videos.find(caller, video_id) if caller else None
    return stored.video if stored else None


def _jobs(services: Services, video_id: str) -> list[Job]:
    """Its jobs, on all deployments that are configured."""
    table = services.account.table(layout.JOBS)
    found = []
    for upstream in services.settings.upstreams:
        for row in table.range(upstream.name, where=f"video_id eq '{video_id}'"):
            job = services.jobs.get(upstream.name, row.text("job_id"))
            if job is not None:
                found.append(job)
    return found


def _over(services: Services, video_id: str) -> str:
    """How a video without work stands."""
    video = _video(services, video_id, None, _entries(services, video_id))
    if video is None:
        return f"Nothing is known of {video_id} here."
    why = f" ({video.error.code})" if video.error else ""
    return f"{video_id} is {video.status}{why}, {video.cost.state} {_usd(video.cost.actual)}."


# -- words --


def _facts(facts: dict[str, str | None]) -> list[str]:
    return [f"  {name:<12} {value}" for name, value in facts.items() if value is not None]


def _usd(micro_usd: int | None) -> str:
    return "unknown" if micro_usd is None else f"${micro_usd / 1e6:.6f}"


def _month(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")


def _when(seconds: float | None, now: float) -> str | None:
    """A time, and how far it is away: `2026-11-21 10:00:00 UTC, 3 min ago`."""
    if seconds is None:
        return None
    away = abs(seconds - now)
    unit, size = next(
        (name, size)
        for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
        if away >= size or size == 1
    )
    at = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    near = f"{away / size:.0f} {unit}"
    return f"{at}, {f'in {near}' if seconds > now else f'{near} ago'}"
