"""Asks a host that runs the app of this folder, and keeps the answers.

An answer is `{"status", "headers", "body"}`: of the headers those that mean something to a caller,
the body as JSON where it is JSON.
"""

import json
import re
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from .plain import Plain

Answer = dict[str, Any]

ENDED = frozenset({"Completed", "Failed", "Terminated", "Canceled"})

_HEADERS = frozenset(
    {
        "allow",
        "content-type",
        "etag",
        "location",
        "retry-after",
        "set-cookie",
        "www-authenticate",
        "x-ms-continuation-token",
    }
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_POLL_SECONDS = 0.1


class Prober:
    """One run of questions; `answers` by name."""

    def __init__(self, base_url: str, master_key: str | None, log: Path | None) -> None:
        """Learns the host's management URLs and their key from the app.

        Without `master_key` the host is taken to ask for no keys, as `func start`. `log` is the
        file that its output goes to.
        """
        base = base_url.rstrip("/")
        self.master_key = master_key
        self._log = log
        # an answer that ends its connection must not spoil the next
        self.http = httpx.Client(
            base_url=base, timeout=30, trust_env=False, headers={"Connection": "close"}
        )
        self.answers: dict[str, Any] = {}
        links = self.http.get("/ops/payload/x").raise_for_status().json()
        where = urlsplit(links["statusQueryGetUri"])
        self.root = where.path[: where.path.index("/instances/")]
        self.query = where.query
        parameters = dict(part.split("=", 1) for part in where.query.split("&"))
        self.key = parameters.get("code", "")
        self._plain = Plain({where.netloc, urlsplit(base).netloc}, [self.key, master_key or ""])

    def record(self, name: str, answer: Any) -> None:
        if name in self.answers:
            raise ValueError(f"two questions are named {name}")
        # as it reads back from a file
        self.answers[name] = json.loads(json.dumps(self._plain(answer)))

    # asking

    def ask(self, method: str, path: str, **request: Any) -> Any:
        try:
            response = self.http.request(method, path, **request)
        except httpx.HTTPError as error:
            return {"no answer": type(error).__name__}
        return told(response)

    def hook(self, method: str, path: str, query: str = "", **request: Any) -> Any:
        """Ask the durable webhook, with its key."""
        whole = f"{self.query}&{query}" if query else self.query
        return self.ask(method, f"{self.root}/{path}?{whole}", **request)

    def call(self, method: str, *args: Any) -> Any:
        """What that method of the SDK's client returns or raises."""
        return self.ask("POST", "/ops/call", json={"method": method, "args": args})["body"]

    def start(self, instance_id: str | None, given: Any, name: str = "probe") -> Any:
        path = f"orchestrators/{name}" + (f"/{instance_id}" if instance_id is not None else "")
        return self.hook("POST", path, json=given)

    def event(self, instance_id: str, name: str = "go", **request: Any) -> Any:
        path = f"instances/{instance_id}/raiseEvent/{name}"
        return self.hook("POST", path, **(request or {"json": 1}))

    def operate(self, instance_id: str, operation: str, query: str = "") -> Any:
        return self.hook("POST", f"instances/{instance_id}/{operation}", query)

    def status(self, instance_id: str, query: str = "") -> Any:
        return self.hook("GET", f"instances/{quote(instance_id, safe='')}", query)

    # waiting

    def until(
        self, ask: Callable[[], Answer], holds: Callable[[Answer], bool], seconds: float = 30
    ) -> Answer:
        """Ask again and again; the first answer that holds, or the last one in time."""
        limit = time.monotonic() + seconds
        while True:
            answer = ask()
            if holds(answer) or time.monotonic() > limit:
                return answer
            time.sleep(_POLL_SECONDS)

    def until_status(
        self, instance_id: str, wanted: Collection[str], seconds: float = 30
    ) -> Answer:
        return self.until(
            lambda: self.status(instance_id),
            lambda answer: runtime_status(answer) in wanted,
            seconds,
        )

    def ended(self, instance_id: str, seconds: float = 30) -> Answer:
        """The status once the instance has ended, or after that time if it has not."""
        return self.until_status(instance_id, ENDED, seconds)

    def running(self, instance_id: str, given: Any = None) -> Answer:
        self.start(instance_id, given or {"kind": "wait"})
        return self.until_status(instance_id, {"Running"})

    def until_raised(self, instance_id: str, name: str) -> None:
        """Wait until an event stands in an instance's history."""

        def is_there(answer: Answer) -> bool:
            body = answer.get("body")
            events = body.get("historyEvents") if isinstance(body, dict) else None
            return any(event.get("Name") == name for event in events or [])

        self.until(lambda: self.status(instance_id, "showHistory=true"), is_there)

    def log_text(self) -> str | None:
        if self._log is None:
            return None
        return _COLOURS.sub("", self._log.read_text(errors="replace"))


def told(response: httpx.Response) -> Answer:
    """What is kept of a response."""
    headers = [
        [name.lower(), value]
        for name, value in response.headers.multi_items()
        if name.lower() in _HEADERS or name.lower().startswith("x-probe")
    ]
    body: Any
    try:
        body = response.json()
    except ValueError:
        try:
            body = response.content.decode()
        except UnicodeDecodeError:
            body = {"bytes": response.content.hex()}
    return {"status": response.status_code, "headers": sorted(headers), "body": body}


def runtime_status(answer: Answer) -> str | None:
    body = answer.get("body")
    return body.get("runtimeStatus") if isinstance(body, dict) else None


def brief(answer: Answer) -> Answer:
    """A list's answer with ids and statuses alone."""
    body = answer.get("body")
    if isinstance(body, list):
        body = [[each["instanceId"], each["runtimeStatus"]] for each in body]
    headers = [header for header in answer["headers"] if header[0] != "x-ms-continuation-token"]
    return {"status": answer["status"], "headers": headers, "body": body}
