"""Commands that are forks of one process, which has their imports: those take most of a second of a
core, and a test of what a command says is about what comes after them."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_SERVER = """
import json, os, runpy, sys
for name in sys.argv[1:]:
    __import__(name)
for line in sys.stdin:
    given = json.loads(line)
    child = os.fork()
    if child == 0:
        os.chdir(given["cwd"])
        os.environ.clear()
        os.environ.update(given["environ"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, path in (1, given["out"]), (2, given["err"]):
            os.dup2(os.open(path, os.O_WRONLY | os.O_APPEND), number)
        sys.argv[1:] = given["arguments"]
        runpy.run_module(given["module"], run_name="__main__", alter_sys=True)
        sys.exit()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forks:
    """Runs modules as ``python -m`` does, one at a time; a context manager that ends its process.

    ``imported`` are what is imported before, in ``root`` and with ``environ``.
    """

    def __init__(
        self, root: Path, *imported: str, environ: Mapping[str, str] | None = None
    ) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", _SERVER, *imported],
            cwd=root,
            env={**os.environ, **(environ or {}), "PYTHONPATH": str(root)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that what hangs can be ended with it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        try:
            self._server.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.communicate()

    def run(
        self,
        module: str,
        *arguments: str,
        cwd: Path,
        environ: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end; ``environ`` comes on top of this process's environment."""
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
            given = {
                "module": module,
                "arguments": arguments,
                "cwd": str(cwd),
                "environ": {**os.environ, **(environ or {})},
                "out": out.name,
                "err": err.name,
            }
            self._server.stdin.write(json.dumps(given) + "\n")
            self._server.stdin.flush()
            code = int(self._server.stdout.readline())
            return subprocess.CompletedProcess([module, *arguments], code, out.read(), err.read())
