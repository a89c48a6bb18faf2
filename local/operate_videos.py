"""What `show`, `retry` and `collect` do: inspect one video, or help it along by hand.

They work on the stack of `make up`, or on Azure with the values of an environment (`azd env
get-values`), as the user of the Azure CLI. All three use the app's own use cases, with the
guarantees of its workers: nothing is paid twice, no half output is visible. They cannot wake
waiting videos; those wake by themselves.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from local.ports import listens
from local.processes import StackError
from local.stack import ROOT, Ports, Stack
from local.video_facts import checked, find_video, standing
from shared.domain.video import Output, Status
from shared.domain.work import Phase, Work, phase
from shared.lifecycle.services import Services, build
from shared.lifecycle.steps.collect_output import Spoiled, collect_output, receive
from shared.lifecycle.steps.finish_video import finish_video
from shared.lifecycle.steps.follow_job import follow_job
from shared.lifecycle.steps.step import Done
from shared.settings.app import SettingsError, settings
from shared.storage.names import output_blob
from shared.upstream.protocol import Content, JobGone, UpstreamError

Say = Callable[[str], None]

AN_END_NEEDS = ("API_BASE_URL", "EVENT_TOPIC_ENDPOINT")
"""A video that is collected here ends here: its URLs, and where its end is announced. (Webhooks are
on record, and the app delivers to them.)"""
_LONG_AGO = 86400.0
_MOST_STEPS = 20
_MOST_TRIES = 5
"""Tries per output; the app itself goes on for longer."""


@contextmanager
def services_here(*, needs: Sequence[str] = ()) -> Iterator[Services]:
    """The app's services on Azure or on the local stack. `needs` are variables that have to be set
    on Azure, beside those without which nothing works. Raises StackError."""
    if os.environ.get("STORAGE_ACCOUNT_NAME"):
        if missing := [name for name in needs if name not in os.environ]:
            raise StackError(
                f"{' and '.join(missing)} of that app must be in the environment: what ends here "
                "is recorded and announced with them (azd env get-values)."
            )
        os.environ.pop("STORAGE_CONNECTION", None)
        # settings that these commands do not need, or that only the app may read
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


# -- retry --


def retry(services: Services, video_id: str) -> str:
    """Fence off the current worker; the next sweep starts another. Raises StackError."""
    work = services.work.get(checked(video_id))
    if work is None:
        raise StackError(standing(services, video_id))
    if phase(work) is Phase.ADMITTING and services.videos.find(work.caller, video_id) is None:
        raise StackError(
            f"{video_id} is being admitted. The sweep finishes or undoes that within five minutes."
        )
    # The epoch stops the current worker at its next step; the old heartbeat makes the next sweep
    # take the video over, which raises the epoch once more.
    long_ago = services.clock() - _LONG_AGO
    raised = services.work.change(
        work,
        lambda current: replace(
            current, epoch=current.epoch + 1, restarts=0, heartbeat_at=long_ago
        ),
    )
    if raised is None:
        raise StackError(f"{video_id} has ended or was given another worker meanwhile. Look again.")
    return (
        f"{video_id} is at {phase(work)}. Its worker of epoch {work.epoch} stops at its next step; "
        f"the next sweep starts one of epoch {raised.epoch + 1}."
    )


# -- collect --


def collect(services: Services, video_id: str, say: Say) -> None:
    """Follow, copy and finish, as a worker would. Raises StackError if that is not possible."""
    if services.work.get(checked(video_id)) is None:
        _collect_again(services, video_id, say)
        return
    for _ in range(_MOST_STEPS):
        work = services.work.get(video_id)
        if work is None:
            break
        if work.job_id is None and work.verdict is None:
            raise StackError(
                f"{video_id} is at {phase(work)} and no job of it is known: nothing to collect. "
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
    say(standing(services, video_id))


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
    """Fetch the missing files of a completed video again, if their bytes are the same."""
    video = find_video(services, video_id)
    if video is None or video.status is not Status.COMPLETED:
        raise StackError(standing(services, video_id))
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
    """Write the file if it is the one that the row describes."""
    writer = services.outputs.writer(output.blob)
    try:
        received = receive(writer, content, lambda: None)
    except Spoiled as error:
        raise StackError(f"{output.blob}: what the upstream sends is broken: {error}") from None
    if received.sha256 != output.sha256:
        raise StackError(
            f"{output.blob}: the upstream sends other bytes than before (sha256 "
            f"{received.sha256}, recorded {output.sha256}). Nothing was written."
        )
    writer.commit(sha256=received.sha256, content_type=output.content_type, facts=received.facts)
