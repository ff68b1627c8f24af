"""Wall time of `make run-pipeline`, and the share that is not training."""

import argparse
import json
import subprocess
import time
from pathlib import Path

from bench_report import say, table
from bench_settings import BenchSettings

from platform_core.errors import NotFound, Unavailable

RUNS, QUICK_RUNS = 2, 1
QUICK = ["ROWS=1000", "TRIALS=1"]


def run(options: argparse.Namespace) -> bool:
    """Train twice, because the second run finds everything started; once with --quick."""
    settings = BenchSettings()
    arguments = [f"USE_CASE={options.use_case}", *(QUICK if options.quick else [])]
    runs = QUICK_RUNS if options.quick else RUNS
    rows = []
    for number in range(1, runs + 1):
        say(f"\nmake run-pipeline {' '.join(arguments)}   (run {number} of {runs})")
        wall, timings = _timed(settings, arguments)
        rows.append([f"run {number}", wall, *_shares(timings)])
        _steps(f"steps of run {number}", timings)
    header = ["", "wall s", "pipeline s", "train step s", "fitting s", "not fitting"]
    table(f"pipeline {options.use_case}", header, rows)
    return True


def _timed(settings: BenchSettings, arguments: list[str]) -> tuple[float, dict]:
    before = _timings_files(settings.platform_home)
    start = time.perf_counter()
    result = subprocess.run(
        ["make", "run-pipeline", *arguments], cwd=settings.platform_root, check=False
    )
    wall = time.perf_counter() - start
    if result.returncode != 0:
        raise Unavailable(f"make run-pipeline ended with exit code {result.returncode}")
    new = _timings_files(settings.platform_home) - before
    if not new:
        raise NotFound(f"the run left no timings.json below {settings.platform_home}/runs")
    return wall, json.loads(max(new, key=lambda file: file.stat().st_mtime).read_text())


def _timings_files(home: Path) -> set[Path]:
    return set(home.glob("runs/*/timings.json"))


def _shares(timings: dict) -> tuple[float, float, float, str]:
    total, train, fit = timings["total_seconds"], timings["steps"]["train"], timings["fit_seconds"]
    return total, train, fit, f"{1 - fit / total:.0%}"


def _steps(title: str, timings: dict) -> None:
    total = timings["total_seconds"]
    rows = [[name, value, f"{value / total:.0%}"] for name, value in timings["steps"].items()]
    rest = total - sum(timings["steps"].values())
    table(title, ["step", "s", "share"], [*rows, ["between steps", rest, f"{rest / total:.0%}"]])
