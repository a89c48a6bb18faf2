"""The app's log: one line per event, in the same form everywhere.

    event=video_ended video_id=video_... status=completed amount_micro_usd=400000 ...

Application Insights keeps the line as a trace's message; `parse-kv` splits it (see the workbook),
and `video_id` finds everything about one video. Activities and triggers emit events, orchestrators
never do, so a replay adds none. `shared.telemetry.loglines` gives each line its invocation. No
secret, prompt or URL is ever a field.
"""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

log = logging.getLogger("durable_video")

_PLAIN = re.compile(r"[^\s\"=]+")
_LONGEST = 400


class Event(StrEnum):
    VIDEO_ACCEPTED = "video_accepted"
    REQUEST_REFUSED = "request_refused"
    APPROVAL_ASKED = "approval_asked"
    APPROVAL_GIVEN = "approval_given"
    APPROVAL_USED = "approval_used"
    VIDEO_WAITING = "video_waiting"
    JOB_SUBMITTED = "job_submitted"
    SUBMIT_FAILED = "submit_failed"
    SUBMIT_RECONCILED = "submit_reconciled"
    RECONCILE_FAILED = "reconcile_failed"
    DEPLOYMENT_PAUSED = "deployment_paused"
    DEPLOYMENT_OUT = "deployment_out"
    DEPLOYMENT_HELD = "deployment_held"
    DEPLOYMENT_REOPENED = "deployment_reopened"
    JOB_STATUS_UNKNOWN = "job_status_unknown"
    JOB_NOT_READABLE = "job_not_readable"
    CALLED_BACK = "called_back"
    JOB_ENDED = "job_ended"
    JOB_LOST = "job_lost"
    JOB_WITHDRAWN = "job_withdrawn"
    OUTPUT_STORED = "output_stored"
    OUTPUT_NOT_COPIED = "output_not_copied"
    EXTRA_NOT_COPIED = "extra_not_copied"
    VIDEO_DECIDED = "video_decided"
    VIDEO_ENDED = "video_ended"
    VIDEO_DELETED = "video_deleted"
    FILE_STORED = "file_stored"
    FILE_DELETED = "file_deleted"
    SLOT_FREED = "slot_freed"
    VIDEO_RESUMED = "video_resumed"
    ADMISSION_FINISHED = "admission_finished"
    ADMISSION_UNDONE = "admission_undone"
    EXPIRY_NEAR = "expiry_near"
    LINE_STATE = "line_state"
    VIDEO_MOVED = "video_moved"
    MODEL_RETIRES = "model_retires"
    HINT_LOST = "hint_lost"
    START_LOST = "start_lost"
    WORKER_UNKNOWN = "worker_unknown"
    JOB_NOT_DELETED = "job_not_deleted"
    PURGE_FAILED = "purge_failed"
    INSTANCES_PURGED = "instances_purged"
    BATCH_CREATED = "batch_created"
    BATCH_VALIDATED = "batch_validated"
    BATCH_RESUMED = "batch_resumed"
    BATCH_ENDED = "batch_ended"
    DELIVERED = "delivered"
    NOT_DELIVERED = "not_delivered"
    DELIVERY_LEFT = "delivery_left"
    WEBHOOK_DISABLED = "webhook_disabled"
    EVENT_REJECTED = "event_rejected"
    EVENT_IGNORED = "event_ignored"
    TENANT_KEYS_UNREADABLE = "tenant_keys_unreadable"
    MISCONFIGURED = "misconfigured"
    REQUEST_FAILED = "request_failed"


@dataclass(frozen=True)
class Spec:
    """What an event means, its level, and the fields that each of its lines has."""

    meaning: str
    fields: tuple[str, ...]
    level: int = logging.INFO


_WARNING, _ERROR = logging.WARNING, logging.ERROR

EVENTS: Mapping[Event, Spec] = {
    Event.VIDEO_ACCEPTED: Spec(
        "a request was admitted and its money reserved",
        (
            "video_id",
            "caller",
            "model",
            "rendered_by",
            "size",
            "seconds",
            "variants",
            "reserved_micro_usd",
        ),
    ),
    Event.VIDEO_MOVED: Spec(
        "a waiting video moved to the successor of its model, and its reservation with it",
        (
            "video_id",
            "caller",
            "model",
            "rendered_by",
            "reserved_micro_usd",
            "before_micro_usd",
        ),
    ),
    Event.MODEL_RETIRES: Spec(
        "a model retires within a month by the settings, or did lately",
        ("model", "days_left", "successor"),
        _WARNING,
    ),
    Event.REQUEST_REFUSED: Spec(
        "a request was refused with an error answer", ("status", "code", "param")
    ),
    Event.APPROVAL_ASKED: Spec(
        "a request costs more than its caller may spend without a person's approval",
        ("approval", "caller", "amount_micro_usd"),
    ),
    Event.APPROVAL_GIVEN: Spec(
        "a person approved a request", ("approval", "caller", "approver", "amount_micro_usd")
    ),
    Event.APPROVAL_USED: Spec(
        "an approved request was admitted",
        ("video_id", "approval", "approver", "amount_micro_usd"),
    ),
    Event.VIDEO_WAITING: Spec(
        "a video is in line", ("video_id", "caller", "model", "ahead", "wait_seconds")
    ),
    Event.JOB_SUBMITTED: Spec(
        "the upstream's job for a video is known",
        ("video_id", "caller", "deployment", "job_id", "posts", "waited_seconds"),
    ),
    Event.SUBMIT_FAILED: Spec(
        "a create returned no job", ("video_id", "deployment", "kind", "message"), _WARNING
    ),
    Event.SUBMIT_RECONCILED: Spec(
        "the upstream's list was searched for the job of a create whose answer was lost",
        ("video_id", "deployment", "listed", "candidates"),
        _WARNING,
    ),
    Event.RECONCILE_FAILED: Spec(
        "that search failed", ("video_id", "deployment", "message"), _WARNING
    ),
    Event.DEPLOYMENT_PAUSED: Spec(
        "the upstream throttled us (429), turned a request away as it would any other (401, 403, "
        "404), or could not be reached; the app tries it again by itself",
        ("deployment", "video_id", "seconds", "reason", "since_seconds"),
        _WARNING,
    ),
    Event.DEPLOYMENT_OUT: Spec(
        "the upstream says that its model is gone for good (410)",
        ("deployment", "video_id", "status", "message"),
        _ERROR,
    ),
    Event.DEPLOYMENT_HELD: Spec(
        "an operator has paused a deployment; it gets no new jobs until it is resumed",
        ("deployment", "by", "running"),
    ),
    Event.DEPLOYMENT_REOPENED: Spec(
        "an operator has resumed a deployment, which also ends its outage",
        ("deployment", "by", "running"),
    ),
    Event.JOB_STATUS_UNKNOWN: Spec(
        "the upstream used an undocumented status",
        ("video_id", "deployment", "job_id", "status"),
        _WARNING,
    ),
    Event.JOB_NOT_READABLE: Spec(
        "the status of a job could not be read from the upstream",
        ("video_id", "deployment", "job_id", "troubles", "message"),
        _WARNING,
    ),
    Event.CALLED_BACK: Spec(
        "an upstream called back about a job, which is looked at now",
        ("video_id", "deployment", "job_id"),
    ),
    Event.JOB_ENDED: Spec(
        "an upstream job has ended",
        (
            "video_id",
            "deployment",
            "model",
            "job_id",
            "status",
            "fault",
            "outputs",
            "polls",
            "called_back",
            "render_seconds",
            "lag_seconds",
        ),
    ),
    Event.JOB_LOST: Spec(
        "the upstream no longer knows a job, and nothing was collected",
        ("video_id", "deployment", "job_id", "expired"),
        _ERROR,
    ),
    Event.JOB_WITHDRAWN: Spec(
        "the upstream's job of a cancelled video was deleted", ("video_id", "deployment", "job_id")
    ),
    Event.OUTPUT_STORED: Spec(
        "an output was copied, checked and committed",
        ("video_id", "deployment", "output", "size_bytes", "sha256", "copy_seconds"),
    ),
    Event.OUTPUT_NOT_COPIED: Spec(
        "an attempt to copy an output failed",
        ("video_id", "deployment", "output", "message"),
        _WARNING,
    ),
    Event.EXTRA_NOT_COPIED: Spec(
        "the upstream gave no thumbnail or spritesheet of an output; the video is not affected",
        ("video_id", "deployment", "output", "variant", "message"),
    ),
    Event.VIDEO_DECIDED: Spec(
        "the verdict on a video was stored",
        ("video_id", "status", "code", "money", "amount_micro_usd", "basis"),
    ),
    Event.VIDEO_ENDED: Spec(
        "a video has ended for its caller, or its cost became known later",
        (
            "video_id",
            "caller",
            "model",
            "rendered_by",
            "deployment",
            "job_id",
            "status",
            "code",
            "cost_state",
            "amount_micro_usd",
            "basis",
            "rescued",
            "total_seconds",
        ),
    ),
    Event.VIDEO_DELETED: Spec(
        "a caller deleted a video; only its ledger entries remain",
        ("video_id", "caller", "unfinished"),
    ),
    Event.FILE_STORED: Spec(
        "a file was put on record for its caller",
        ("file_id", "caller", "purpose", "size_bytes", "sha256"),
    ),
    Event.FILE_DELETED: Spec("a caller deleted a file", ("file_id", "caller", "purpose")),
    Event.SLOT_FREED: Spec(
        "the sweep freed a slot that a finished video still held",
        ("video_id", "deployment"),
        _WARNING,
    ),
    Event.VIDEO_RESUMED: Spec(
        "a video got a new worker: the last one was gone, or silent for too long",
        ("video_id", "stage", "epoch", "reason", "silent_seconds"),
        _WARNING,
    ),
    Event.ADMISSION_FINISHED: Spec(
        "the sweep finished an admission whose process died", ("video_id",), _WARNING
    ),
    Event.ADMISSION_UNDONE: Spec(
        "the sweep undid an admission whose process died", ("video_id",), _WARNING
    ),
    Event.EXPIRY_NEAR: Spec(
        "an uncollected job expires soon",
        ("video_id", "deployment", "job_id", "seconds_left"),
        _ERROR,
    ),
    Event.LINE_STATE: Spec(
        "the length of the line, and how soon the first uncollected job expires",
        ("waiting", "working", "oldest_wait_seconds", "uncollected", "soonest_expiry_seconds"),
    ),
    Event.HINT_LOST: Spec(
        "a waiting video was not woken; it wakes by itself, or gets another worker",
        ("instance", "message"),
    ),
    Event.WORKER_UNKNOWN: Spec(
        "whether a video's worker is alive could not be read; the next sweep asks again",
        ("instance", "message"),
        _WARNING,
    ),
    Event.START_LOST: Spec(
        "an orchestration was not started; the sweep starts it", ("instance", "message"), _WARNING
    ),
    Event.JOB_NOT_DELETED: Spec(
        "the upstream's copy of a deleted video stays until it expires there",
        ("video_id", "message"),
        _WARNING,
    ),
    Event.PURGE_FAILED: Spec(
        "the Durable history of a deleted video stays until the nightly purge",
        ("video_id", "message"),
    ),
    Event.INSTANCES_PURGED: Spec("old Durable histories were deleted", ("count",)),
    Event.BATCH_CREATED: Spec(
        "a batch is on record", ("batch_id", "caller", "input_file_id", "budget_micro_usd")
    ),
    Event.BATCH_VALIDATED: Spec(
        "all lines of a batch were checked",
        ("batch_id", "status", "lines", "estimated_micro_usd"),
    ),
    Event.BATCH_RESUMED: Spec(
        "a batch got a new worker: the last one was silent for too long",
        ("batch_id", "epoch", "silent_seconds"),
        _WARNING,
    ),
    Event.BATCH_ENDED: Spec(
        "a batch has ended",
        (
            "batch_id",
            "caller",
            "status",
            "stop",
            "completed",
            "failed",
            "not_started",
            "settled_micro_usd",
            "unknown_micro_usd",
        ),
    ),
    Event.DELIVERED: Spec(
        "a topic or webhook took an announcement",
        ("video_id", "type", "target", "attempts", "lag_seconds"),
    ),
    Event.NOT_DELIVERED: Spec(
        "an attempt to announce failed; failed is final, pending is tried again",
        ("video_id", "type", "target", "attempts", "state", "message"),
        _WARNING,
    ),
    Event.DELIVERY_LEFT: Spec(
        "a first attempt to announce broke off; the sweep delivers",
        ("delivery", "message"),
        _WARNING,
    ),
    Event.WEBHOOK_DISABLED: Spec(
        "a webhook answered 410 and gets nothing more", ("webhook",), _ERROR
    ),
    Event.EVENT_REJECTED: Spec(
        "an event or a dropped file can never become a video",
        ("event_id", "rejection", "caller", "code", "param"),
        _WARNING,
    ),
    Event.EVENT_IGNORED: Spec(
        "an event needs no work: not ours, seen before, or its file is gone or not there yet",
        ("event_id", "reason"),
    ),
    Event.TENANT_KEYS_UNREADABLE: Spec(
        "the keys that sign Entra tokens could not be read", ("message",), _ERROR
    ),
    Event.MISCONFIGURED: Spec("a setting is missing or wrong", ("message",), _ERROR),
    Event.REQUEST_FAILED: Spec("a fault of ours; the exception follows", ("request_id",), _ERROR),
}


def silence_urls() -> None:
    """Silence httpx, which logs the whole URL of every request at INFO, with its signature."""
    logging.getLogger("httpx").setLevel(logging.WARNING)


def emit(
    event: Event, *, error: BaseException | None = None, **fields: str | int | float | bool | None
) -> None:
    """Write one line. `error` adds its traceback."""
    line = " ".join(f"{name}={_shown(value)}" for name, value in {"event": event, **fields}.items())
    if error is not None:
        line += " "  # the traceback follows on a new line, and must not become part of a value
    log.log(EVENTS[event].level, "%s", line, exc_info=error)


def _shown(value: str | int | float | bool | None) -> str:
    if value is None:
        return '""'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)[:_LONGEST]
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
