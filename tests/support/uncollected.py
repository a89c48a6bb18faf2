"""Jobs whose outputs are not in storage yet."""

from __future__ import annotations

from shared.lifecycle.services import Services
from shared.storage.jobs import Job


def two_uncollected(services: Services, now: float) -> None:
    """`young` and `old` at `sora-2`, of `video_young` and `video_old`."""
    for name, age in (("young", 10), ("old", 500)):
        services.jobs.bind(
            Job(
                deployment="sora-2",
                job_id=name,
                video_id=f"video_{name}",
                caller="key:local",
                created_at=now - age,
                expires_at=now - age + 1000,
            )
        )
