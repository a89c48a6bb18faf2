# mypy: ignore-errors
"""Fan-out and fan-in, with synchronous and asynchronous activities."""

import asyncio

import azure.durable_functions as df

app = df.DFApp()


@app.orchestration_trigger(context_name="context")
def sum_of_squares(context):
    tasks = [context.call_activity(square, n) for n in range(context.get_input())]
    results = yield context.task_all(tasks)
    return sum(results)


@app.orchestration_trigger(context_name="context")
def sum_of_async_squares(context):
    tasks = [context.call_activity("square_async", n) for n in range(context.get_input())]
    results = yield context.task_all(tasks)
    return sum(results)


@app.activity_trigger(input_name="n")
def square(n: int) -> int:
    return n * n


@app.activity_trigger(input_name="n")
async def square_async(n: int) -> int:
    await asyncio.sleep(0.001)
    return n * n
