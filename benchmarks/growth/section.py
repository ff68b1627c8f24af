"""`growth`: latency and CPU by load and by length of the log; start-up times and memory."""

import argparse
import time
from collections.abc import Sequence
from functools import partial

from bench_report import median, note, say, table
from serving.cells import Cell, measure
from serving.endpoint import Endpoint
from serving.ours import StackHome, endpoints, our_path
from serving.processes import MICROSECONDS, LoadGenerator, cpu_seconds, memory, pin
from serving.section import prepared
from serving.subject import Subject
from serving.target import Load

from growth.log_size import OBJECT_RECORDS, LogFiller, size
from growth.start import Start, measured

RATES = (10, 100, 1_000)
RATE_SECONDS, QUICK_RATE_SECONDS = 8.0, 3.0
LEVELS, QUICK_LEVELS = (1, 10_000, 1_000_000, 10_000_000), (1, 100_000)
LEVEL_SECONDS, QUICK_LEVEL_SECONDS = 3.0, 1.0
ROUNDS, QUICK_ROUNDS = 4, 2
STARTS, QUICK_STARTS = 3, 1
CONNECTIONS, CLIENTS = 64, 16
IDLE_SECONDS = 3.0
FLAT = 1.25
START_TARGETS = {"gateway": 2.0, "inference service": 3.0}


def run(options: argparse.Namespace) -> bool:
    """Measure everything on the platform's path."""
    with prepared() as (home, online, subject, generator):
        _starts(home, QUICK_STARTS if options.quick else STARTS)
        with our_path(home, online) as processes:
            ours = endpoints(home, subject, processes)[0]
            _memory(ours, "idle, just started")
            measure(generator, ours, Load(ours.target, CLIENTS, 2.0), subject)
            _offered(generator, ours, subject, options.quick)
            _log(generator, ours, subject, home, options.quick)
            _memory(ours, "idle, after the load")
    return True


def _starts(home: StackHome, count: int) -> None:
    found: dict[str, list[Start]] = {"inference service": [], "gateway": []}
    for number in range(count):
        for name, start in measured(home).items():
            found[name].append(start)
        say(f"  start {number + 1} of {count} done")
    rows = []
    for name, starts in found.items():
        total, imports, rest = (
            median([getattr(start, what) for start in starts])
            for what in ("total", "imports", "rest")
        )
        target = START_TARGETS[name]
        verdict = "held" if rest <= target else f"missed by {rest - target:.1f} s"
        rows.append([name, total, imports, rest, f"<= {target:g}", verdict])
    header = ["", "ready after s", "imports s", "other s", "target", "verdict"]
    table(f"start, medians of {count}", header, rows)


def _memory(ours: Endpoint, title: str) -> None:
    rows = [[name, *memory(pid)] for name, pid in ours.processes.items()]
    table(f"memory, {title}", ["", "PSS MiB", "RSS MiB"], rows)


def _offered(generator: LoadGenerator, ours: Endpoint, subject: Subject, quick: bool) -> None:
    seconds, rounds = (QUICK_RATE_SECONDS, 1) if quick else (RATE_SECONDS, ROUNDS // 2)
    idle = _idle(ours)
    cells: dict[int, list[Cell]] = {rate: [] for rate in RATES}
    for _ in range(rounds):
        for rate in RATES:
            # Servers close connections without requests.
            load = Load(ours.target, min(CONNECTIONS, rate), seconds, rate)
            cells[rate].append(measure(generator, ours, load, subject))
        say("  a round of rates done")
    rows = [
        [f"{rate:,}", *_figures(cells[rate]), _beyond(cells[rate], idle, seconds)] for rate in RATES
    ]
    header = ["offered/s", "answered/s", "p50 ms", "p99 ms", "CPU us/request", "beyond idle us"]
    table(f"requests offered at a steady rate, {seconds:g} s each", header, rows)
    note(f"idle, all our processes use {1000 * idle:.1f} ms of CPU per second")
    _flat("offered", [cells[rate] for rate in RATES])


def _idle(ours: Endpoint) -> float:
    """Return CPU seconds per second without any request."""
    pin(ours.processes.values())
    before = sum(cpu_seconds(ours.processes).values())
    time.sleep(IDLE_SECONDS)
    return (sum(cpu_seconds(ours.processes).values()) - before) / IDLE_SECONDS


def _beyond(cells: Sequence[Cell], idle: float, seconds: float) -> float:
    spare = [MICROSECONDS * idle * seconds / cell.requests for cell in cells]
    return median([cell.total_cpu - s for cell, s in zip(cells, spare, strict=True)])


def _figures(cells: Sequence[Cell]) -> list[float]:
    columns = ("rate", "p50", "p99", "total_cpu")
    return [median([getattr(cell, name) for cell in cells]) for name in columns]


def _log(
    generator: LoadGenerator, ours: Endpoint, subject: Subject, home: StackHome, quick: bool
) -> None:
    levels = QUICK_LEVELS if quick else LEVELS
    seconds, rounds = (QUICK_LEVEL_SECONDS, QUICK_ROUNDS) if quick else (LEVEL_SECONDS, ROUNDS)
    filler, load = LogFiller(home), partial(Load, ours.target)
    cells: dict[int, list[Cell]] = {level: [] for level in levels}
    sizes = {}
    for number in range(rounds):
        for level in levels if number % 2 == 0 else levels[::-1]:
            filler.fill(level)
            sizes[level] = size(home.folder)
            cells[level].append(measure(generator, ours, load(CLIENTS, seconds), subject))
        say(f"  round {number + 1} of {rounds} over the lengths of the log done")
    rows = [[f"{level:,}", f"{sizes[level][0]:,}", *_figures(cells[level])] for level in levels]
    header = ["records", "objects", "requests/s", "p50 ms", "p99 ms", "CPU us/request"]
    title = f"records in the log before, {CLIENTS} clients; {OBJECT_RECORDS:,} to an object"
    table(title, header, rows)
    _flat("records in the log", [cells[level] for level in levels])


def _flat(what: str, series: Sequence[Sequence[Cell]]) -> None:
    """Print the ratio of the last cost to the first."""
    for name, attribute in (("CPU per request", "total_cpu"), ("p50", "p50")):
        first, *_, last = (median([getattr(cell, attribute) for cell in each]) for each in series)
        verdict = "held" if last / first <= FLAT else "missed"
        factor = f"times {last / first:.2f} ({FLAT} counts as flat): {verdict}"
        note(f"{name}, from least to most {what}: {factor}")
