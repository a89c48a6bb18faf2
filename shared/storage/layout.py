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
"""`{video_id}/output-{index}.mp4` and `{video_id}/manifest.json`."""

INPUTS_CONTAINER = "inputs"
"""`{video_id}/...`: images and videos that callers sent, until the job is accepted."""

CONTAINERS = (OUTPUTS_CONTAINER, INPUTS_CONTAINER)


def output_blob(video_id: str, index: int) -> str:
    """The blob of one output, in the outputs container."""
    return f"{video_id}/output-{index}.mp4"


def manifest_blob(video_id: str) -> str:
    """The blob that describes all outputs of a video, in the outputs container."""
    return f"{video_id}/manifest.json"
