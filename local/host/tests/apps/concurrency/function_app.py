# mypy: ignore-errors
"""Functions that block, and a count of how many run at a time."""

import asyncio
import threading
import time

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

lock = threading.Lock()
running = 0
most = 0


@app.orchestration_trigger(context_name="context")
def fan_out(context):
    yield context.task_all([context.call_activity("busy", n) for n in range(12)])
    return (yield context.call_activity("most_at_a_time", None))


@app.activity_trigger(input_name="n")
def busy(n: int) -> None:
    global running, most
    with lock:
        running += 1
        most = max(most, running)
    time.sleep(0.03)
    with lock:
        running -= 1


@app.activity_trigger(input_name="nothing")
def most_at_a_time(nothing) -> int:
    return most


blocked = threading.Semaphore(0)
released = threading.Event()
loop_is_blocked = threading.Event()


@app.route(route="block")
def block(req: func.HttpRequest) -> func.HttpResponse:
    blocked.release()
    released.wait(timeout=60)
    return func.HttpResponse("unblocked")


@app.route(route="release/{count:int}")
async def release(req: func.HttpRequest) -> func.HttpResponse:
    """Unblock once that many are blocked."""
    while blocked._value < int(req.route_params["count"]):  # noqa: ASYNC110  no loop of its own
        await asyncio.sleep(0.01)
    if "now" in req.params:
        released.set()
    return func.HttpResponse("done")


@app.route(route="block_async")
async def block_async(req: func.HttpRequest) -> func.HttpResponse:
    loop_is_blocked.set()
    released.clear()
    released.wait(timeout=60)  # the mistake at hand
    loop_is_blocked.clear()
    return func.HttpResponse("unblocked")


@app.route(route="release_async")
def release_async(req: func.HttpRequest) -> func.HttpResponse:
    was_blocked = loop_is_blocked.wait(timeout=60)
    released.set()
    return func.HttpResponse(str(was_blocked))


@app.route(route="ping")
def ping(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(f"{threading.current_thread().name} {loop_is_blocked.is_set()}")
