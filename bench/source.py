"""Both ends of a copy, as cheap as they get: `python -m bench.source PORT`.

`GET /.../videos/mb-N/content` sends an MP4 of N megabytes that passes every check. Block blobs that
are put here are read, counted and thrown away, so that a copy is not measured by its storage.
"""

import sys
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from urllib.parse import urlsplit

MEGABYTE = 1_000_000
_PIECE = 1 << 20
_NO_BLOBS = b"<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"
_NOISE = Random(1).randbytes(_PIECE)


def size_of(megabytes: int) -> int:
    """Bytes of the file of a nominal size; 0 is the smallest movie there is."""
    return max(megabytes * MEGABYTE, len(_movie()))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the name is the standard library's
        parts = urlsplit(self.path)
        if "comp=list" in parts.query:
            self._empty(200, ("content-type", "application/xml"), body=_NO_BLOBS)
            return
        if "variant=" in parts.query and "variant=video" not in parts.query:
            self._empty(404)  # no pictures: only the video is measured
            return
        name = parts.path.split("/")[-2]
        total = size_of(int(name.removeprefix("mb-")))
        head = _stretched(_movie(), total)
        self.send_response(200)
        self.send_header("content-type", "video/mp4")
        self.send_header("content-length", str(total))
        self.end_headers()
        self.wfile.write(head)
        left = total - len(head)
        while left > 0:
            self.wfile.write(memoryview(_NOISE)[: min(left, _PIECE)])
            left -= _PIECE

    def do_PUT(self) -> None:
        left = int(self.headers["content-length"])
        while left > 0:
            left -= len(self.rfile.read(min(left, _PIECE)))
        self._empty(201)

    def do_HEAD(self) -> None:
        self._empty(404, ("x-ms-error-code", "BlobNotFound"))

    def _empty(self, status: int, *headers: tuple[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (("etag", '"0x1"'), ("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.send_header("last-modified", self.date_time_string())
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@lru_cache(maxsize=1)
def _movie() -> bytes:
    from tests.support.movies import movie

    return movie()


def _stretched(movie: bytes, total: int) -> bytes:
    """The movie's beginning up to its media data, which is declared to reach to `total`."""
    at = 0
    while movie[at + 4 : at + 8] != b"mdat":
        at += int.from_bytes(movie[at : at + 4])
    return movie[:at] + (total - at).to_bytes(4) + movie[at + 4 :]


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), _Handler)
    server.daemon_threads = True
    server.serve_forever()


if __name__ == "__main__":
    main()
