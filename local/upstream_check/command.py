"""The command line of a check."""

from __future__ import annotations

import os
from contextlib import closing
from typing import Annotated, cast

import typer

from local.processes import StackError
from shared.domain.profiles import PROFILES, ProfileName

DEFAULT_KEY = "UPSTREAM_KEY"
_PROFILES = ", ".join(PROFILES)

group = typer.Typer(help="Servers that render.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    app.add_typer(group, name="upstream")


@group.callback()
def _group() -> None:
    """Servers that render."""


@group.command()
def check(
    url: Annotated[str, typer.Argument(help="Its address, with or without /v1 and the like.")],
    profile: Annotated[str, typer.Option(help=f"{_PROFILES}; else it is guessed.")] = "",
    model: Annotated[str, typer.Option(help="The server's own name of the model.")] = "",
    key_setting: Annotated[
        str, typer.Option(help="The environment variable, and the app's setting, with the key.")
    ] = DEFAULT_KEY,
    render: Annotated[bool, typer.Option("--render", help="One clip; it costs money.")] = False,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT; the smallest.")] = "",
    seconds: Annotated[int, typer.Option(min=0, help="Its length; the shortest.")] = 0,
    patience: Annotated[float, typer.Option(help="Minutes until a render is given up.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Look at a server of /v1/videos: what it can do, which promises hold, its UPSTREAMS entry.

    Creates nothing without --render. Exits with 1 if the server cannot be used.
    """
    if profile and profile not in PROFILES:
        raise StackError(f"There is no profile {profile!r}. There are: {_PROFILES}.")
    from local.upstream_check import entry as entries
    from local.upstream_check import report
    from local.upstream_check.checkup import Checkup
    from local.upstream_check.findings import is_usable
    from local.upstream_check.promises import promises

    key = os.environ.get(key_setting, "")
    if not key and key_setting != DEFAULT_KEY:
        raise StackError(f"{key_setting} is not in the environment; it is to hold the key.")
    with closing(Checkup(entries.target(url), key, key_setting if key else None)) as checkup:
        for finding in checkup.run(
            cast("ProfileName | None", profile or None),
            model,
            entries.Takes(entries.sizes(size), [seconds] if seconds else []),
            patience * 60 if render else None,
        ):
            if not as_json:
                print(report.of_finding(finding), flush=True)
        entry, findings = checkup.entry(), checkup.findings
    held = promises(checkup.profile, entries.validated(entry).speaks)
    if as_json:
        print(report.as_json(url, findings, held, entry))
    else:
        print("\n".join(report.closing(findings, held, entry)))
    if not is_usable(findings):
        raise typer.Exit(1)
