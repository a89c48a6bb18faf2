"""Starting and stopping: apps that cannot be indexed, bad configuration, signals, faults."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import httpx
import pytest

from .. import __name__ as package
from ..testing import HostProcess
from .forks import Forks

ROOT = Path(__file__).resolve().parents[package.count(".") + 2]
QUICKSTART = Path(__file__).parent / "apps" / "quickstart"

GOOD = """
import azure.functions as func
import azure.durable_functions as df
app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
"""


def in_background() -> None:
    """For a child before it begins: as a shell starts something in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Start(Protocol):
    """Runs a host that is expected to end by itself."""

    def __call__(self, app: Path, *arguments: str) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="module")
def start() -> Iterator[Start]:
    with Forks(ROOT, f"{package}.server", f"{package}.hub") as forks:
        yield lambda app, *arguments: forks.run(
            package, "--app", str(app), "--port", "0", *arguments, cwd=ROOT
        )


def write_app(directory: Path, code: str, host: str = '{"version": "2.0"}') -> Path:
    (directory / "function_app.py").write_text(code)
    (directory / "host.json").write_text(host)
    return directory


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def broken(:\n", "Syntax error in {app}/function_app.py, line 1: invalid syntax"),
        (
            "import nonsense_package\n",
            "Cannot find module. Please check the requirements.txt file for the missing module:"
            " No module named 'nonsense_package' (function_app.py, line 1)",
        ),
        ("\nraise ValueError('no config')\n", "ValueError: no config (function_app.py, line 2)"),
        ("x = 1\n", "Could not find top level function app instances in function_app.py."),
        (
            GOOD + "other = func.FunctionApp()\n",
            "More than one DFApp or other top level function app instances are defined.",
        ),
        (
            GOOD + "@app.route(route='a')\ndef f(req: func.HttpRequest): ...\n"
            "@app.route(route='b')\ndef f(req: func.HttpRequest): ...\n",
            "Function f does not have a unique function name.",
        ),
        (
            GOOD + "@app.route(route='a')\ndef f(request: func.HttpRequest): ...\n",
            "cannot load the f function: the following parameters are declared in Python but not"
            " in function.json: {{'request'}}",
        ),
        (
            GOOD + "@app.route(route='a')\ndef f(req: int): ...\n",
            'cannot load the f function: type of req binding in function.json "httpTrigger" does'
            ' not match its Python annotation "int"',
        ),
        (
            GOOD + "@app.route(route='a')\ndef f(req: func.HttpRequest, context: int): ...\n",
            'cannot load the f function: the "context" parameter is expected to be of type'
            " azure.functions.Context, got <class 'int'>",
        ),
        (
            GOOD + "@app.orchestration_trigger(context_name='context')\n"
            "async def orchestrator(context): ...\n",
            "The orchestrator function 'orchestrator' is async: it must be a plain 'def'"
            " generator.",
        ),
        (
            GOOD + "@app.entity_trigger(context_name='context')\nasync def entity(context): ...\n",
            "The entity function 'entity' is async: it must be a plain 'def'.",
        ),
        (
            GOOD + "@app.orchestration_trigger(context_name='ctx')\ndef orchestrator(ctx): ...\n",
            'cannot load the orchestrator function: the "context" parameter is expected',
        ),
        (
            GOOD + "@app.function_name('f')\ndef f(): ...\n",
            "Function f does not have a trigger.",
        ),
    ],
)
def test_an_app_that_cannot_be_indexed(
    start: Start, tmp_path: Path, code: str, message: str
) -> None:
    ended = start(write_app(tmp_path, code))
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    # azure-functions logs a warning of its own for an app without HTTP functions.
    *_warnings, line = ended.stderr.splitlines()
    assert line.startswith(f"{package}: ")
    assert message.replace("{{", "{").replace("}}", "}").replace("{app}", str(tmp_path)) in line


def test_an_empty_folder(start: Start, tmp_path: Path) -> None:
    ended = start(tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == f"{package}: {tmp_path}/host.json does not exist\n"
    (tmp_path / "host.json").write_text("{}")
    assert start(tmp_path).stderr == f"{package}: {tmp_path}/function_app.py does not exist\n"


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("{", "is not valid JSON"),
        ("[]", "does not hold a JSON object"),
        (
            '{"extensions": {"durableTask": {"hubName": "%NO_SUCH_HUB%"}}}',
            "host.json: '%NO_SUCH_HUB%' does not resolve to a value.",
        ),
        (
            '{"extensions": {"durableTask": {"maxConcurrentActivityFunctions": "many"}}}',
            "host.json: invalid literal",
        ),
    ],
)
def test_a_bad_host_json(start: Start, tmp_path: Path, host: str, message: str) -> None:
    ended = start(write_app(tmp_path, GOOD, host))
    assert ended.returncode == 1
    assert message in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_busy_port(start: Start, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        ended = start(QUICKSTART, "--port", str(port))
    assert ended.returncode == 1
    assert ended.stderr == (
        f"{package}: cannot listen on 127.0.0.1:{port}: Address already in use"
        " (is another host running? choose another --port)\n"
    )


def test_a_state_directory_in_use(start: Start, tmp_path: Path) -> None:
    with HostProcess(QUICKSTART, "--state-dir", str(tmp_path)):
        ended = start(QUICKSTART, "--state-dir", str(tmp_path))
    assert ended.returncode == 1
    assert "is another host using it?" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_wrong_arguments(start: Start) -> None:
    for fault in ("--drop-events", "--lose-turns", "--lose-activities"):
        ended = start(QUICKSTART, fault, "2")
        assert ended.returncode == 2
        assert "must be between 0 and 1" in ended.stderr
    assert start(QUICKSTART, "start").returncode == 2
    ended = start(QUICKSTART, "--ephemeral", "--state-dir", "x")
    assert ended.returncode == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_at_once(number: signal.Signals) -> None:
    with HostProcess(QUICKSTART) as host:
        host.process.send_signal(number)
        assert host.process.wait(timeout=60) == 0
        assert "Traceback" not in host.log


def test_ctrl_c_breaks_off_its_start_in_the_background(tmp_path: Path) -> None:
    app = write_app(tmp_path, "import time\nprint('importing', flush=True)\ntime.sleep(600)\n")
    with subprocess.Popen(
        [sys.executable, "-m", package, "--app", str(app), "--port", "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=in_background,
    ) as starting:
        try:
            assert starting.stdout is not None
            assert "importing" in starting.stdout.readline()
            starting.send_signal(signal.SIGINT)
            assert starting.wait(30) in (130, -signal.SIGINT)
        finally:
            starting.kill()


def test_a_signal_ends_it_while_functions_run() -> None:
    with HostProcess(Path(__file__).parent / "apps" / "concurrency") as host:
        with pytest.raises(httpx.TransportError), httpx.Client() as client:
            client.get(f"{host.url}/api/block", timeout=0.3)
        started = time.monotonic()
        assert host.stop() == 0
        assert time.monotonic() - started < 15  # the function blocks for twenty seconds


def test_only_loopback() -> None:
    with HostProcess(QUICKSTART) as host:
        port = int(host.url.rpartition(":")[2])
        with socket.socket() as other, pytest.raises(OSError, match="refused"):
            other.connect(("127.0.0.2", port))


def test_settings(start: Start, tmp_path: Path) -> None:
    code = GOOD + (
        "import os\n"
        "@app.route(route='setting/{name}')\n"
        "def setting(req: func.HttpRequest):\n"
        "    return os.environ.get(req.route_params['name'], 'none')\n"
    )
    app = write_app(tmp_path, code, '{"extensions": {"http": {"routePrefix": "v1/x"}}}')
    settings = {"IsEncrypted": False, "Values": {"A": "from file", "B": "from file", "N": 5}}
    (app / "local.settings.json").write_text(json.dumps(settings))
    with HostProcess(app, environ={"B": "from environment"}) as host:
        for name, value in {"A": "from file", "B": "from environment", "N": "5"}.items():
            assert httpx.get(f"{host.url}/v1/x/setting/{name}").text == value
    other = tmp_path / "other.json"
    other.write_text('{"Values": {"A": "from the other"}}')
    overridden = {"AzureFunctionsJobHost__extensions__http__routePrefix": ""}
    with HostProcess(app, "--settings", str(other), environ=overridden) as host:
        assert httpx.get(f"{host.url}/setting/A").text == "from the other"
        assert httpx.get(f"{host.url}/setting/B").text == "none"
    ended = start(app, "--settings", str(tmp_path / "missing.json"))
    assert ended.returncode == 1
    other.write_text('{"IsEncrypted": true}')
    assert "encrypted" in start(app, "--settings", str(other)).stderr


def test_an_apps_own_modules_come_first(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "__init__.py").write_text("NAME = 'the app'\n")
    (tmp_path / "pyclbr.py").write_text("NAME = 'not the library'\n")
    code = GOOD + (
        "from pyclbr import NAME as OTHER\n"
        "from shared import NAME\n"
        "from pathlib import Path\n"
        "@app.route(route='where')\n"
        "def where(req: func.HttpRequest):\n"
        "    return f'{NAME}, {OTHER}, {Path.cwd()}'\n"
    )
    with HostProcess(write_app(tmp_path, code)) as host:
        assert httpx.get(f"{host.url}/api/where").text == (f"the app, not the library, {tmp_path}")


def test_lost_events_are_repeatable(tmp_path: Path) -> None:
    code = GOOD + (
        "@app.orchestration_trigger(context_name='context')\n"
        "def waits(context):\n"
        "    yield context.wait_for_external_event('never')\n"
    )
    app = write_app(tmp_path, code)

    def lost() -> list[bool]:
        with HostProcess(app, "--drop-events", "0.5", "--seed", "7") as host:
            base = f"{host.url}/runtime/webhooks/durabletask"
            httpx.post(f"{base}/orchestrators/waits/x")
            for n in range(20):
                response = httpx.post(f"{base}/instances/x/raiseEvent/e{n}", json=n)
                assert response.status_code == 202
            return [f"Lost event 'e{n}'" in host.log for n in range(20)]

    first = lost()
    assert 3 < sum(first) < 17
    assert lost() == first


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (
            ["--lose-turns", "1"],
            "Orchestrator function 'steps' failed: One or more errors occurred."
            " (python exited with code 137 (0x89))",
        ),
        (
            ["--lose-activities", "1"],
            "Orchestrator function 'steps' failed: Activity function 'step' failed:"
            " python exited with code 137 (0x89) \n",
        ),
    ],
)
def test_a_worker_that_dies(tmp_path: Path, arguments: list[str], output: str) -> None:
    code = GOOD + (
        "@app.orchestration_trigger(context_name='context')\n"
        "def steps(context):\n"
        "    yield context.call_activity('step', 1)\n"
        "@app.activity_trigger(input_name='value')\n"
        "def step(value: int) -> int:\n"
        "    return value\n"
    )
    with HostProcess(write_app(tmp_path, code), *arguments) as host:
        base = f"{host.url}/runtime/webhooks/durabletask"
        response = httpx.post(f"{base}/orchestrators/steps?timeout=20&pollingInterval=0.1")
        assert response.json()["output"].startswith(output)


def test_the_line_that_tools_wait_for_is_one_write(tmp_path: Path) -> None:
    """Into a file that is the log's, too: a line of the log must not get between it and its end."""
    app = write_app(tmp_path, GOOD)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # it keeps writes apart
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", package, "start", "--port", "0"],
            cwd=app,
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=theirs.fileno(),
            stderr=subprocess.DEVNULL,
        )
        try:
            ours.settimeout(90)
            line = ours.recv(1000).decode()
        finally:
            process.terminate()
            process.wait(timeout=60)
    assert line.startswith("Listening on http://")
    assert line.endswith("\n")


@contextlib.contextmanager
def like_func_start(app: Path, *arguments: str, **environ: str) -> Iterator[str]:
    """Run ``start`` in the app's folder; where it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", package, "start", "--port", "0", *arguments],
        cwd=app,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("Listening on ").strip()
    finally:
        process.terminate()
        process.communicate(timeout=60)


SHOWS_ITSELF = GOOD + (
    "import os\n"
    "@app.route(route='locked', auth_level=func.AuthLevel.ADMIN)\n"
    "def locked(req: func.HttpRequest):\n"
    "    return os.environ['SETTING']\n"
    "@app.route(route='links')\n"
    "@app.durable_client_input(client_name='client')\n"
    "async def links(req: func.HttpRequest, client):\n"
    "    return client.create_http_management_payload('x')['statusQueryGetUri']\n"
    "@app.orchestration_trigger(context_name='context')\n"
    "def waits(context):\n"
    "    yield context.wait_for_external_event('never')\n"
)


def test_start_in_the_apps_folder_is_like_func_start(tmp_path: Path) -> None:
    app = write_app(tmp_path, SHOWS_ITSELF)
    with like_func_start(app, SETTING="from the environment") as url:
        assert httpx.get(f"{url}/api/locked").text == "from the environment"
        port = url.rpartition(":")[2]
        assert httpx.get(f"{url}/api/links").text.startswith(f"http://localhost:{port}/")
    with like_func_start(app, "--auth", "functions") as url:
        assert httpx.get(f"{url}/api/locked").status_code == 401


def test_start_keeps_its_state_where_the_environment_says(tmp_path: Path) -> None:
    app = write_app(tmp_path, SHOWS_ITSELF)
    status = "runtime/webhooks/durabletask/instances/x"
    state = {"LOCAL_HOST_STATE_DIR": str(tmp_path / "state")}
    with like_func_start(app, **state) as url:
        httpx.post(f"{url}/runtime/webhooks/durabletask/orchestrators/waits/x")
    with like_func_start(app, **state) as url:
        assert httpx.get(f"{url}/{status}").status_code == 202
    with like_func_start(app) as url:
        assert httpx.get(f"{url}/{status}").status_code == 404


def test_a_missed_timer_runs_past_due(tmp_path: Path) -> None:
    code = GOOD + (
        "import logging\n"
        "@app.timer_trigger(schedule='0 0 0 1 1 *', arg_name='timer')\n"
        "def yearly(timer: func.TimerRequest) -> None:\n"
        "    logging.info('past due: %s', timer.past_due)\n"
    )
    app = write_app(tmp_path, code)
    state = tmp_path / "state"
    monitor = state / "timers.json"
    with HostProcess(app, "--state-dir", str(state)) as host:
        assert httpx.get(f"{host.url}/admin/host/status").status_code == 200
        assert "past due" not in host.log
        host.stop()
    due = json.loads(monitor.read_text())
    assert due["yearly"].endswith("-01-01T00:00:00.000000Z")
    monitor.write_text(json.dumps({"yearly": "2020-01-01T00:00:00.000000Z"}))
    with HostProcess(app, "--state-dir", str(state)) as host:
        deadline = time.monotonic() + 60
        while "past due: True" not in host.log:
            assert time.monotonic() < deadline, host.log
            time.sleep(0.01)


def test_an_app_without_durable_functions(tmp_path: Path) -> None:
    code = (
        "import azure.functions as func\n"
        "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n"
        "@app.route(route='hello')\n"
        "def hello(req: func.HttpRequest) -> func.HttpResponse:\n"
        "    return func.HttpResponse('hello')\n"
    )
    with HostProcess(write_app(tmp_path, code)) as host:
        assert httpx.get(f"{host.url}/api/hello").text == "hello"
