"""The load generator: a separate process that receives loads and returns outcomes."""

import asyncio
import gc
import os
import sys
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from serving.load import Run, closed_loop
from serving.load_grpc import grpc_loop
from serving.load_open import open_loop
from serving.target import Load, Outcome

TIMEOUT_SECONDS = 20


def perform(load: Load) -> Outcome:
    """Return the outcome of a load."""
    run, work = Run(load), _loop(load)
    gc.collect()
    gc.disable()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        uvloop.run(asyncio.wait_for(work(run), load.seconds + TIMEOUT_SECONDS))
    except TimeoutError:
        run.error = f"no response within {TIMEOUT_SECONDS} s"
    except Exception as error:
        run.error = f"{type(error).__name__}: {error}"
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    gc.enable()
    answers = (run.numbers, run.statuses, run.bodies, run.latencies)
    return Outcome(*answers, wall, cpu / wall, run.error)


def _loop(load: Load) -> Callable[[Run], Coroutine[Any, Any, None]]:
    if load.rate:
        return open_loop
    return grpc_loop if load.target.grpc_method else closed_loop


def main() -> None:
    """Run loads on the core given as the first argument, until the parent closes the connection."""
    with suppress(AttributeError, OSError):  # not every system can pin
        os.sched_setaffinity(0, {int(sys.argv[1])})
    with suppress(EOFError, KeyboardInterrupt), Connection(int(sys.argv[2])) as parent:
        while True:
            parent.send(perform(parent.recv()))


if __name__ == "__main__":
    main()
