# mypy: ignore-errors
"""Timer triggers."""

import json
import time

import azure.durable_functions as df
import azure.functions as func

app = df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS)

ticks: list[dict] = []


def note(name: str, timer: func.TimerRequest) -> None:
    ticks.append({"name": name, "at": time.time(), "past_due": timer.past_due})


@app.timer_trigger(schedule="* * * * * *", arg_name="timer")
def every_second(timer: func.TimerRequest) -> None:
    note("every_second", timer)


@app.timer_trigger(schedule="%YEARLY%", arg_name="timer", run_on_startup=False)
async def yearly(timer: func.TimerRequest) -> None:
    note("yearly", timer)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer", run_on_startup=True)
def at_startup(timer: func.TimerRequest) -> None:
    note("at_startup", timer)


@app.timer_trigger(schedule="%MISSING%", arg_name="timer")
def without_setting(timer: func.TimerRequest) -> None:
    note("without_setting", timer)


@app.timer_trigger(schedule="every now and then", arg_name="timer")
def without_schedule(timer: func.TimerRequest) -> None:
    note("without_schedule", timer)


@app.timer_trigger(schedule="0 0 0 1 1 *", arg_name="timer")
@app.durable_client_input(client_name="client")
async def starts(timer: func.TimerRequest, client) -> None:
    await client.start_new("orchestration", "started-by-timer")


@app.orchestration_trigger(context_name="context")
def orchestration(context):
    return "done"


@app.route(route="ticks")
def get_ticks(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(ticks))
