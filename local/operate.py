"""An operator's commands for a running app, here or on Azure: pause, resume, audit, show, retry and
collect.

With `STORAGE_ACCOUNT_NAME` in the environment the commands work on that account, as the user of
`az login`; otherwise on the running local stack.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from local.processes import StackError
from shared.domain.quota import DeploymentState
from shared.storage.videos import is_shown

if TYPE_CHECKING:
    from shared.storage.accounts import Account


def add_commands(app: typer.Typer) -> None:
    app.command()(pause)
    app.command()(resume)
    app.command()(audit)
    app.command()(show)
    app.command()(retry)
    app.command()(collect)


_VideoId = Annotated[str, typer.Argument(metavar="VIDEO_ID", help="video_ and 32 digits.")]


def pause(deployment: Annotated[str, typer.Argument(help="Its name in UPSTREAMS.")]) -> None:
    """Give a deployment no new jobs; running ones are followed and collected."""
    from shared.lifecycle.requests.deployments import hold

    state = _change(deployment, partial(hold, now=time.time()))
    print(f"{deployment} is paused; {len(state.running)} of its jobs are still running.")


def resume(deployment: Annotated[str, typer.Argument(help="Its name in UPSTREAMS.")]) -> None:
    """Give jobs to a paused or retired deployment again, and end an outage: it is tried at once."""
    from shared.lifecycle.requests.deployments import reopen

    state = _change(deployment, reopen)
    print(f"{deployment} takes jobs again; {len(state.running)} are running.")


def audit(
    csv: Annotated[Path | None, typer.Option(help="Write every ledger entry to this file.")] = None,
) -> None:
    """Prove that every video and every total of the ledger balances."""
    from local import audit as books

    with _tables() as account:
        read, breaches = books.persistent(account.tables)
    if csv is not None:
        with csv.open("w", newline="", encoding="utf-8") as file:
            print(f"{books.export(read, file)} entries written to {csv}")
    for month, sums in books.months(read):
        reserved, settled, unknown = map(books.dollars, sums)
        print(f"{month}  reserved ${reserved}  settled ${settled}  unknown ${unknown}")
    videos = sum(1 for row in read.videos if is_shown(str(row["RowKey"])))
    print(
        f"{len(read.entries)} entries, {len(read.totals)} totals, {videos} videos, "
        f"{len(read.work)} of them unfinished or watched: "
        + (f"{len(breaches)} breaches" if breaches else "everything balances")
    )
    for breach in breaches:
        print(breach, file=sys.stderr)
    if breaches:
        raise typer.Exit(1)


def show(video_id: _VideoId) -> None:
    """Show all about a video: rows, jobs, money, blobs, and where to look in the log."""
    from local import operate_videos as videos
    from local import video_facts as facts

    with videos.services_here() as services:
        for line in facts.show(services, video_id):
            print(line)


def retry(video_id: _VideoId) -> None:
    """Give an unfinished video a new worker: the next sweep starts it."""
    from local import operate_videos as videos

    with videos.services_here() as services:
        print(videos.retry(services, video_id))


def collect(video_id: _VideoId) -> None:
    """Copy the outputs of a video's job now, from this machine."""
    from local import operate_videos as videos

    with videos.services_here(needs=videos.AN_END_NEEDS) as services:
        videos.collect(services, video_id, print)


def _change(name: str, how: Callable[..., DeploymentState]) -> DeploymentState:
    known = _deployments()
    if name not in known:
        raise StackError(f"There is no deployment {name!r}. UPSTREAMS has: {', '.join(known)}.")
    from shared.storage import names
    from shared.storage.deployments import Deployments

    # limits are settings and not in the row, so any will do
    state = DeploymentState(deployment=name, max_running=0, max_creates=0, window=60.0)
    with _tables() as account:
        return how(Deployments(account.table(names.DEPLOYMENTS)), state, by="command")


def _deployments() -> list[str]:
    """The names in UPSTREAMS, from the environment or the local stack."""
    try:
        listed = json.loads(_setting("UPSTREAMS"))
        return [str(upstream["name"]) for upstream in listed]
    except (ValueError, TypeError, KeyError):
        raise StackError("UPSTREAMS is not a JSON list of deployments.") from None


@contextmanager
def _tables() -> Iterator[Account]:
    from azure.core.exceptions import AzureError

    from shared.storage.accounts import Account

    name = os.environ.get("STORAGE_ACCOUNT_NAME", "")
    account = (
        Account(account_name=name) if name else Account(connection=_setting("STORAGE_CONNECTION"))
    )
    try:
        yield account
    except AzureError as error:
        where = name or "the local stack (is it up? make up)"
        raise StackError(f"The tables of {where} cannot be read: {type(error).__name__}.") from None
    finally:
        account.close()


def _setting(name: str) -> str:
    if os.environ.get("STORAGE_ACCOUNT_NAME"):
        value = os.environ.get(name, "")
        if not value:
            raise StackError(f"{name} of that app must be in the environment (azd env get-values).")
        return value
    from local.stack import Ports, Stack

    return Stack(Path(), Ports.from_environment()).settings[name]
