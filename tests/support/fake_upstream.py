"""An upstream of the `sora-2` dialect whose every answer a test may replace.

Unlike the simulator it keeps no contract: tests give it what real servers were seen to answer.
"""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar, NoReturn
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Any] | tuple[int, bytes, str]
"""Status and JSON; or status, bytes and their type."""


class DroppedError(Exception):
    """Raised by a create: the connection ends without an answer."""


@dataclass
class FakeUpstream:
    """Answers as OpenAI would, unless one of the functions is replaced."""

    file: bytes
    url: str = ""
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Job id -> the video object; a job is rendered when it is made."""
    requests: list[str] = field(default_factory=list)
    """Method, path and query of every request."""
    sent: list[tuple[str, bytes]] = field(default_factory=list)
    """Content type and body of every create."""
    creating: Callable[[dict[str, Any]], Answer] = lambda job: (200, job)
    polling: Callable[[dict[str, Any]], Answer] = lambda job: (
        200,
        {**job, "status": "completed", "progress": 100},
    )
    listing: Callable[[list[dict[str, Any]]], Answer] = lambda jobs: (
        200,
        {"object": "list", "data": jobs, "has_more": False},
    )
    content: Callable[[bytes, str], Answer] = lambda file, variant: (200, file, "video/mp4")
    missing: Answer = (404, {"error": {"message": "Video not found."}})
    ahead: float = 0.0
    """Seconds by which its clock is ahead of ours."""

    def answer(self, method: str, path: str, kind: str, body: bytes) -> Answer:
        parts = urlsplit(path)
        self.requests.append(f"{method} {path}")
        names = parts.path.strip("/").split("/")[1:]
        if method == "POST":
            self.sent.append((kind, body))
            return self.creating(self.make())
        if names == ["videos"]:
            return self.listing(list(self.jobs.values()))
        job = self.jobs.get(names[1])
        if job is None:
            return self.missing
        if method == "DELETE":
            del self.jobs[names[1]]
            return 200, {"id": names[1], "deleted": True}
        if names[2:] == ["content"]:
            return self.content(self.file, parse_qs(parts.query).get("variant", [""])[0])
        return self.polling(job)

    def make(self, **changes: Any) -> dict[str, Any]:
        """A new job."""
        job = {
            "id": f"vid_{uuid.uuid4().hex}",
            "object": "video",
            "model": "wan",
            "status": "queued",
            "progress": 0,
            "created_at": int(time.time() + self.ahead),
            "completed_at": None,
            "expires_at": None,
            "seconds": "4",
            "size": "1280x720",
            "prompt": "a fox",
            "error": None,
            **changes,
        }
        self.jobs[job["id"]] = job
        return job

    def unmade(self, job: dict[str, Any]) -> NoReturn:
        """For `creating`: the create was lost before it did anything."""
        del self.jobs[job["id"]]
        raise DroppedError

    def looks(self, ending: str) -> list[str]:
        """The GETs whose path ends so, with their queries."""
        return [r for r in self.requests if r.startswith("GET ") and ending in r]


class _Handler(BaseHTTPRequestHandler):
    upstream: ClassVar[FakeUpstream]
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            status, data, *kind = self.upstream.answer(
                self.command, self.path, self.headers.get("content-type", ""), body
            )
        except DroppedError:
            self.close_connection = True
            return
        raw = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", kind[0] if kind else "application/json")
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815  # the library's names

    def date_time_string(self, timestamp: float | None = None) -> str:
        return super().date_time_string(timestamp or time.time() + self.upstream.ahead)

    def log_message(self, *_: Any) -> None:
        """Silent."""


@contextmanager
def serving(file: bytes, kind: type[FakeUpstream] = FakeUpstream) -> Iterator[FakeUpstream]:
    """A fake upstream on loopback, at `/v1`."""
    upstream = kind(file)
    handler = type("Handler", (_Handler,), {"upstream": upstream})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    upstream.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield upstream
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
