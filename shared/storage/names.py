"""The names of tables and containers. Bicep creates the same ones; a test compares them."""

VIDEOS = "videos"
WORK = "work"
JOBS = "jobs"
DEPLOYMENTS = "deployments"
LEDGER = "ledger"
IDEMPOTENCY = "idempotency"
OUTBOX = "outbox"
LATENCIES = "latencies"
FILES = "files"
BATCHES = "batches"
APPROVALS = "approvals"

TABLES = (
    VIDEOS,
    WORK,
    JOBS,
    DEPLOYMENTS,
    LEDGER,
    IDEMPOTENCY,
    OUTBOX,
    LATENCIES,
    FILES,
    BATCHES,
    APPROVALS,
)

OUTPUTS_CONTAINER = "videos"
"""`{video_id}/output-{index}.mp4`, its pictures beside it, and `{video_id}/manifest.json`."""

EXTRAS = ("thumbnail", "spritesheet")
"""Pictures of an output: `{video_id}/output-{index}-{name}`, where the upstream has them."""

INPUTS_CONTAINER = "inputs"
"""`{video_id}/input-{index}`: images and videos from callers, until the video has ended."""

INBOX_CONTAINER = "inbox"
"""`{caller}/...`: files that other teams drop to get a video."""

REJECTED_CONTAINER = "rejected"
"""`{rejection id}.json`: events and dropped files that can never become a video, and why."""

FILES_CONTAINER = "files"
"""`{file_id}`: what callers uploaded and what batches wrote, until it is deleted."""

CONTAINERS = (
    OUTPUTS_CONTAINER,
    INPUTS_CONTAINER,
    INBOX_CONTAINER,
    REJECTED_CONTAINER,
    FILES_CONTAINER,
)


def output_blob(video_id: str, index: int) -> str:
    return f"{video_id}/output-{index}.mp4"


def manifest_blob(video_id: str) -> str:
    return f"{video_id}/manifest.json"


def rejected_blob(rejection_id: str) -> str:
    return f"{rejection_id}.json"


def extra_blob(video_id: str, index: int, variant: str) -> str:
    return f"{video_id}/output-{index}-{variant}"


def input_blob(video_id: str, index: int) -> str:
    return f"{video_id}/input-{index}"


def file_blob(file_id: str) -> str:
    return file_id


def video_folder(video_id: str) -> str:
    """The prefix of all blobs of a video, in either container."""
    return f"{video_id}/"
