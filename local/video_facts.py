"""All about one video, as text: its rows, jobs, money and blobs, but not its prompt."""

from __future__ import annotations

from datetime import UTC, datetime

from local.processes import StackError
from shared.domain.ids import created_ms, is_video_id
from shared.domain.ledger import Entry
from shared.domain.video import Video
from shared.domain.work import Work, instance_id, phase
from shared.lifecycle.services import Services
from shared.storage import names
from shared.storage.jobs import Job
from shared.storage.names import output_blob


def show(services: Services, video_id: str) -> list[str]:
    """All about a video, without its prompt, as lines. Raises StackError."""
    work, entries = services.work.get(checked(video_id)), _entries(services, video_id)
    video = find_video(services, video_id)
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
        "rendered by": request.rendered_by and f"{request.rendered_by}, its successor",
        "status": f"{video.status}, stage {video.stage}, {video.progress} %",
        "created": _when(video.created_at, now),
        "completed": _when(video.completed_at, now),
        "expires": _when(video.expires_at, now),
        "deployment": video.deployment,
        "job": video.job_id,
        "cost": f"{cost.state}: {usd(cost.estimated)} estimated, {usd(cost.actual)} actual"
        f" ({cost.price_version}, {cost.basis})",
        "error": f"{video.error.code}: {video.error.message}" if video.error else None,
        "rescued": "yes" if video.rescued else None,
    }
    return _facts(facts)


def _of_work(work: Work, now: float) -> list[str]:
    verdict, job = work.verdict, work.job
    submit = "known" if job else "intent" if work.intent else "nothing"
    facts = {
        "stage": f"{phase(work)}{', ended for its caller' if work.ended else ''}",
        "epoch": f"{work.epoch} (instance {instance_id(work.video_id, work.epoch)})",
        "heartbeat": _when(work.heartbeat_at, now),
        "submit": f"{submit}, {work.posts} create(s)",
        "deployment": work.deployment or f"one of {', '.join(work.deployments)}",
        "job": work.job_id,
        "job expires": _when(job.expires_at, now) if job else None,
        "deadline": _when(job.deadline if job else work.queue_deadline, now),
        "polls": str(job.polls if job else 0),
        "troubles": f"{work.troubles} in a row, {job.spoiled if job else 0} broken file(s)",
        "outputs": str(len(work.parts)) if work.parts else None,
        "reserved": f"{usd(work.reserved)} on {work.day}",
        "verdict": f"{verdict.status}, {verdict.money} ({verdict.basis})" if verdict else None,
    }
    return _facts(facts)


def _of_job(job: Job, now: float) -> str:
    state = "nothing left to fetch" if job.collected else "not collected"
    return f"  {job.deployment}/{job.job_id}: {state}, expires {_when(job.expires_at, now)}"


def _of_entry(entry: Entry) -> str:
    at = datetime.fromtimestamp(entry.at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"  {at}  {entry.kind:<8} {usd(entry.amount)}  attempt {entry.attempt}, {entry.basis}"


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


# -- finding things --


def checked(video_id: str) -> str:
    if not is_video_id(video_id):
        raise StackError(
            f"{video_id!r} is not the id of a video: video_ and 32 hexadecimal digits."
        )
    return video_id


def _entries(services: Services, video_id: str) -> list[Entry]:
    """Its ledger entries. They are in the month of its admission, which the id gives; a video of
    a month's last moments may be booked in the next."""
    created = created_ms(video_id) / 1000
    months = {_month(created), _month(created + 3600)}
    entries = [entry for month in months for entry in services.ledger.entries(month, video_id)]
    return sorted(entries, key=lambda entry: (entry.attempt, entry.at))


def find_video(services: Services, video_id: str) -> Video | None:
    """Its video. The row is in its caller's partition; work or ledger name the caller."""
    work, entries = services.work.get(video_id), _entries(services, video_id)
    caller = work.caller if work else entries[0].caller if entries else None
    stored = services.videos.find(caller, video_id) if caller else None
    return stored.video if stored else None


def _jobs(services: Services, video_id: str) -> list[Job]:
    """Its jobs on all configured deployments."""
    table = services.account.table(names.JOBS)
    jobs = []
    for upstream in services.settings.upstreams:
        for row in table.range(upstream.name, where=f"video_id eq '{video_id}'"):
            job = services.jobs.get(upstream.name, row.text("job_id"))
            if job is not None:
                jobs.append(job)
    return jobs


def standing(services: Services, video_id: str) -> str:
    """A line about a video without work."""
    video = find_video(services, video_id)
    if video is None:
        return f"Nothing is known of {video_id} here."
    why = f" ({video.error.code})" if video.error else ""
    return f"{video_id} is {video.status}{why}, {video.cost.state} {usd(video.cost.actual)}."


# -- words --


def _facts(facts: dict[str, str | None]) -> list[str]:
    return [f"  {name:<12} {value}" for name, value in facts.items() if value is not None]


def usd(micro_usd: int | None) -> str:
    return "unknown" if micro_usd is None else f"${micro_usd / 1e6:.6f}"


def _month(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m")


def _when(seconds: float | None, now: float) -> str | None:
    """A time and its distance from now: `2026-11-21 10:00:00 UTC, 3 min ago`."""
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
