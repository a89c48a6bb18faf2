"""A local stack whose host sends every request through a gate that counts them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

from local.stack import Ports, Stack
from tests.faults.gate import Effect, Gate

NEVER = "0 0 0 1 1 *"


@contextmanager
def gated(
    folder: Path,
    settings: Mapping[str, str],
    *,
    simulator_config: Path | None = None,
    host_module: str = "local.host",
) -> Iterator[tuple[Stack, Gate]]:
    """The stack, its host started and the timers silent."""
    ports = Ports.any_free()
    stack = Stack(
        folder,
        ports,
        overrides={"SWEEP_SCHEDULE": NEVER, "PURGE_SCHEDULE": NEVER, **settings},
        simulator_config=simulator_config,
        host_module=host_module,
    )
    blob, _, table = ports.azurite
    targets = {
        "blob": blob,
        "table": table,
        "upstream": ports.simulator,
        "durable": ports.functions,
    }
    try:
        stack.start_azurite()
        stack.start_simulator()
        with Gate(targets) as gate:
            through = gate.ports
            stack.rpc_origin = f"http://127.0.0.1:{through['durable']}"
            connection = stack.settings["STORAGE_CONNECTION"]
            for name, port in (("blob", blob), ("table", table)):
                connection = connection.replace(f":{port}/", f":{through[name]}/")
            upstreams = stack.settings["UPSTREAMS"]
            stack.overrides = {
                **stack.overrides,
                "STORAGE_CONNECTION": connection,
                "UPSTREAMS": upstreams.replace(f":{ports.simulator}", f":{through['upstream']}"),
            }
            stack.start_host()
            yield stack, gate
            stack.stop()
    finally:
        stack.stop()


def shapes(effects: Iterable[Effect]) -> Counter[str]:
    """What was asked of storage, without keys and values: `videos: point read`."""
    return Counter(_shape(each) for each in effects if each.target in ("table", "blob"))


def _shape(effect: Effect) -> str:
    parts = urlsplit(effect.path)
    path = unquote(parts.path).split("/", 2)[-1]
    if effect.target == "blob":
        return f"blob: {effect.method.lower()}"
    if path == "$batch":
        return "transaction"
    table = re.split(r"[(]", path)[0]
    if effect.method == "GET":
        point = re.search(r"\(PartitionKey=", path) is not None
        return f"{table}: {'point read' if point else 'range of one partition'}"
    verbs = {"POST": "insert", "PUT": "replace", "PATCH": "merge", "DELETE": "delete"}
    return f"{table}: {verbs.get(effect.method, effect.method.lower())}"
