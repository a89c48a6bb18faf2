"""A real browser without a package: Chromium over its own debugging pipe."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

_LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(each), fcntl.F_DUPFD, 10) for each in sys.argv[1:3]]
os.dup2(ends[0], 3)  # where Chromium reads from
os.dup2(ends[1], 4)  # where it writes to
os.execv(sys.argv[3], sys.argv[3:])
"""

NAMES = ("chromium", "chromium-browser", "google-chrome")


def find() -> str | None:
    """Where Chromium is on this machine, if it is."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One page; `problems` are what the browser complained about (blocked by policy, errors)."""

    def __init__(self, to_browser: BinaryIO, from_browser: BinaryIO) -> None:
        self._out, self._in = to_browser, from_browser
        self._last = 0
        self._session: str | None = None
        self.problems: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of an expression, promises awaited."""
        answer = self._call(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def until(self, script: str, *, seconds: float = 10) -> Any:
        """The value of an expression as soon as it is true."""
        return self.run(
            f"""new Promise((done, fail) => {{
              const limit = performance.now() + {seconds * 1000};
              const look = () => {{
                let value;
                try {{ value = {script}; }} catch (error) {{ value = undefined; }}
                if (value) done(value);
                else if (performance.now() > limit) fail(new Error({json.dumps(script)}));
                else setTimeout(look, 20);
              }};
              look();
            }})"""
        )

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._out.write(json.dumps(message).encode() + b"\0")
        self._out.flush()
        while True:
            received = self._receive()
            if received.get("id") == self._last:
                assert "error" not in received, received["error"]
                result: dict[str, Any] = received["result"]
                return result
            self._note(received)

    def _note(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Log.entryAdded":
            entry = event["params"]["entry"]
            if entry["level"] == "error":
                self.problems.append(entry["text"])
        elif event.get("method") == "Runtime.exceptionThrown":
            self.problems.append(str(event["params"]["exceptionDetails"]))

    def _receive(self) -> dict[str, Any]:
        message = bytearray()
        while (byte := self._in.read(1)) not in (b"\0", b""):
            message += byte
        assert message, "Chromium has ended"
        received: dict[str, Any] = json.loads(message)
        return received


@contextmanager
def browser(executable: str, profile: Path) -> Iterator[Page]:
    """A page in a fresh Chromium, which ends with the block."""
    to_browser, from_browser = os.pipe(), os.pipe()
    flags = [
        "--headless",
        "--no-sandbox",  # tests may run as root; the page is our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--remote-debugging-pipe",
        f"--user-data-dir={profile}",
    ]
    descriptors = [str(to_browser[0]), str(from_browser[1])]
    process = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH, *descriptors, executable, *flags],
        pass_fds=(to_browser[0], from_browser[1]),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_browser[0])
    os.close(from_browser[1])
    with os.fdopen(to_browser[1], "wb") as to, os.fdopen(from_browser[0], "rb") as back:
        try:
            yield Page(to, back)
        finally:
            process.terminate()
            process.wait(timeout=10)
