"""``python -m local.host --app DIR``: run an app folder until Ctrl-C."""

import argparse
import sys
from pathlib import Path

from local.host.config import ConfigError
from local.host.durable.store import StoreError
from local.host.index import IndexingError
from local.host.keys import Auth
from local.host.log import LEVELS
from local.host.server import Options, PortInUseError, serve


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and serve; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m local.host",
        description="Run a Python v2 (Durable) Azure Functions app on this machine.",
    )
    parser.add_argument(
        "--app", type=Path, required=True, help="folder with function_app.py and host.json"
    )
    parser.add_argument("--port", type=int, default=7071, help="0 takes any free port")
    state = parser.add_mutually_exclusive_group()
    state.add_argument(
        "--state-dir", type=Path, help="keep orchestrations, entities and timers in this folder"
    )
    state.add_argument(
        "--ephemeral", action="store_true", help="keep everything in memory (the default)"
    )
    parser.add_argument(
        "--settings", type=Path, help="local.settings.json to read instead of the app's own"
    )
    parser.add_argument(
        "--auth",
        type=Auth,
        choices=list(Auth),
        default=Auth.FUNCTIONS,
        help="ask for keys as functions' AuthLevel says (functions), for the admin and webhook"
        " endpoints too (all), or never, as 'func start' (off)",
    )
    parser.add_argument("--log-level", choices=LEVELS, default="info")
    parser.add_argument(
        "--drop-events",
        type=_probability,
        default=0.0,
        metavar="P",
        help="lose external events with this probability",
    )
    parser.add_argument(
        "--rpc-origin",
        metavar="URL",
        help="where the durable client sends its requests, for a proxy in between"
        " [default: this host]",
    )
    parser.add_argument("--seed", type=int, help="makes --drop-events repeatable")
    options = parser.parse_args(arguments)
    try:
        return serve(
            Options(
                app=options.app,
                port=options.port,
                state_dir=options.state_dir,
                settings=options.settings,
                auth=options.auth,
                drop_events=options.drop_events,
                rpc_origin=options.rpc_origin,
                seed=options.seed,
                log_level=options.log_level,
            )
        )
    except (PortInUseError, ConfigError, IndexingError, StoreError) as error:
        print(f"local.host: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:  # before it serves; from then on SIGINT is a clean stop
        return 130


def _probability(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return value


if __name__ == "__main__":
    sys.exit(main())
