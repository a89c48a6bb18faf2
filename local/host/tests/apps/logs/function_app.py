# mypy: ignore-errors
"""Lines logged from every place where code of an app may run."""

import asyncio
import logging
import threading

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

logging.getLogger("at.import").warning("line: import")
print("line: print at import")


def log(place: str) -> None:
    logging.getLogger(f"at.{place}").warning("line: %s", place)


async def alog(place: str) -> None:
    log(place)


def in_thread(run) -> None:
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@app.route(route="coroutine")
async def coroutine(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    log("coroutine")
    await asyncio.create_task(alog("task"))
    await asyncio.gather(alog("gathered"))
    await asyncio.to_thread(log, "to_thread")
    await asyncio.get_running_loop().run_in_executor(None, log, "executor")

    def cured() -> None:
        context.thread_local_storage.invocation_id = context.invocation_id
        log("cured")

    await asyncio.to_thread(cured)
    print("line: print in a coroutine")

    async def later() -> None:
        await asyncio.sleep(0.2)
        log("later")

    app.kept = asyncio.create_task(later())
    return func.HttpResponse(context.invocation_id)


@app.route(route="sync")
def sync(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    log("sync")
    in_thread(lambda: log("own_thread"))
    return func.HttpResponse(context.invocation_id)


@app.orchestration_trigger(context_name="context")
def orchestrator(context):
    log("orchestrator")
    yield context.call_activity("activity", 1)


@app.activity_trigger(input_name="value")
def activity(value: int) -> int:
    log("activity")
    return value


WOKEN = asyncio.Event()


@app.route(route="waits")
async def waits(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    async def log_when_woken() -> None:
        await WOKEN.wait()
        log("woken")

    log("waits")
    await asyncio.create_task(log_when_woken())
    return func.HttpResponse(context.invocation_id)


@app.route(route="wakes")
async def wakes(req: func.HttpRequest) -> func.HttpResponse:
    WOKEN.set()
    await asyncio.sleep(0.2)  # the other goes on while this one runs
    return func.HttpResponse("done")
