"""`python -m local batch FILE`: a file of requests in, their videos, their costs and a table out.

It works with any app, with OpenAI's client. The same file with the same options is the same batch:
a fingerprint in the batch's metadata says so, and is the Idempotency-Key of what makes it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from local.processes import StackError
from local.stack import API_KEY, ROOT, Ports
from shared.domain import money, spreadsheet
from shared.domain.batch import EXPLAINED, TERMINAL, Stop
from shared.domain.errors import InvalidRequest
from shared.domain.limits import LARGEST_UPLOAD, mib
from shared.domain.text import NotText, decoded
from shared.durable.names import BASE_PATH
from shared.loopback import LOOPBACK

if TYPE_CHECKING:
    from openai import OpenAI

console = Console(highlight=False, soft_wrap=True)

KEY = "DURABLE_VIDEO_KEY"
_FINGERPRINT = "fingerprint"
_POLL = 1.0
_RETRIES = 6
_FORM = 64 * 1024
"""Bytes of an upload beside its file, at most."""
_INTERRUPTED = 130
_SAVED = {
    "output.jsonl": "output_file_id",
    "errors.jsonl": "error_file_id",
    "results.csv": "table_file_id",
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """What decides, with the file, which batch it is."""

    budget: str
    window: str
    max_running: int | None
    dry_run: bool
    webhook: str | None

    def words(self) -> list[str]:
        """As they are typed."""
        words = ["--budget", self.budget, "--window", self.window]
        words += [] if self.max_running is None else ["--max-running", str(self.max_running)]
        words += ["--dry-run"] if self.dry_run else []
        return words + ([] if self.webhook is None else ["--webhook", self.webhook])

    def terms(self) -> dict[str, Any]:
        """As the API has them, beside OpenAI's own."""
        terms = {
            "budget_usd": self.budget,
            "max_running": self.max_running,
            "dry_run": self.dry_run or None,
            "webhook": self.webhook,
        }
        return {name: value for name, value in terms.items() if value is not None}


def add_commands(app: typer.Typer) -> None:
    app.command()(batch)


def batch(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="Requests: .jsonl or .csv.")
    ],
    budget: Annotated[str, typer.Option(help="The most that it may cost, in US dollars.")],
    max_running: Annotated[int | None, typer.Option(help="Videos at once, at most.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only check it and say its price.")
    ] = False,
    window: Annotated[str, typer.Option(help="When to give up, such as 24h or 7d.")] = "24h",
    webhook: Annotated[str | None, typer.Option(help="Its name, to be told at the end.")] = None,
    charset: Annotated[
        str | None, typer.Option(help="Of FILE, unless it is UTF-8 or 16: windows-1252.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The app; the local stack.")] = None,
    key: Annotated[
        str | None, typer.Option(envvar=KEY, show_default=False, help="The caller's key.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Where to; below .data/batches.")] = None,
    cancel: Annotated[
        bool, typer.Option("--cancel", help="Begin no more; collect what renders.")
    ] = False,
) -> None:
    """Make the videos of FILE under a budget; run again, it comes back to the same batch.

    Ctrl-C leaves the batch running. Exits with 0 only if every line completed (a dry run: if every
    line is right).
    """
    options = Options(
        budget=amount_of(budget),
        window=window,
        max_running=max_running,
        dry_run=dry_run,
        webhook=webhook,
    )
    lines = _lines(file, charset)
    command = ["batch", str(file), *options.words()]
    command += [] if charset is None else ["--charset", charset]
    command += [] if url is None else ["--url", url]
    command += [] if out is None else ["--out", str(out)]
    again = "python -m local " + shlex.join(command)
    from openai import APIConnectionError, APIStatusError

    with client_of(url, key) as client:
        found: Any = None
        try:
            found = _found(client, _fingerprint(lines, options))
            if found is None and cancel:
                raise StackError(f"No batch was made of {file} with these options.")
            if found is None:
                found = _created(client, file, lines, options)
                console.print(f"[bold]{found.id}[/bold]  {file.name}")
            else:
                console.print(f"[bold]{found.id}[/bold]  {file.name}, made before")
            if cancel and found.status not in TERMINAL and found.status != "cancelling":
                found = client.batches.cancel(found.id)
            found = _followed(client, found)
            saved = _saved(client, found, out or data_dir() / "batches" / found.id)
        except KeyboardInterrupt:
            _say_interrupted(found, again)
            raise typer.Exit(_INTERRUPTED) from None
        except APIStatusError as error:
            raise StackError(f"{client.base_url} answered: {message_of(error)}") from None
        except APIConnectionError:
            left = "" if found is None else f"\nThe batch goes on without it. Come back: {again}"
            raise StackError(f"{client.base_url} cannot be reached.{left}") from None
    report(found, saved)
    if not _is_whole(found):
        raise typer.Exit(1)


def amount_of(text: str) -> str:
    """The same text for the same budget. Raises StackError."""
    try:
        return money.usd(money.micro_usd(text))
    except ValueError as error:
        raise StackError(f"--budget: {error}.") from None


def _lines(file: Path, charset: str | None) -> bytes:
    """The requests in a file, a JSON object a line, in UTF-8. Raises StackError."""
    data = file.read_bytes()
    try:
        if file.name.lower().endswith(spreadsheet.SUFFIX):
            lines = b"".join(spreadsheet.requests([data], charset))
        else:
            lines = decoded(data, charset).encode()
    except NotText as error:
        raise StackError(f"{file}: {error}. Save it as UTF-8, or name its --charset.") from None
    except InvalidRequest as error:
        raise StackError(f"{file}: {error.message}") from None
    if len(lines) > LARGEST_UPLOAD - _FORM:
        raise StackError(
            f"{file} is larger than an upload may be, {mib(LARGEST_UPLOAD)}: split it, or drop it "
            "into the inbox (docs/files-and-batches.md)."
        )
    return lines


def _fingerprint(lines: bytes, options: Options) -> str:
    facts = {"lines": hashlib.sha256(lines).hexdigest(), **vars(options)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def client_of(url: str | None, key: str | None) -> OpenAI:
    """A client of the app. Raises StackError where a key would be missing, or sent in the clear."""
    from openai import DefaultHttpxClient, OpenAI

    base = (url or f"http://127.0.0.1:{Ports.from_environment().functions}").rstrip("/")
    here = urlsplit(base).hostname in LOOPBACK
    if not here and not key:
        raise StackError(f"{KEY} is not in the environment; it is to hold your key for {base}.")
    if not here and urlsplit(base).scheme != "https":
        raise StackError(f"{base} would get your key in the clear: use https.")
    return OpenAI(
        base_url=f"{base.removesuffix('/' + BASE_PATH)}/{BASE_PATH}",
        api_key=key or API_KEY,
        max_retries=_RETRIES,
        http_client=DefaultHttpxClient(trust_env=not here),
    )


def ended(client: OpenAI, name: str, lines: bytes, options: Options) -> Any:
    """The batch of these requests after its end; it is made unless it was before. `name` is that of
    their file."""
    batch = _found(client, _fingerprint(lines, options))
    if batch is None:
        batch = _created(client, Path(name), lines, options)
    console.print(f"[bold]{batch.id}[/bold]  {name}")
    return _followed(client, batch)


def _found(client: OpenAI, fingerprint: str) -> Any:
    """The newest batch of the same file and options; None where there is none."""
    for each in client.with_options(max_retries=1).batches.list(limit=100):
        mine = (each.metadata or {}).get(_FINGERPRINT) == fingerprint
        if mine and getattr(each, "retry_of", None) is None:  # which has its metadata
            return each
    return None


def _created(client: OpenAI, file: Path, lines: bytes, options: Options) -> Any:
    fingerprint = _fingerprint(lines, options)
    same = {"Idempotency-Key": f"batch-{fingerprint}"}
    upload = client.files.create(
        file=(f"{file.stem}.jsonl", lines), purpose="batch", extra_headers=same
    )
    window: Any = options.window  # OpenAI has only one
    return client.batches.create(
        input_file_id=upload.id,
        endpoint="/v1/videos",
        completion_window=window,
        metadata={"file": file.name, _FINGERPRINT: fingerprint},
        extra_headers=same,
        extra_body=options.terms(),
    )


def _followed(client: OpenAI, batch: Any) -> Any:
    """The batch after its end, with a bar until then."""
    with _bar() as (progress, task):
        while True:
            _show(progress, task, batch)
            if batch.status in TERMINAL:
                return batch
            time.sleep(_POLL)
            batch = client.batches.retrieve(batch.id)


@contextmanager
def _bar() -> Iterator[tuple[Progress, TaskID]]:
    columns = (
        BarColumn(bar_width=None),
        TextColumn("{task.fields[lines]}"),
        TextColumn("{task.fields[cost]}"),
        TextColumn("{task.fields[then]}"),
    )
    with Progress(*columns, console=console) as progress:
        yield progress, progress.add_task("batch", lines="", cost="", then="")


def _show(progress: Progress, task: TaskID, batch: Any) -> None:
    counts, cost, at = batch.request_counts, batch.cost, batch.estimated_completion_at
    lines = f"{counts.completed}/{counts.total} done, {counts.failed} failed"
    end = "" if at is None else f"until {datetime.fromtimestamp(at):%a %H:%M}"  # noqa: DTZ006
    if batch.status != "in_progress":
        end = str(batch.status).replace("_", " ")
    progress.update(
        task,
        total=counts.total or None,
        completed=counts.completed + counts.failed,
        lines=f"{lines}, {counts.running} running" if counts.total else "",
        cost=f"${cost['committed']} of ${cost['budget']}",
        then=batch.notice or end,
    )


def _saved(client: OpenAI, batch: Any, out: Path) -> list[Path]:
    """The batch's files in a folder; none of an earlier batch stays there."""
    saved = []
    for name, field in _SAVED.items():
        path, file_id = out / name, getattr(batch, field)
        if file_id is None:
            path.unlink(missing_ok=True)
            continue
        out.mkdir(parents=True, exist_ok=True)
        with client.files.with_streaming_response.content(file_id) as answer:
            answer.stream_to_file(path)
        saved.append(path)
    return saved


def _say_interrupted(batch: Any, again: str) -> None:
    if batch is None:
        console.print(f"\nStopped. If the batch was made already, this finds it: {again}")
        return
    console.print(f"\n{batch.id} goes on without this command.")
    console.print(f"come back  {again}")
    console.print(f"cancel     {again} --cancel")


def report(batch: Any, saved: list[Path]) -> None:
    counts, cost = batch.request_counts, batch.cost
    console.print(f"status  {batch.status}")
    for each in batch.errors.data if batch.errors else ():
        where = "file" if each.line is None else f"line {each.line}"
        param = f" ({each.param})" if each.param else ""
        console.print(f"        {where}{param}: {each.message}", markup=False)
    console.print(
        f"lines   {counts.total}: {counts.completed} completed, {counts.failed} failed, "
        f"{counts.not_started} not started"
    )
    if batch.stopped:
        console.print(f"        {EXPLAINED[Stop(batch.stopped)]}")
    unknown = "" if cost["unknown"] == "0.00" else f", perhaps ${cost['unknown']} more"
    console.print(
        f"cost    [bold]${cost['settled']}[/bold] of ${cost['budget']}{unknown}; all lines were "
        f"estimated at ${cost['estimated']}"
    )
    for path in saved:
        console.print(f"saved   {path}", markup=False)


def _is_whole(batch: Any) -> bool:
    """Whether every line completed; of a dry run, whether every line is right."""
    counts = batch.request_counts
    whole: bool = batch.dry_run or counts.completed == counts.total
    return batch.status == "completed" and whole


def message_of(error: Any) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    return str(body.get("message") or f"{error.status_code}")


def data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR") or ROOT / ".data").resolve()
