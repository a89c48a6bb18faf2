"""Command line: options in, exit codes out."""

import errno
import logging
import sqlite3
import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from local.simulator.clock import Clock
from local.simulator.config import Config, WireName, load_config

_HELP = """Simulate the Sora 1 and Sora 2 video APIs on 127.0.0.1.

Sora 2 is served at /openai/v1/videos and /v1/videos, Sora 1 at /openai/v1/video/generations.
Send the header `api-key: sim-key` or `Authorization: Bearer sim-key`. Without --config there are
two deployments, `sora-2` and `sora`, each with 2 running jobs and 2 creates per minute.

Jobs take one to five minutes and live for a day; --time-scale divides both, and every other
duration, but never a timestamp. Finished jobs are real MP4s that show their prompt.

Words in a prompt decide its fate: content-filter, moderation-blocked, input-moderation,
output-moderation, internal-error.

Faults come from --faults FILE or POST /_sim/faults: a JSON list of rules such as
{"operation": "create", "times": 1, "action": {"type": "drop", "when": "after"}}.
GET /_sim/journal says what was created, refused and downloaded; POST /_sim/reset forgets it.

--wire sglang speaks as SGLang does, and so on: azure, openai, litellm, vllm-omni, sglang,
tensorrt-llm, bifrost, new-api, openrouter. Each is also at /wires/NAME, for the deployments whose
"wire" in the config is that.

All endpoints, config keys and fault actions: docs/simulator.md.
"""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(help=_HELP)
def simulate(
    port: Annotated[
        int, typer.Option(min=0, max=65535, envvar="SIMULATOR_PORT", help="0: any free port.")
    ] = 7080,
    time_scale: Annotated[
        float, typer.Option(min=0.001, envvar="TIME_SCALE", help="Divides durations; 1 is real.")
    ] = 20.0,
    seed: Annotated[int, typer.Option(help="Decides render times, progress and colours.")] = 0,
    state_dir: Annotated[
        Path | None, typer.Option(file_okay=False, help="Survive restarts in this folder.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            envvar="SIMULATOR_CONFIG",
            help="JSON: deployments, limits, render times.",
        ),
    ] = None,
    wire: Annotated[
        WireName | None, typer.Option(help="Whose API the root speaks; none: Azure and OpenAI.")
    ] = None,
    faults: Annotated[
        Path | None, typer.Option(dir_okay=False, help="JSON: a list of fault rules.")
    ] = None,
) -> None:
    """Start the simulator and serve until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stdout)
    logging.getLogger("simulator").setLevel(logging.INFO)
    settings = _settings(config, wire)

    # The web framework is loaded only after the options are valid, to keep --help quick.
    from local.simulator.app import build_app
    from local.simulator.faults.rules import RULES
    from local.simulator.server import HOST, listen, serve
    from local.simulator.world import build_world

    try:
        rules = RULES.validate_json(faults.read_bytes()) if faults is not None else []
    except (OSError, ValidationError) as error:
        raise _fail(f"fault script {faults}: {_reason(error)}") from None
    try:
        listener = listen(port)
    except OSError as error:
        busy = error.errno == errno.EADDRINUSE
        reason = "the port is in use" if busy else error.strerror
        raise _fail(f"cannot listen on {HOST}:{port}: {reason}") from None
    try:
        world = build_world(settings, Clock(time_scale), seed, state_dir, rules)
    except (OSError, sqlite3.Error) as error:
        listener.close()
        raise _fail(f"state folder {state_dir}: {error}") from None
    bound = listener.getsockname()[1]
    names = ", ".join(
        f"{entry.name} ({settings.wire_of(entry) or entry.dialect})"
        for entry in settings.deployments
    )
    print(f"simulator on http://{HOST}:{bound}, time scale {time_scale:g}: {names}", flush=True)
    serve(build_app(world), listener)


def main() -> None:
    app(prog_name="python -m local.simulator")


def _settings(path: Path | None, wire: WireName | None) -> Config:
    try:
        settings = load_config(path)
        return settings if wire is None else settings.model_copy(update={"wire": wire})
    except (OSError, ValidationError) as error:
        raise _fail(f"config {path}: {_reason(error)}") from None


def _reason(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return "; ".join(
        f"{'.'.join(str(step) for step in problem['loc']) or 'file'}: {problem['msg']}"
        for problem in error.errors()
    )


def _fail(message: str) -> typer.Exit:
    typer.echo(f"simulator: {message}", err=True)
    return typer.Exit(1)
