# mypy: ignore-errors
"""The app that is asked: an orchestrator of many behaviours, activities, an entity, HTTP functions.

The names matter: a host sorts functions by name, and the first route that matches wins.
`a_order_all` is a catch-all that hides later routes, `zzz_root` is one that hides nothing.
"""

import asyncio
import json
import logging
from datetime import datetime, timedelta

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)
log = logging.getLogger("probe")
attempts = {}


# orchestrations


@app.orchestration_trigger(context_name="context")
def probe(context: df.DurableOrchestrationContext):
    given = context.get_input() or {}
    kind = given.get("kind", "echo")
    if kind == "echo":
        return given
    if kind == "value":
        return given.get("value")
    if kind == "wait":
        return (yield context.wait_for_external_event("go"))
    if kind == "two":
        first = yield context.wait_for_external_event("a")
        second = yield context.wait_for_external_event("b")
        return [first, second]
    if kind == "same twice":
        first = yield context.wait_for_external_event("go")
        second = yield context.wait_for_external_event("go")
        return [first, second]
    if kind == "timer":
        yield context.create_timer(after(context, given["seconds"]))
        return "fired"
    if kind == "any":
        event = context.wait_for_external_event("go")
        timer = context.create_timer(after(context, given["seconds"]))
        won = yield context.task_any([event, timer])
        if won is event:
            timer.cancel()
            return ["event", event.result]
        return ["timer"]
    if kind == "fan":
        tasks = [context.call_activity("echo", i) for i in range(given["n"])]
        return (yield context.task_all(tasks))
    if kind == "fan none":
        return (yield context.task_all([]))
    if kind == "fan fail":
        fails = context.call_activity("fail", {"id": "fan", "times": 9})
        try:
            return (yield context.task_all([context.call_activity("echo", 1), fails]))
        except Exception as error:  # noqa: BLE001  what the SDK raises
            return [type(error).__name__, str(error)]
    if kind == "activity fails":
        try:
            yield context.call_activity("fail", {"id": "caught", "times": 9})
        except Exception as error:  # noqa: BLE001
            return [type(error).__name__, str(error)]
    if kind == "activity fails uncaught":
        yield context.call_activity("fail", {"id": "uncaught", "times": 9})
    if kind == "activity value":
        return (yield context.call_activity("echo", given["value"]))
    if kind == "activity makes":
        return (yield context.call_activity("make", given["what"]))
    if kind == "activity unknown":
        yield context.call_activity("no_such", 1)
    if kind == "retry":
        options = df.RetryOptions(1000, given["most"])
        call = {"id": f"retry {given['times']}", "times": given["times"]}
        try:
            return (yield context.call_activity_with_retry("fail", options, call))
        except Exception as error:  # noqa: BLE001
            return [type(error).__name__, str(error)]
    if kind == "again":  # counts down by continue_as_new
        if given["n"]:
            context.set_custom_status(f"{given['n']} left")
            context.continue_as_new({**given, "n": given["n"] - 1})
            return None
        return "done"
    if kind == "again with events":  # "hold" is raised before "go": what is left of it afterwards?
        if given.get("second"):
            event = context.wait_for_external_event("hold")
            won = yield context.task_any([event, context.create_timer(after(context, 5))])
            return ["kept", event.result] if won is event else ["lost"]
        yield context.wait_for_external_event("go")
        context.continue_as_new({**given, "second": True})
        return None
    if kind == "sub":
        child = context.call_sub_orchestrator("probe", given.get("input"), given.get("id"))
        return (yield child)
    if kind == "sub caught":
        name = given.get("name", "probe")
        try:
            return (yield context.call_sub_orchestrator(name, given.get("input"), given.get("id")))
        except Exception as error:  # noqa: BLE001
            return [type(error).__name__, str(error)]
    if kind == "custom":
        context.set_custom_status(given["value"])
        return "done"
    if kind == "custom of size":
        context.set_custom_status("x" * given["n"])
        return "done"
    if kind == "size":
        return "x" * given["n"]
    if kind == "raise":
        raise ValueError(given["text"])
    if kind == "not json":
        return {"date": datetime(2020, 1, 2), "set": {1}}[given["what"]]  # noqa: DTZ001
    if kind == "nan":
        return float("nan")
    if kind == "facts":
        return {
            "instance_id": context.instance_id,
            "parent": context.parent_instance_id,
            "zone": str(context.current_utc_datetime.tzinfo),
            "guids differ": context.new_guid() != context.new_guid(),
            "guid is": type(context.new_guid()).__name__,
        }
    if kind == "entity":
        counter = df.EntityId("counter", given["key"])
        context.signal_entity(counter, "add", 2)
        added = yield context.call_entity(counter, "add", 3)
        got = yield context.call_entity(counter, "get")
        try:
            yield context.call_entity(counter, "no such operation")
            failed = None
        except Exception as error:  # noqa: BLE001
            failed = [type(error).__name__, str(error)]
        return [added, got, failed]
    return f"no kind {kind}"


def after(context, seconds):
    return context.current_utc_datetime + timedelta(seconds=seconds)


# activities, an entity, a timer


@app.activity_trigger(input_name="value")
def echo(value):
    log.info("probe-log activity")
    return value


@app.activity_trigger(input_name="given")
def fail(given: dict) -> str:
    attempts[given["id"]] = attempts.get(given["id"], 0) + 1
    if attempts[given["id"]] <= given["times"]:
        raise ValueError(f"bad thing {attempts[given['id']]}")
    return f"after {attempts[given['id']]}"


@app.activity_trigger(input_name="what")
def make(what: str):
    return {
        "none": lambda: None,
        "date": lambda: datetime(2020, 1, 2),  # noqa: DTZ001
        "big": lambda: "y" * 200_000,
        "bytes": lambda: b"abc",
        "empty": lambda: "",
        "text": lambda: '{"a": 1}',
    }[what]()


@app.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext) -> None:
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        value += context.get_input()
        context.set_result(value)
    elif context.operation_name == "get":
        context.set_result(value)
    elif context.operation_name == "delete":
        context.destruct_on_exit()
        return
    else:
        raise ValueError(f"no operation {context.operation_name}")
    context.set_state(value)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=False)
def tick(timer: func.TimerRequest) -> None:
    log.info("probe-log timer past_due=%s", timer.past_due)


# the durable client, by HTTP


def answer(value, status: int = 200) -> func.HttpResponse:
    text = json.dumps(value, default=str)
    return func.HttpResponse(text, status_code=status, mimetype="application/json")


@app.route("ops/payload/{id}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def ops_payload(req: func.HttpRequest, client) -> func.HttpResponse:
    return answer(client.create_http_management_payload(req.route_params["id"]))


@app.route("ops/call", methods=["POST"])
@app.durable_client_input(client_name="client")
async def ops_call(req: func.HttpRequest, client) -> func.HttpResponse:
    """{"method", "args", "kwargs"}: what that method of the client returns or raises."""
    asked = req.get_json()
    args = [
        df.EntityId(*each["entity"]) if isinstance(each, dict) and "entity" in each else each
        for each in asked.get("args", [])
    ]
    try:
        got = await getattr(client, asked["method"])(*args, **asked.get("kwargs", {}))
    except Exception as error:  # noqa: BLE001
        return answer({"raised": type(error).__name__, "text": str(error)})
    for name in ("to_json", "entity_state", "instances_deleted"):
        if hasattr(got, name):
            part = getattr(got, name)
            told = {"returned": type(got).__name__, name: part() if callable(part) else part}
            if name == "entity_state":
                told["exists"] = got.entity_exists
            return answer(told)
    return answer({"returned": got})


@app.route("ops/wait/{id}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def ops_wait(req: func.HttpRequest, client) -> func.HttpResponse:
    return await client.wait_for_completion_or_create_check_status_response(
        req, req.route_params["id"], int(req.params.get("ms", "10000")), 200
    )


@app.route("ops/check/{id}", methods=["GET"])
@app.durable_client_input(client_name="client")
async def ops_check(req: func.HttpRequest, client) -> func.HttpResponse:
    return client.create_check_status_response(req, req.route_params["id"])


# logs


@app.route("ops/log", methods=["GET"])
async def ops_log(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    mark = req.params.get("mark", "")

    def cured() -> None:
        context.thread_local_storage.invocation_id = context.invocation_id
        log.info("probe-log cured-thread %s", mark)

    async def child() -> None:
        log.info("probe-log task %s", mark)

    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("probe-log coroutine-%s %s", level, mark)
    await asyncio.create_task(child())
    await asyncio.to_thread(log.info, "probe-log thread %s", mark)
    await asyncio.to_thread(cured)
    print(f"probe-log print {mark}", flush=True)
    return func.HttpResponse("logged")


@app.route("ops/log-sync", methods=["GET"])
def ops_log_sync(req: func.HttpRequest) -> func.HttpResponse:
    log.info("probe-log sync %s", req.params.get("mark", ""))
    return func.HttpResponse("logged")


# routes: every function says its name and what it was given


def route_function(name: str, route: str, methods: list[str]) -> None:
    def said(req: func.HttpRequest) -> func.HttpResponse:
        return answer(
            {
                "function": name,
                "method": req.method,
                "route": dict(req.route_params),
                "query": dict(req.params),
                "url": req.url,
            }
        )

    said.__name__ = name
    app.route(route=route, methods=methods)(app.function_name(name)(said))


for _name, _route, _methods in [
    ("a_order_all", "order/{*path}", ["GET", "POST"]),
    ("b_order_exact", "order/exact", ["GET", "PUT"]),
    ("c_order_name", "order/{name}", ["GET", "DELETE"]),
    ("m_last_exact", "last/exact", ["GET"]),
    ("n_last_int", "last/{id:int}", ["GET"]),
    ("o_last_name", "last/{name}", ["GET"]),
    ("p_last_all", "last/{*path}", ["GET"]),
    ("methods_get", "methods", ["GET"]),
    ("methods_post", "methods", ["POST"]),
    ("methods_patch", "methods", ["PATCH", "OPTIONS"]),
    ("dup_b", "dup", ["GET"]),
    ("dup_a", "dup", ["GET"]),
    ("caseB", "cased", ["GET"]),
    ("casea", "cased", ["GET"]),
    ("sort_x", "sorted", ["GET"]),
    ("sortx", "sorted", ["GET"]),
    ("optional", "optional/{a}/{b?}", ["GET"]),
    ("optional_int", "optional-int/{a:int?}", ["GET"]),
    ("alpha", "alpha/{a:alpha}", ["GET"]),
    ("length", "length/{a:length(3)}", ["GET"]),
    ("guid", "guid/{a:guid}", ["GET"]),
    ("segment", "segment/x-{a}.json", ["GET"]),
    ("zzz_root", "{*path}", ["GET"]),
]:
    route_function(_name, _route, _methods)


@app.route("no-methods")
def no_methods(req: func.HttpRequest) -> str:
    return req.method


@app.route("auth/function", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def auth_function(req: func.HttpRequest) -> str:
    return "let in"


@app.route("auth/admin", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
def auth_admin(req: func.HttpRequest) -> str:
    return "let in"


# requests and responses


@app.route("req", methods=["GET", "POST", "PUT"])
def request_seen(req: func.HttpRequest) -> func.HttpResponse:
    try:
        parsed = req.get_json()
    except ValueError as error:
        parsed = f"{type(error).__name__}: {error}"
    body = req.get_body()
    shown = ("x-probe", "content-", "cookie")
    return answer(
        {
            "method": req.method,
            "query": dict(req.params),
            "headers": {
                name.lower(): value
                for name, value in req.headers.items()
                if name.lower().startswith(shown)
            },
            "body": body[:40].decode("latin-1"),
            "length": len(body),
            "json": parsed if len(body) < 1000 else "...",
            "form": dict(req.form or {}),
            "url": req.url[:100],
        }
    )


@app.route("resp/{kind}", methods=["GET"])
async def responses(req: func.HttpRequest):  # no annotation: a worker refuses "Any" here
    kind = req.route_params["kind"]
    if kind == "repeats":
        got = func.HttpResponse("r")
        got.headers.add("X-Probe-R", "1")
        got.headers.add("X-Probe-R", "2")
        return got
    if kind == "cookies":
        got = func.HttpResponse("c")
        got.headers.add("Set-Cookie", "a=1; Path=/")
        got.headers.add("Set-Cookie", "b=2; Path=/")
        return got
    if kind == "raise":
        raise ValueError("an exception of the function")
    if kind == "slow":
        await asyncio.sleep(3)
        return "slow"
    return RESPONSES[kind]()


RESPONSES = {
    "str": lambda: "text ü",
    "bytes": lambda: b"bytes",
    "none": lambda: None,
    "dict": lambda: {"a": 1},
    "int": lambda: 7,
    "response": lambda: func.HttpResponse("plain"),
    "empty": lambda: func.HttpResponse(),
    "response-bytes": lambda: func.HttpResponse(b"\x00\xff", mimetype="application/octet-stream"),
    "204": lambda: func.HttpResponse(status_code=204),
    "204-body": lambda: func.HttpResponse("body", status_code=204),
    "304": lambda: func.HttpResponse(status_code=304, headers={"ETag": '"1"'}),
    "302": lambda: func.HttpResponse(status_code=302, headers={"Location": "/elsewhere"}),
    "418": lambda: func.HttpResponse("teapot", status_code=418),
    "503": lambda: func.HttpResponse("later", status_code=503, headers={"Retry-After": "3"}),
    "charset": lambda: func.HttpResponse("ü", mimetype="text/html", charset="latin-1"),
    "content-type-header": lambda: func.HttpResponse(
        "{}", headers={"Content-Type": "application/problem+json"}
    ),
    "headers": lambda: func.HttpResponse(
        "h", headers={"X-Probe-A": "1", "x-probe-b": "two, three", "X-Probe-Empty": ""}
    ),
    "cookie": lambda: func.HttpResponse(
        "c", headers={"Set-Cookie": "a=1; Path=/; HttpOnly; SameSite=Lax; Max-Age=60"}
    ),
    "big": lambda: func.HttpResponse("z" * 1_000_000),
}
