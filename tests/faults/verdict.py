"""The verdict on a run, from the simulator's journal and the raw tables and blobs.

It imports nothing of the app, not even how its keys are made: what it finds is judged by the
promises as the design words them.
`python -m tests.faults.verdict JOURNAL_URL STORAGE_CONNECTION` judges any stack by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
from azure.data.tables import EntityProperty, TableServiceClient
from azure.storage.blob import BlobServiceClient

from local import audit
from local.loopback import NO_TLS

TERMINAL = ("completed", "failed", "cancelled")
TABLES = (
    "videos",
    "work",
    "jobs",
    "deployments",
    "ledger",
    "idempotency",
    "outbox",
    "latencies",
    "files",
    "batches",
)


@dataclass
class Facts:
    """Everything that a run left behind."""

    journal: Mapping[str, Any]
    tables: Mapping[str, list[dict[str, Any]]]
    blobs: Mapping[str, Mapping[str, str]]
    """Blob name -> its metadata."""
    inputs: list[str] = field(default_factory=list)
    """Names of the blobs that hold files of requests."""
    day_ceiling: int | None = None
    """Micro-USD that a day may commit at any time, as the app was configured."""

    @property
    def videos(self) -> list[dict[str, Any]]:
        return [row for row in self.tables["videos"] if row["RowKey"].startswith("d_")]


@dataclass
class Allowed:
    """What a scenario may leave behind because its fault makes it so."""

    jobs_per_video: int = 1
    """Two where the upstream itself failed a job that is made once more."""
    refused_creates: bool = False
    """Whether the upstream may have answered 429: only where the script made it."""
    foreign_jobs: bool = False
    unreachable_outputs: bool = False
    """The upstream never delivers a whole file, so there is nothing to collect."""
    altered_outputs: bool = False
    """The upstream delivers a whole file that is not the one its job made."""
    videos_per_prompt: int = 1
    watched: bool = False
    """A video that has ended is still looked for, for as long as its upstream keeps jobs."""


@dataclass
class Verdict:
    breaches: list[str] = field(default_factory=list)

    def check(self, holds: bool, breach: str) -> None:
        if not holds:
            self.breaches.append(breach)


def read(journal_url: str, connection: str) -> Facts:
    """Read the journal and every table and blob, directly."""
    journal = httpx.get(
        f"{journal_url}/_sim/journal", timeout=30, trust_env=False, verify=NO_TLS
    ).json()
    with TableServiceClient.from_connection_string(connection) as service:
        tables = {name: _rows(service, name) for name in TABLES}
    with BlobServiceClient.from_connection_string(connection) as blobs:
        listed = blobs.get_container_client("videos").list_blobs(include=["metadata"])
        found = {blob.name: dict(blob.metadata or {}) for blob in listed}
        inputs = list(blobs.get_container_client("inputs").list_blob_names())
    return Facts(journal, tables, found, inputs)


def judge(facts: Facts, allowed: Allowed = Allowed()) -> list[str]:  # noqa: B008
    """Every breach of a promise; an empty list is the only pass."""
    verdict = Verdict()
    _paid_once(facts, allowed, verdict)
    _never_lost(facts, allowed, verdict)
    _nothing_waits(facts, allowed, verdict)
    _ledger_balances(facts, verdict)
    _limits_held(facts, allowed, verdict)
    _ceiling_held(facts, verdict)
    tables = facts.tables
    books = audit.Account(
        [*tables["ledger"]], [*tables["videos"]], [*tables["work"]], [*tables.get("batches", ())]
    )
    verdict.breaches += [f"audit: {breach}" for breach in audit.breaches(books)]
    for hop in facts.journal["elsewhere"]:
        verdict.check(
            not (hop["api_key_came_along"] or hop["authorization_came_along"]),
            "a redirect took the key to another host",
        )
    return verdict.breaches


def _paid_once(facts: Facts, allowed: Allowed, verdict: Verdict) -> None:
    per_prompt: dict[str, int] = {}
    for video in facts.videos:
        per_prompt[video["prompt"]] = per_prompt.get(video["prompt"], 0) + 1
    for prompt, count in per_prompt.items():
        verdict.check(
            count <= allowed.videos_per_prompt, f"{count} videos for one request: {prompt[:40]!r}"
        )
    for video in facts.videos:
        jobs = [job for job in _jobs(facts) if _made_for(job, _id_of(video))]
        verdict.check(
            len(jobs) <= allowed.jobs_per_video,
            f"{_id_of(video)}: {len(jobs)} upstream jobs",
        )
        alive = [job for job in jobs if job["status"] not in ("failed", "cancelled")]
        verdict.check(len(alive) <= 1, f"{_id_of(video)}: {len(alive)} jobs that did not fail")
    known = {_id_of(video) for video in facts.videos}
    for job in _jobs(facts):
        verdict.check(
            any(_made_for(job, video_id) for video_id in known),
            f"job {job['id']} was created for no video that exists",
        )
    owners = [row["RowKey"] for row in facts.tables["jobs"]]
    verdict.check(len(owners) == len(set(owners)), "two claims of one job")


def _never_lost(facts: Facts, allowed: Allowed, verdict: Verdict) -> None:
    by_job = {video["job_id"]: video for video in facts.videos if video.get("job_id")}
    for job in _jobs(facts):
        video = next((by_job[name] for name in _names(job) if name in by_job), None)
        finished = job["status"] in ("completed", "succeeded") and not job.get("gone")
        if finished and not allowed.unreachable_outputs:
            collected = video is not None and video["status"] in ("completed", "cancelled")
            verdict.check(collected, f"render {job['id']} is finished and was not collected")
    for video in facts.videos:
        if video["status"] != "completed":
            continue
        outputs = json.loads(video["outputs"])
        verdict.check(bool(outputs), f"{_id_of(video)} is completed without an output")
        jobs = [job for job in _jobs(facts) if video["job_id"] in _names(job)]
        if not jobs:
            verdict.check(False, f"{_id_of(video)} is completed from an unknown job")
            continue
        job = jobs[0]
        made = {output["index"]: output["files"]["video"]["sha256"] for output in job["outputs"]}
        kept = {output["index"]: output["sha256"] for output in outputs}
        same = kept.keys() == made.keys() if allowed.altered_outputs else kept == made
        verdict.check(same, f"{_id_of(video)}: outputs {kept} of a job that made {made}")
        for output in outputs:
            metadata = facts.blobs.get(output["blob"], {})
            verdict.check(
                metadata.get("sha256") == output["sha256"],
                f"{_id_of(video)}: blob {output['blob']} is not what the row says",
            )
        verdict.check(
            f"{_id_of(video)}/manifest.json" in facts.blobs, f"{_id_of(video)}: no manifest"
        )


def _nothing_waits(facts: Facts, allowed: Allowed, verdict: Verdict) -> None:
    for video in facts.videos:
        verdict.check(video["status"] in TERMINAL, f"{_id_of(video)} is still {video['status']}")
        settled = {"completed": ("settled",), "cancelled": ("settled", "released", "unknown")}
        expected = settled.get(video["status"], ("settled", "released", "unknown"))
        verdict.check(
            video["cost_state"] in expected,
            f"{_id_of(video)} is {video['status']} and its cost {video['cost_state']}",
        )
    for name in facts.inputs:
        verdict.check(False, f"an input is left: {name}")
    unwanted = {_id_of(video) for video in facts.videos if video["status"] != "completed"}
    for name in facts.blobs:
        verdict.check(name.split("/")[0] not in unwanted, f"a blob of no use is left: {name}")
    for row in facts.tables["work"]:
        if row["RowKey"].startswith("place"):
            verdict.check(False, f"a place in line is left: {row['RowKey']}")
            continue
        verdict.check(
            allowed.watched and row["stage"] == "watching",
            f"work is left: {row['RowKey']} at {row['stage']}",
        )
    for row in facts.tables["jobs"]:
        verdict.check(bool(row["collected"]), f"job {row['RowKey']} is still open")
    lanes = [row for row in facts.tables["deployments"] if row["PartitionKey"] == "d"]
    for row in lanes:
        held = not allowed.watched and json.loads(row["running"])
        verdict.check(
            not held and json.loads(row.get("submits") or "{}") == {},
            f"deployment {row['RowKey']} still holds slots: {row['running']}",
        )


def _ledger_balances(facts: Facts, verdict: Verdict) -> None:
    names = ("reserved_micro_usd", "settled_micro_usd", "unknown_micro_usd")
    entries = [row for row in facts.tables["ledger"] if row["RowKey"].startswith("e_")]
    totals = [row for row in facts.tables["ledger"] if row["RowKey"].startswith("t_")]
    for total in totals:
        key, month = total["RowKey"], total["PartitionKey"]
        counted = [entry for entry in entries if _counts_for(entry, key, month)]
        for name in names:
            summed = sum(entry[name] for entry in counted)
            verdict.check(
                total[name] == summed, f"total {month}/{key} {name}: {total[name]} != {summed}"
            )
            verdict.check(total[name] >= 0, f"total {month}/{key} {name} is negative")
        verdict.check(total["reserved_micro_usd"] == 0, f"{total['RowKey']} has reserved money")
    for video in facts.videos:
        mine = [entry for entry in entries if entry["video_id"] == _id_of(video)]
        booked = {name: sum(entry[name] for entry in mine) for name in names}
        verdict.check(bool(mine), f"{_id_of(video)} was never booked")
        verdict.check(booked["reserved_micro_usd"] == 0, f"{_id_of(video)} is still reserved")
        unknown = video["cost_state"] == "unknown"
        verdict.check(
            (booked["unknown_micro_usd"] > 0) == unknown,
            f"{_id_of(video)}: unknown in the ledger and {video['cost_state']} in its row",
        )
        if not unknown:
            verdict.check(
                booked["settled_micro_usd"] >= (video.get("cost_actual_micro_usd") or 0),
                f"{_id_of(video)}: settled {booked} and its row says otherwise",
            )


def _limits_held(facts: Facts, allowed: Allowed, verdict: Verdict) -> None:
    for name, seen in facts.journal["deployments"].items():
        for most, limit in (
            ("most_running", "max_running"),
            ("most_creates_in_a_minute", "max_creates_per_minute"),
        ):
            if seen[limit] is not None and not allowed.foreign_jobs:
                verdict.check(seen[most] <= seen[limit], f"{name}: {most} {seen[most]}")
        refused = sum(seen["refused"].values())
        if not allowed.refused_creates:
            verdict.check(refused == 0, f"{name}: {refused} creates were refused for a limit")


def _ceiling_held(facts: Facts, verdict: Verdict) -> None:
    """At no time more than the ceiling, by the times of the entries. They are whole seconds: what
    gives money back counts first within each."""
    if facts.day_ceiling is None:
        return
    names = ("reserved_micro_usd", "settled_micro_usd", "unknown_micro_usd")
    per_day: dict[str, list[tuple[int, int]]] = {}
    for row in facts.tables["ledger"]:
        if row["RowKey"].startswith("e_"):
            change = (row["at"], sum(row[name] for name in names))
            per_day.setdefault(row["day"], []).append(change)
    for day, changes in per_day.items():
        committed = most = 0
        for _, money in sorted(changes):
            committed += money
            most = max(most, committed)
        verdict.check(
            most <= facts.day_ceiling, f"{day}: {most} committed, {facts.day_ceiling} allowed"
        )


def _counts_for(entry: Mapping[str, Any], total: str, month: str) -> bool:
    if entry["PartitionKey"] != month:
        return False
    if total == "t_m":
        return True
    if total.startswith("t_d_"):
        return bool(entry["day"] == total.removeprefix("t_d_"))
    return bool(entry["caller"] == total.removeprefix("t_c_"))


def _jobs(facts: Facts) -> Iterable[Mapping[str, Any]]:
    """The jobs that our own requests created."""
    return [job for job in facts.journal["jobs"] if not job["foreign"]]


def _names(job: Mapping[str, Any]) -> set[str]:
    """Its ids: the journal's, and those by which its server names it."""
    return {job["id"], *job.get("ids", ())}


def _made_for(job: Mapping[str, Any], video_id: str) -> bool:
    headers = (job["request"] or {}).get("headers", {})
    return str(headers.get("x-ms-client-request-id", "")).startswith(video_id)


def _id_of(video: Mapping[str, Any]) -> str:
    digits = str(video["RowKey"]).removeprefix("d_")
    return "video_" + "".join("fedcba9876543210"[int(digit, 16)] for digit in digits)


def _rows(service: TableServiceClient, name: str) -> list[dict[str, Any]]:
    return [
        {
            key: value.value if isinstance(value, EntityProperty) else value
            for key, value in entity.items()
        }
        for entity in service.get_table_client(name).list_entities()
    ]


if __name__ == "__main__":
    found = judge(read(sys.argv[1], sys.argv[2]))
    print("\n".join(found) or "no breach")
    sys.exit(1 if found else 0)
