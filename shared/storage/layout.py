"""The names of tables and containers. Bicep creates the same ones; a test compares them."""

VIDEOS = "videos"
WORK = "work"
JOBS = "jobs"
DEPLOYMENTS = "deployments"
LEDGER = "ledger"
IDEMPOTENCY = "idempotency"
OUTBOX = "outbox"
LATENCIES = "latencies"

TABLES = (VIDEOS, WORK, JOBS, DEPLOYMENTS, LEDGER, IDEMPOTENCY, OUTBOX, LATENCIES)

OUTPUTS_CONTAINER = "videos"
"""`{video_id}/output-{index}.mp4`, its pictures beside it, and `{video_id}/manifest.json`."""

EXTRAS = ("thumbnail", "spritesheet")
"""Pictures of an output: `{video_id}/output-{index}-{name}`, where the upstream has them."""

INPUTS_CONTAINER = "inputs"
"""`{video_id}/input-{index}`: images and videos that callers sent, until the video has ended."""

INBOX_CONTAINER = "inbox"
"""`{caller}/...`: what other teams drop to have it made into a video."""

REJECTED_CONTAINER = "rejected"
"""`{rejection id}.json`: events and dropped files that can never become a video, and why."""

CONTAINERS = (OUTPUTS_CONTAINER, INPUTS_CONTAINER, INBOX_CONTAINER, REJECTED_CONTAINER)


def output_blob(video_id: str, index: int) -> str:
    """The blob of one output, in the outputs container."""
    return f"{video_id}/output-{index}.mp4"


def manifest_blob(video_id: str) -> str:
    """The blob that describes all outputs of a video, in the outputs container."""
    return f"{video_id}/manifest.json"


def rejected_blob(rejection_id: str) -> str:
    """The blob that says why something was rejected, in the container of rejections."""
    return f"{rejection_id}.json"


def extra_blob(video_id: str, index: int, variant: str) -> str:
    """The blob of an output's thumbnail or spritesheet, in the outputs container."""
    return f"{video_id}/output-{index}-{variant}"


def input_blob(video_id: str, index: int) -> str:
    """The blob of one file of a request, in the inputs container."""
    return f"{video_id}/input-{index}"


def video_folder(video_id: str) -> str:
    """What the names of all blobs of a video begin with, in either container."""
    return f"{video_id}/"
