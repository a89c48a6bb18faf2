"""`make faults`: runs the whole matrix, prints every scenario that fails and the counts, and
compares them with the product that was to be run; zero losses and duplicates is the only pass."""

from __future__ import annotations

import multiprocessing
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from multiprocessing.queues import Queue
from pathlib import Path
from queue import Empty
from typing import Annotated, get_args

import httpx
import typer
from azure.core.exceptions import AzureError

from local.signals import end_on_signals
from tests.faults import profiles
from tests.faults.batches import BatchScenario, batch_scenarios, effects_of_a_clean_batch
from tests.faults.crowds import CrowdScenario, crowd_scenarios
from tests.faults.gate import When
from tests.faults.matrix import BOTH
from tests.faults.rig import Rig, Survives
from tests.faults.scenarios import (
    IMAGE,
    CancelScenario,
    FaultScenario,
    HostsScenario,
    KillScenario,
    Outcome,
    effects_of_a_clean_cancel,
    effects_of_a_clean_run,
    fault_scenarios,
)
from tests.faults.succession import (
    SuccessionScenario,
    effects_of_a_clean_move,
    succession_scenarios,
)

Scenario = (
    FaultScenario
    | KillScenario
    | CancelScenario
    | BatchScenario
    | SuccessionScenario
    | HostsScenario
    | CrowdScenario
)

_HOSTS = HostsScenario(seed=20261129, hosts=3)


def main(
    only: Annotated[str, typer.Option(help="Names that hold this text.")] = "",
    kind: Annotated[
        str, typer.Option(help="all, or one: faults, kills, batches, moves, crowds, hosts.")
    ] = "all",
    everything: Annotated[
        bool, typer.Option("--all", help="Every fault and every kill for every profile: hours.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Stacks side by side.")] = 3,
    verbose: Annotated[bool, typer.Option(help="Print every scenario.")] = False,
) -> None:
    """Break the product in every way that is known, and judge what it leaves behind."""
    end_on_signals()
    began = time.monotonic()
    planned: list[Scenario] = []
    if kind in ("all", "faults"):
        planned += fault_scenarios(everywhere=everything)
    faults = len(planned)
    if kind in ("all", "kills"):
        planned += kill_points(*_effects(profiles.NAMES if everything else ()))
    print(f"{faults} faults x columns, {len(planned) - faults} kill points", flush=True)
    if kind in ("all", "batches"):
        batches = batch_scenarios(_effects_of_a_batch())
        print(f"{len(batches)} kill points of a batch", flush=True)
        planned += batches
    if kind in ("all", "moves"):
        moves = succession_scenarios(_effects_of_a_move())
        print(f"{len(moves)} kill points of a move to a successor", flush=True)
        planned += moves
    if kind in ("all", "crowds"):
        crowds = crowd_scenarios()
        print(f"{len(crowds)} columns in crowds", flush=True)
        planned[:0] = crowds
    if kind in ("all", "hosts"):
        print(f"one round among {_HOSTS.hosts} hosts", flush=True)
        planned.insert(0, _HOSTS)  # the longest of them
    chosen = [scenario for scenario in planned if only in scenario.name]
    outcomes = run(chosen, workers, verbose=verbose)
    failed = [outcome for outcome in outcomes if outcome.breaches]
    beyond = sum(1 for outcome in outcomes if not outcome.reached)
    print(
        f"{len(outcomes)} of {len(chosen)} scenarios run, {len(failed)} failed, "
        f"{beyond} kill points beyond the end of their run, "
        f"{time.monotonic() - began:.0f} s with {workers} stacks"
    )
    for outcome in failed:
        print(f"\nFAILED {outcome.name}")
        for breach in outcome.breaches:
            print(f"  {breach}")
        print(outcome.log)
    sys.exit(1 if failed or len(outcomes) != len(chosen) else 0)


def _effects(more: Sequence[str]) -> tuple[dict[str, int], dict[str, int]]:
    """How many effects a clean job has in each shape, `more` among them, and a clean cancel."""
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        jobs = {shape: effects_of_a_clean_run(rig, shape) for shape in (*BOTH, IMAGE, *more)}
        cancels = {shape: effects_of_a_clean_cancel(rig, shape) for shape in BOTH}
    print(", ".join(f"{count} effects in a clean {name} job" for name, count in jobs.items()))
    print(", ".join(f"{count} effects in cancelling {name}" for name, count in cancels.items()))
    return jobs, cancels


def _effects_of_a_batch() -> int:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        effects = effects_of_a_clean_batch(rig)
    print(f"{effects} effects in a clean batch of two")
    return effects


def _effects_of_a_move() -> range:
    with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
        effects = effects_of_a_clean_move(rig)
    print(f"{len(effects)} effects in a clean move to a successor")
    return effects


def kill_points(jobs: Mapping[str, int], cancels: Mapping[str, int]) -> list[Scenario]:
    """A kill before and after each effect of a clean run, for each shape of job, and of each clean
    cancel. Where the host's own state survives, a worker goes on sooner and finds the same: there
    each effect is cut once, before it or after it in turn."""
    of_jobs = [
        KillScenario(shape, survives, number, when)
        for survives in get_args(Survives)
        for shape, count in jobs.items()
        if shape != IMAGE or survives == "tables"
        for number in range(1, count + 1)
        for when in get_args(When)
        if survives == "tables" or (number % 2 == 0) == (when == "before")
    ]
    of_cancels = [
        CancelScenario(shape, number, when)
        for shape, count in cancels.items()
        for number in range(1, count + 1)
        for when in get_args(When)
    ]
    return [*of_jobs, *of_cancels]


def run(planned: list[Scenario], workers: int, *, verbose: bool) -> list[Outcome]:
    """Run scenarios on several stacks at once; what each of them came to."""
    context = multiprocessing.get_context("spawn")
    todo: Queue[Scenario | None] = context.Queue()
    done: Queue[Outcome | None] = context.Queue()
    for scenario in planned:
        todo.put(scenario)
    for _ in range(workers):
        todo.put(None)
    processes = [context.Process(target=_work, args=(todo, done)) for _ in range(workers)]
    for process in processes:
        process.start()
    outcomes: list[Outcome] = []
    running = workers
    try:
        while running and any(process.is_alive() for process in processes):
            try:
                outcome = done.get(timeout=5)
            except Empty:
                continue
            if outcome is None:
                running -= 1
                continue
            outcomes.append(outcome)
            mark = "FAILED" if outcome.breaches else "ok"
            if verbose or outcome.breaches:
                print(f"{mark:<7}{outcome.seconds:5.1f} s  {outcome.name}", flush=True)
            elif len(outcomes) % 50 == 0:
                print(f"{len(outcomes)} of {len(planned)}", flush=True)
        for process in processes:
            process.join()
    except KeyboardInterrupt:
        print(f"interrupted after {len(outcomes)} of {len(planned)}", flush=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()  # each ends its stack
        todo.cancel_join_thread()  # nobody reads what is left
        sys.exit(130)
    return outcomes


def _work(todo: Queue[Scenario | None], done: Queue[Outcome | None]) -> None:
    """One stack, for as long as there is something to do."""
    end_on_signals()
    try:
        with tempfile.TemporaryDirectory() as folder, Rig(Path(folder)) as rig:
            while (scenario := todo.get()) is not None:
                done.put(_told(scenario, rig))
    except KeyboardInterrupt:
        return  # a Ctrl-C reaches every process; the first one says so
    finally:
        done.put(None)


def _told(scenario: Scenario, rig: Rig) -> Outcome:
    """What a scenario came to; one that breaks the harness has failed, and the next one runs."""
    began = time.monotonic()
    try:
        return scenario.run(rig)
    except (httpx.HTTPError, AzureError, OSError):
        broken = ["the harness broke", *traceback.format_exc().splitlines()]
        return Outcome(scenario.name, broken, time.monotonic() - began)
