"""Rows per second of a batch job on Ray, compared with alternatives.

Each alternative runs in a separate process and scores the same mails with the same graph (or the
pipeline it was exported from); their predictions are compared.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
from batch.data import CASE, release_in, write_mails
from batch.usage import Usage
from bench_report import interleaved, median, note, table

from platform_core.errors import Conflict, Unavailable
from platform_core.settings import RaySettings

HERE = Path(__file__).parent
SIZES, QUICK_SIZES = (200_000, 800_000), (10_000,)
# A job of so few rows consists of start-up. (Scoring in its own process has hardly any.)
START_ROWS = 500
ROUNDS, QUICK_ROUNDS = 2, 1
ALTERNATIVE_SECONDS = 1_200
MEBIBYTE = 1 << 20
ALONE, LOOP, FRAMES, RAY_DATA, OURS = "alone", "loop", "frames", "ray_data", "ours"
TITLES = {
    LOOP: "bare ONNX Runtime loop, one core",
    FRAMES: "pandas and scikit-learn, one core",
    RAY_DATA: "Ray Data, two plain actors",
    ALONE: "ours, in its own process",
    OURS: "ours, on Ray",
}
# The others grow linearly with the rows and are measured at the smallest size only.
LARGE = (FRAMES, RAY_DATA, OURS)
CLOSE = {LOOP: 1e-6, ALONE: 1e-6, OURS: 1e-6, RAY_DATA: 1e-6, FRAMES: 1e-5}


@dataclass(frozen=True)
class Run:
    """Cost of one run: seconds, CPU seconds of all processes, bytes above the idle machine."""

    seconds: float
    cpu: float
    peak: int


def run(options: argparse.Namespace) -> bool:
    """Score growing numbers of mails with every alternative, in interleaved rounds."""
    sizes = QUICK_SIZES if options.quick else SIZES
    with tempfile.TemporaryDirectory(prefix="bench-batch-") as name:
        folder = Path(name)
        release_in(folder)
        for rows in (START_ROWS, *sizes):
            write_mails(folder / _input(rows), rows)
        started = (OURS,) if options.quick else (RAY_DATA, OURS)
        starts = {
            alternative: _run(folder, alternative, START_ROWS).seconds for alternative in started
        }
        for rows in sizes:
            alternatives = list(TITLES) if rows == sizes[0] else list(LARGE)
            rounds = QUICK_ROUNDS if options.quick or rows != sizes[0] else options.rounds or ROUNDS
            runs: dict[str, list[Run]] = {alternative: [] for alternative in alternatives}
            for alternative in interleaved(alternatives, rounds):
                runs[alternative].append(_run(folder, alternative, rows))
            _show(rows, runs, starts)
            _same_answers(folder, alternatives, rows)
    return True


def _show(rows: int, runs: Mapping[str, Sequence[Run]], starts: Mapping[str, float]) -> None:
    lines = []
    for alternative, some in runs.items():
        seconds = median([each.seconds for each in some])
        start = starts.get(alternative, 0.0)
        beyond = rows / max(seconds - start, 1e-9)
        cpu = 1e6 * median([each.cpu for each in some]) / rows
        peak = max(each.peak for each in some) / MEBIBYTE
        lines.append([TITLES[alternative], rows / seconds, start, beyond, cpu, peak])
    header = [
        "alternative",
        "rows/s, whole job",
        "start-up s",
        "rows/s beyond it",
        "CPU us/row",
        "peak MiB",
    ]
    table(f"batch: {rows:,} mails of 1.2 kB, Parquet to Parquet", header, lines)
    if LOOP in runs:
        by_alternative = {line[0]: line[3] for line in lines}
        share = by_alternative[TITLES[OURS]] / by_alternative[TITLES[LOOP]] / (os.cpu_count() or 1)
        note(f"  ours on Ray / (bare loop x {os.cpu_count()} cores), beyond start-up: {share:.2f}")


def _run(folder: Path, alternative: str, rows: int) -> Run:
    command = [sys.executable, str(HERE / "batch" / "alternatives.py"), alternative, str(folder)]
    command += [_input(rows), _output(alternative, rows)]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    with Usage(process.pid, RaySettings().ray_address) as usage:
        output, errors = process.communicate(timeout=ALTERNATIVE_SECONDS)
    if process.returncode != 0:
        raise Unavailable(f"{TITLES[alternative]} failed: {errors[-500:]}")
    cost = json.loads(output.splitlines()[-1])
    return Run(cost["seconds"], usage.cpu - cost["imports"], usage.peak)


def _same_answers(folder: Path, alternatives: Sequence[str], rows: int) -> None:
    expected = _probabilities(folder, OURS, rows)
    for alternative in alternatives:
        if not np.allclose(
            _probabilities(folder, alternative, rows), expected, rtol=0, atol=CLOSE[alternative]
        ):
            raise Conflict(f"{TITLES[alternative]} and our job give different predictions")


def _probabilities(folder: Path, alternative: str, rows: int) -> np.ndarray:
    columns = ["email_id", *(f"probability.{name}" for name in CASE.classes)]
    answers = pq.read_table(folder / _output(alternative, rows), columns=columns, partitioning=None)
    if alternative == RAY_DATA:  # does not preserve order
        answers = answers.sort_by("email_id")
    if answers.num_rows != rows or pc.count_distinct(answers["email_id"]).as_py() != rows:
        raise Conflict(
            f"{TITLES[alternative]} answered {answers.num_rows} of {rows} rows, or some twice"
        )
    return np.column_stack([answers[name].to_numpy() for name in columns[1:]])


def _input(rows: int) -> str:
    return f"batch/in-{rows}.parquet"


def _output(alternative: str, rows: int) -> str:
    return f"batch/{alternative}-{rows}" + ("" if alternative == RAY_DATA else ".parquet")
