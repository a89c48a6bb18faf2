"""The questions, in the order in which they are asked: some need those before them."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from ..prober import Prober
from .client import client
from .entities import entities
from .http import requests, responses, routes
from .keys import auth
from .kinds import kinds
from .lists import lists, purges
from .logs import logs
from .starting import events, starts
from .states import states

GROUPS: tuple[Callable[[Prober], None], ...] = (
    routes,
    requests,
    responses,
    auth,
    starts,
    events,
    kinds,
    states,
    client,
    entities,
    logs,
    lists,
    purges,
)


def ask(
    base_url: str, *, master_key: str | None = None, log: Path | None = None, only: str = ""
) -> dict[str, Any]:
    """Ask a host that runs the app from an empty task hub; its answers by name.

    Without `master_key` nothing is asked about keys and names, without `log` nothing about logs.
    `only` picks the groups whose name contains it. Raises `httpx.HTTPError` if the host is not
    there.
    """
    prober = Prober(base_url, master_key, log)
    with closing(prober.http):
        for group in GROUPS:
            if only in group.__name__:
                group(prober)
    return prober.answers
