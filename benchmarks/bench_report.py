"""Output of results: the machine, tables, medians over interleaved rounds."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from itertools import chain, cycle, islice, permutations
from pathlib import Path

LIBRARIES = ("onnxruntime", "pyarrow", "ray", "fastapi", "kserve")
GIBIBYTE = 1 << 30

say = partial(print, flush=True)
page: list[str] = []
"""The results in Markdown; `run.py --markdown FILE` writes them."""


def note(text: str) -> None:
    """Print a line that is part of the results."""
    say(text)
    page.append(text + "\n")


def met_or_missed(met: bool) -> str:
    """Return the verdict on a target in a word."""
    return "met" if met else "missed"


def machine() -> str:
    """Return a description of the machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIBIBYTE
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"{_processor()}, {os.cpu_count()} CPUs, {memory:.0f} GiB, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}\n"
        f"{libraries}\nload average before the start: {load}"
    )


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table with three significant digits."""
    cells = [list(header), *([_text(value) for value in row] for row in rows)]
    page.append(_markdown(title, cells))
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    say(f"\n{title}")
    for row in cells:
        left, *rest = (cell for cell in row)
        numbers = (cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True))
        say("  " + "  ".join([left.ljust(widths[0]), *numbers]))


def interleaved(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Yield each name `rounds` times; each order is followed by its reverse.

    A temporary disturbance then affects all of them, and none always runs after the same other one,
    as it would if the names were rotated.
    """
    orders = list(permutations(names))
    half = orders[: max(1, len(orders) // 2)]
    yield from chain.from_iterable(
        islice(cycle(turn for order in half for turn in (order, order[::-1])), rounds)
    )


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return statistics.median(values)


def ratios(left: Sequence[float], right: Sequence[float]) -> str:
    """Return the median over the rounds of left / right, and its smallest and largest.

    A range on both sides of 1 says that the rounds do not tell which of the two is faster.
    """
    each = [a / b for a, b in zip(left, right, strict=True)]
    return f"{median(each):.2f} ({min(each):.2f}-{max(each):.2f})"


@dataclass(frozen=True)
class Cost:
    """Cost of a measurement: wall seconds, and CPU seconds of this process."""

    wall: float
    cpu: float


def cost(work: Callable[[], object]) -> Cost:
    """Return the cost of calling `work`."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def measured(
    ways: Mapping[str, Callable[[], object]], rounds: int, settle_seconds: float = 0
) -> dict[str, list[Cost]]:
    """Return the cost of each alternative in each of the interleaved rounds.

    `settle_seconds` pass before each, so that processes of the previous one have ended.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for name in interleaved(list(ways), rounds):
        time.sleep(settle_seconds)
        costs[name].append(cost(ways[name]))
    return costs


def _markdown(title: str, cells: Sequence[Sequence[str]]) -> str:
    header, *rows = (f"| {' | '.join(row)} |" for row in cells)
    rule = "|---|" + "---:|" * (len(cells[0]) - 1)
    return "\n".join([f"### {title}", "", header, rule, *rows, ""])


def _text(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    if value == 0 or abs(value) < 0.001:  # noqa: PLR2004 (less than three digits can show)
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
