"""The table `jobs`: which upstream job belongs to which video, for good.

The insert binds the job; a conflict means that it is another video's.
"""

from dataclasses import dataclass
from hashlib import sha256

from shared.domain.job import identity
from shared.storage.rows import Row, RowExists, Table, Value, as_key

_LONGEST_KEY = 400
"""Characters, two bytes each."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One upstream job. Times are unix seconds."""

    deployment: str
    job_id: str
    video_id: str
    caller: str
    created_at: float
    expires_at: float
    collected: bool = False
    """Whether nothing is left to fetch: stored, failed, or reported as lost."""


class Jobs:
    def __init__(self, table: Table) -> None:
        self._table = table

    def bind(self, job: Job) -> bool:
        """Bind the job to its video; False if it is another video's."""
        try:
            self._table.insert(job.deployment, _key(job.job_id), _columns(job))
        except RowExists:
            row = self._find(job.deployment, job.job_id)
            return row is not None and row.text("video_id") == job.video_id
        return True

    def get(self, deployment: str, job_id: str) -> Job | None:
        """One point read; None for a job that is not bound."""
        row = self._find(deployment, job_id)
        return None if row is None else _job(row)

    def free_for(self, video_id: str, deployment: str, job_id: str) -> bool:
        """Whether a video may take a job: not bound, or bound to this video and not over."""
        row = self._find(deployment, job_id)
        if row is None:
            return True
        return row.text("video_id") == video_id and not row.flag("collected")

    def bound_to(self, deployment: str, video_id: str) -> Job | None:
        """The video's job that is not over yet: one query in one partition."""
        where = f"collected eq false and video_id eq '{video_id}'"
        rows = self._table.range(deployment, where=where, limit=1)
        return _job(rows[0]) if rows else None

    def close(self, deployment: str, job_id: str) -> None:
        """Record that a job has nothing left to fetch."""
        row = self._find(deployment, job_id)
        if row is not None and not row.flag("collected"):
            self._table.replace(row, {**row.values, "collected": True})

    def _find(self, deployment: str, job_id: str) -> Row | None:
        """A job's row; those of earlier releases have the whole id as their key."""
        row, older = self._table.get(deployment, _key(job_id)), _short(as_key(job_id))
        if row is None and older != _key(job_id):
            return self._table.get(deployment, older)
        return row

    def uncollected(self, deployment: str, *, limit: int = 1000) -> list[Job]:
        """Jobs of a deployment that still have something to fetch."""
        rows = self._table.range(deployment, where="collected eq false", limit=limit)
        return [_job(row) for row in rows]


def _key(job_id: str) -> str:
    """A job is claimed by what its create and the upstream's list have in common."""
    return _short(as_key(identity(job_id)))


def _short(key: str) -> str:
    """A key has at most 1 KiB, and some ids are whole tokens."""
    return key if len(key) <= _LONGEST_KEY else sha256(key.encode()).hexdigest()


def _columns(job: Job) -> dict[str, Value]:
    return {
        "job_id": job.job_id,
        "video_id": job.video_id,
        "caller": job.caller,
        "created_at": job.created_at,
        "expires_at": job.expires_at,
        "collected": job.collected,
    }


def _job(row: Row) -> Job:
    return Job(
        deployment=row.partition,
        job_id=row.text("job_id"),
        video_id=row.text("video_id"),
        caller=row.text("caller"),
        created_at=row.decimal("created_at"),
        expires_at=row.decimal("expires_at"),
        collected=row.flag("collected"),
    )
