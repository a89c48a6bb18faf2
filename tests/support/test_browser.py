"""The browser that tests use: it is unpacked once, obeys a page's rules, and ends with its test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local.stack import ROOT
from tests.support.browser import browser
from tests.support.processes import end_all, heed_signals, running_under, until_gone

PAGE = """<!doctype html>
<meta charset="utf-8">
<input id="name"><button>Greet</button><button class="twin">Twin</button>
<button class="twin">Twin</button><p></p>
<script src="page.js"></script><script>document.title = "not allowed"</script>
"""
SCRIPT = """
document.querySelector('button').onclick = () =>
  setTimeout(() => document.querySelector('p').textContent = `Grüße, ${name.value}!`, 200);
const name = document.getElementById('name');
"""


class Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        script = self.path == "/page.js"
        self.send_response(200)
        self.send_header("content-type", "text/javascript" if script else "text/html")
        self.send_header("content-security-policy", "default-src 'self'")
        self.end_headers()
        self.wfile.write((SCRIPT if script else PAGE).encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # as in the base class
        pass


@pytest.fixture
def site() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Site) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        serving.join()


def test_a_page_is_typed_into_clicked_and_pictured(site: str, tmp_path: Path) -> None:
    with browser() as page:
        page.open(site)
        page.fill("#name", "Zoë")
        page.press("#name", "Backspace")
        page.click("text=Greet")
        page.until("document.querySelector('p').textContent")
        assert page.text("p") == "Grüße, Zo!"
        page.screenshot(tmp_path / "page.png")
        assert (tmp_path / "page.png").read_bytes().startswith(b"\x89PNG")


def test_what_a_policy_blocks_and_what_fails_is_a_problem(site: str) -> None:
    with browser() as page:
        page.open(site)
        page.run("void setTimeout(() => { throw new Error('of the page') })")
        while len(page.problems) < 2:
            page.run("document.title")
        blocked, thrown = page.problems
        assert "Content Security Policy" in blocked
        assert thrown == "Error: of the page"
        assert page.run("document.title") == ""


def test_another_origin_is_not_open_to_a_script(site: str) -> None:
    with browser() as page:
        page.open("about:blank")
        assert page.run(f"fetch('{site}').then(() => 'read', () => 'refused')") == "refused"


def test_a_script_or_an_action_that_fails_is_the_tests_failure(site: str) -> None:
    with browser() as page:
        page.open(site)
        with pytest.raises(AssertionError, match="nonsense is not defined"):
            page.run("nonsense")
        with pytest.raises(AssertionError, match="strict mode violation"):
            page.click(".twin")


SLEEPER = """
import time
from tests.support.browser import browser
with browser() as page:
    page.open("about:blank")
    print("open", flush=True)
    time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to find the processes")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])  # SIGTERM is as sudden
def test_nothing_is_left_however_a_test_ends(end: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=heed_signals,
    ) as test:
        started: set[int] = set()
        try:
            assert test.stdout is not None
            assert test.stdout.readline() == "open\n"
            started = running_under(test.pid)
            assert len(started) > 3
            os.kill(test.pid, end)
            until_gone(started)
        finally:
            end_all([*started, test.pid])


UNPACK = """
import { statSync } from "node:fs";
import { unpacked } from "./tests/support/chromium.mjs";
const { executablePath, env } = await unpacked(process.argv[1]);
const sizes = [executablePath, env.FONTCONFIG_FILE].map((file) => statSync(file).size);
console.log(executablePath, ...sizes);
"""


@pytest.mark.skipif(sys.platform != "linux", reason="what is unpacked is for Linux")
def test_several_that_unpack_at_once_each_get_the_whole_browser(tmp_path: Path) -> None:
    command = ["node", "--input-type=module", "-e", UNPACK, str(tmp_path)]
    unpacking = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    found = {each.communicate()[0] for each in unpacking}
    assert [each.returncode for each in unpacking] == [0, 0]
    (one,) = found
    executable, size, _ = one.split()
    assert Path(executable).stat().st_size == int(size)
    assert list(tmp_path.iterdir()) == [Path(executable).parent]
