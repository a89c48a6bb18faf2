"""``python -m PACKAGE --app DIR``, or ``start`` in the app's folder: run it until Ctrl-C. ``hub``:
keep the task hub of several hosts."""

import argparse
import os
import signal
import sys
from pathlib import Path

from . import __name__ as package
from .config import ConfigError
from .durable.link import HubGoneError
from .durable.store import StoreError
from .hub import LEASE_SECONDS, HubProcessOptions, serve_hub
from .index import IndexingError
from .keys import Auth
from .log import LEVELS
from .server import CLIENT_LATENCY, STOP_GRACE_SECONDS, Options, PortInUseError, serve


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; the exit code."""
    given = _parser().parse_args(arguments)
    is_start = given.command == "start"
    if is_start == (given.app is not None):
        print(f"{package}: give either --app DIR or the command 'start'", file=sys.stderr)
        return 2
    state_dir = given.state_dir
    if given.command == "hub":
        return _hub(given)
    if is_start and not given.ephemeral and "LOCAL_HOST_STATE_DIR" in os.environ:
        state_dir = state_dir or Path(os.environ["LOCAL_HOST_STATE_DIR"])
    try:
        return serve(
            Options(
                app=Path.cwd() if is_start else given.app,
                port=given.port,
                state_dir=state_dir,
                hub=given.hub,
                grace=given.grace,
                settings=given.settings,
                auth=given.auth or (Auth.OFF if is_start else Auth.FUNCTIONS),
                names_itself_localhost=is_start,
                drop_events=given.drop_events,
                lose_turns=given.lose_turns,
                lose_activities=given.lose_activities,
                rpc_origin=given.rpc_origin,
                seed=given.seed,
                log_level=given.log_level,
            )
        )
    except (PortInUseError, ConfigError, IndexingError, StoreError, HubGoneError) as error:
        print(f"{package}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before it serves; from then on SIGINT is a clean stop
        return 130


def _hub(given: argparse.Namespace) -> int:
    """Keep a task hub; the exit code."""
    if given.state_dir is None:
        print(f"{package}: 'hub' needs --state-dir DIR", file=sys.stderr)
        return 2
    try:
        return serve_hub(
            HubProcessOptions(
                app=given.app,
                state_dir=given.state_dir,
                latency=CLIENT_LATENCY,
                lease=given.lease,
                settings=given.settings,
                log_level=given.log_level,
            )
        )
    except (ConfigError, StoreError) as error:
        print(f"{package}: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m {package}",
        description="Run a Python v2 (Durable) Azure Functions app on this machine.",
    )
    parser.add_argument(
        "command",
        nargs="?",
        choices=["start", "hub"],
        help="start: as 'func start', the app is in the current folder and keys are not asked for;"
        " hub: keep the task hub of several hosts, in --state-dir",
    )
    parser.add_argument("--app", type=Path, help="folder with function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="0 takes any free port")
    state = parser.add_mutually_exclusive_group()
    state.add_argument(
        "--state-dir",
        type=Path,
        help="keep orchestrations, entities and timers in this folder"
        " ['start': default from LOCAL_HOST_STATE_DIR]",
    )
    state.add_argument(
        "--ephemeral", action="store_true", help="keep everything in memory (the default)"
    )
    state.add_argument(
        "--hub",
        type=Path,
        metavar="DIR",
        help="share the task hub in this folder with other hosts",
    )
    parser.add_argument(
        "--grace",
        type=float,
        default=STOP_GRACE_SECONDS,
        metavar="SECONDS",
        help="how long what runs at SIGTERM may go on [%(default)s]",
    )
    parser.add_argument(
        "--lease",
        type=float,
        default=LEASE_SECONDS,
        metavar="SECONDS",
        help="of a hub: how long a silent host keeps the instances that it runs [%(default)s]",
    )
    parser.add_argument(
        "--settings", type=Path, help="local.settings.json to read instead of the app's own"
    )
    parser.add_argument(
        "--auth",
        type=Auth,
        choices=list(Auth),
        help="ask for keys as functions' AuthLevel says (functions, the default), for the admin"
        " and webhook endpoints too (all), or never (off, the default of 'start')",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info")
    faults = parser.add_argument_group("faults, each with a probability")
    faults.add_argument(
        "--drop-events",
        type=_probability,
        default=0.0,
        metavar="P",
        help="lose external events",
    )
    faults.add_argument(
        "--lose-turns",
        type=_probability,
        default=0.0,
        metavar="P",
        help="lose orchestrators' turns, as when the worker dies: the instance fails",
    )
    faults.add_argument(
        "--lose-activities",
        type=_probability,
        default=0.0,
        metavar="P",
        help="lose activities' results, as when the worker dies: the activity fails",
    )
    faults.add_argument("--seed", type=int, help="makes these faults repeatable")
    parser.add_argument(
        "--rpc-origin",
        metavar="URL",
        help="where the durable client sends its requests, for a proxy in between"
        " [default: this host]",
    )
    return parser


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return value


if __name__ == "__main__":
    # a shell has what it starts in the background ignore it
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
