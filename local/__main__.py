"""`python -m local`: the local stack and the tools around it."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from local import batch, callers, compare, events, operate
from local.processes import StackError
from local.signals import end_on_signals
from local.stack import API_KEY, ROOT, Ports, Stack
from local.upstream_check import command as upstream_check

app = typer.Typer(
    help="Durable Video on one machine.", no_args_is_help=True, pretty_exceptions_enable=False
)
console = Console(highlight=False, soft_wrap=True)
batch.add_commands(app)
callers.add_commands(app)
compare.add_commands(app)
events.add_commands(app)
operate.add_commands(app)
upstream_check.add_commands(app)


@app.command()
def demo(
    prompt: Annotated[str, typer.Option(envvar="DEMO_PROMPT", help="What it shows.")] = (
        "A red fox trots through fresh snow at dawn"
    ),
    model: Annotated[str, typer.Option(envvar="DEMO_MODEL", help="sora-2 or sora.")] = "sora-2",
    size: Annotated[
        str | None, typer.Option(envvar="DEMO_SIZE", help="WIDTHxHEIGHT; the model's default.")
    ] = None,
    duration: Annotated[
        int | None, typer.Option(envvar="DEMO_DURATION", help="Seconds; the model's default.")
    ] = None,
    variants: Annotated[int, typer.Option(envvar="DEMO_VARIANTS", help="Outputs (sora only).")] = 1,
) -> None:
    """Run the main job once: a prompt in, an MP4 and its cost out."""
    from local import demo as job

    order = job.Order(prompt=prompt, model=model, size=size, seconds=duration, variants=variants)
    data = _data_dir() / "demo"
    shutil.rmtree(data / "logs", ignore_errors=True)
    stack = Stack(
        data,
        Ports.from_environment(),
        # a demo whose upstream dies ends within a minute at the default time scale
        overrides={
            "JOB_DEADLINE_MINUTES": os.environ.get("JOB_DEADLINE_MINUTES", "20"),
            "QUEUE_DEADLINE_HOURS": os.environ.get("QUEUE_DEADLINE_HOURS", "0.3"),
        },
    )
    try:
        with console.status("starting the local stack"):
            stack.start()
        job.run(stack, order, data / "videos", console)
    except job.DemoFailed as failed:
        raise StackError(
            f"{str(failed)[0].upper()}{str(failed)[1:]}\nLogs: {data / 'logs'}"
        ) from None
    finally:
        stack.stop()


@app.command()
def up(
    host: Annotated[
        bool, typer.Option(help="--no-host: storage and simulator only, for `func start`.")
    ] = True,
) -> None:
    """Serve the local stack until Ctrl-C or SIGTERM; DATA_DIR (.data) keeps its state."""
    data = _data_dir() / "up"
    stack = Stack(data, Ports.from_environment(), ephemeral=False, with_host=host, with_topic=True)
    try:
        with console.status("starting the local stack"):
            stack.start()
        _say_where(stack)
        while not (ended := stack.ended()):
            time.sleep(0.5)
        raise StackError(f"{ended[0].name} ended:\n{ended[0].last_lines()}")
    except KeyboardInterrupt:
        console.print("stopping")
    finally:
        stack.stop()


@app.command()
def settings(
    file: Annotated[Path, typer.Argument(help="Where to.")] = ROOT / "local.settings.json",
) -> None:
    """Write the settings of this stack to local.settings.json, for `func start`."""
    stack = Stack(_data_dir(), Ports.from_environment(), with_topic=True)
    document = {
        "IsEncrypted": False,
        "Host": {"LocalHttpPort": stack.ports.functions},
        "Values": stack.settings,
    }
    file.write_text(json.dumps(document, indent=2) + "\n")
    console.print(f"written to {file.name}")


@app.command()
def reference() -> None:
    """Rewrite the README's table of routes after a route was added or changed."""
    from local import reference as section

    section.write()


def _say_where(stack: Stack) -> None:
    blob, queue, table = stack.ports.azurite
    if stack.with_host:
        console.print(f"API         {stack.api}  (key {API_KEY})")
        console.print(f"docs        {stack.api}/docs")
        console.print(f"studio      {stack.api.removesuffix('/openai/v1')}/studio")
        console.print(f"agents      {stack.api.removesuffix('/openai/v1')}/mcp")
    console.print(f"simulator   {stack.simulator_url}  (journal at /_sim/journal)")
    console.print(f"topic       {stack.topic_url}  (python -m local listen)")
    console.print(f"Azurite     blob {blob}, queue {queue}, table {table} on 127.0.0.1")
    console.print(f"time scale  {stack.settings['TIME_SCALE']}: every duration is divided by this")
    console.print(f"logs        {stack.data / 'logs'}")
    console.print("Ctrl-C stops everything.")


def _data_dir() -> Path:
    return Path(os.environ.get("DATA_DIR") or ROOT / ".data").resolve()


def main() -> None:
    end_on_signals()
    try:
        app()
    except StackError as error:
        print(error, file=sys.stderr)
        sys.exit(1)


main()
