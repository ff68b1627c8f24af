"""PSI and KS of twelve features: the drift detector, Evidently, and a single pass with polars.

Each alternative runs in a separate process, so that its peak memory can be measured. Our statistics
are compared with SciPy's on the same values before the timing.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from bench_commands import result_of
from bench_report import interleaved, median, note, ratios, table
from drift.log import CASE, FEATURES, HOUR, NAMES, REFERENCE, store_release_of, write_hour
from scipy.stats import ks_2samp
from serving.environments import python_of

from baseline import NumericReference, psi, read_baseline
from platform_core.errors import Conflict, Unavailable
from platform_core.storage import baseline_path
from records import logged_block

HERE = Path(__file__).parent
ROWS, QUICK_ROWS = 1_000_000, 200_000
GROWTH, QUICK_GROWTH = (100_000, 1_000_000, 10_000_000), (100_000, 1_000_000)
LOGS, QUICK_LOGS = (1, 1_000, 1_000_000, 10_000_000), (1, 100_000, 1_000_000)
WINDOW_ROWS = 20_000
ROUNDS, QUICK_ROUNDS = 4, 1
OURS, EVIDENTLY = "drift detector", "Evidently"
POLARS, POLARS_PSI = "polars, counts for PSI and KS", "polars, counts for PSI alone"
# The PSI is exact; the error of the KS statistic is at most the share between two points.
PSI_TOLERANCE, KS_TOLERANCE = 1e-9, 1e-3
MEBIBYTE = 1 << 20
MILLION = 1_000_000
CHILD_SECONDS = 300

Cost = dict[str, Any]


def run(options: argparse.Namespace) -> bool:
    """Compare with the peers, then grow the window, then the log around it."""
    with tempfile.TemporaryDirectory(prefix="bench-drift-") as name:
        folder = Path(name)
        release_id = store_release_of(folder)
        rows = QUICK_ROWS if options.quick else ROWS
        write_hour(folder, release_id, HOUR, rows)
        _check(folder, release_id, _ours(folder)["answers"])
        _compare_with_peers(folder, release_id, rows, QUICK_ROUNDS if options.quick else ROUNDS)
        _growing_window(folder, release_id, QUICK_GROWTH if options.quick else GROWTH)
        _growing_log(folder, release_id, QUICK_LOGS if options.quick else LOGS)
    return True


def _check(folder: Path, release_id: str, answers: Mapping[str, Sequence[float]]) -> None:
    """Compare with the statistics of the values themselves."""
    files, references = _segments(folder), _references(folder, release_id)
    log, _ = logged_block(CASE, pq.read_table(files, columns=["features"], partitioning=None)[0])
    baseline = pq.read_table(folder / REFERENCE)
    for name in NAMES:
        actual, expected = log[:, FEATURES.index(name)], baseline[name].to_numpy()
        index = psi(_bins(references[name], expected), _bins(references[name], actual))
        distance = ks_2samp(expected, actual, method="asymp").statistic
        exact = {"PSI": (index, PSI_TOLERANCE), "KS statistic": (distance, KS_TOLERANCE)}
        for (what, (value, limit)), answer in zip(exact.items(), answers[name], strict=True):
            if abs(answer - value) > limit:
                raise Conflict(f"the {what} of {name} is {answer}, exactly {value}")


def _bins(reference: NumericReference, values: np.ndarray) -> np.ndarray:
    edges = zip(reference.edges, reference.edge_included, strict=True)
    below = [np.sum(values <= edge if included else values < edge) for edge, included in edges]
    return np.diff([0, *below, len(values)])


def _compare_with_peers(folder: Path, release_id: str, rows: int, rounds: int) -> None:
    alternatives = {OURS: partial(_ours, folder), **_peers(folder, release_id)}
    costs: dict[str, list[Cost]] = {name: [] for name in alternatives}
    for name in interleaved(list(alternatives), rounds):
        costs[name].append(alternatives[name]())
    times = {name: [each["seconds"] for each in some] for name, some in costs.items()}
    table(
        f"drift: PSI and KS of {len(NAMES)} features, {rows:,} records, Parquet to verdicts",
        ["alternative", "s (median)", "CPU s", "peak MiB", "times ours"],
        [
            [name, median(times[name]), *_cpu_and_peak(some), ratios(times[name], times[OURS])]
            for name, some in costs.items()
        ],
    )


def _peers(folder: Path, release_id: str) -> dict[str, Callable[[], Cost]]:
    try:
        python = python_of("drift")
    except Unavailable as error:
        note(f"Evidently and polars are left out: {error}")
        return {}
    references = _references(folder, release_id)
    plan = folder / "plan.json"
    plan.write_text(
        json.dumps(
            {
                "files": [str(file) for file in _segments(folder)],
                "columns": {name: FEATURES.index(name) for name in NAMES},
                "edges": {name: references[name].edges.tolist() for name in NAMES},
                "points": {name: references[name].points.tolist() for name in NAMES},
                "reference": str(folder / REFERENCE),
            }
        )
    )
    polars, evidently = (HERE / "peers" / f"drift_{name}.py" for name in ("polars", "evidently"))
    return {
        POLARS: partial(_child, str(python), polars, plan, "ks"),
        POLARS_PSI: partial(_child, str(python), polars, plan, "psi"),
        EVIDENTLY: partial(_child, str(python), evidently, plan),
    }


def _growing_window(folder: Path, release_id: str, sizes: Sequence[int]) -> None:
    rows = []
    for size in sizes:
        write_hour(folder, release_id, HOUR, size)
        cost = _ours(folder)
        rate = cost["seconds"] * MILLION / size
        rows.append([f"{size:,}", cost["seconds"], rate, *_cpu_and_peak([cost])])
    header = ["records in the window", "s", "s per million", "CPU s", "peak MiB"]
    table("drift: the window grows", header, rows)


def _growing_log(folder: Path, release_id: str, sizes: Sequence[int]) -> None:
    for file in _segments(folder):
        file.unlink()
    write_hour(folder, release_id, HOUR, WINDOW_ROWS)
    rows = []
    for size in sizes:
        for day in range(1, 11):
            write_hour(folder, release_id, HOUR - timedelta(days=day), -(-size // 10))
        cost = _ours(folder)
        rows.append([f"{size:,}", cost["seconds"], *_cpu_and_peak([cost])])
    header = ["records outside the window", "s", "CPU s", "peak MiB"]
    table(f"drift: {WINDOW_ROWS:,} records in the window, the log around it grows", header, rows)


def _ours(folder: Path) -> Cost:
    return _child(sys.executable, HERE / "drift" / "ours.py", folder)


def _child(python: str, script: Path, *arguments: Path | str) -> Cost:
    environment = {**os.environ, "PYTHONPATH": str(HERE), "DO_NOT_TRACK": "1"}
    command = [python, str(script), *map(str, arguments)]
    cost: Cost = result_of(command, env=environment, timeout=CHILD_SECONDS)
    return cost


def _cpu_and_peak(costs: Sequence[Cost]) -> list[float]:
    cpu, peak = ([each[name] for each in costs] for name in ("cpu", "peak"))
    return [median(cpu), max(peak) / MEBIBYTE]


def _segments(folder: Path) -> list[Path]:
    return sorted((folder / "inference-logs").rglob(f"date={HOUR:%Y-%m-%d}/hour={HOUR:%H}/*"))


def _references(folder: Path, release_id: str) -> dict[str, NumericReference]:
    return read_baseline((folder / baseline_path(CASE.name, release_id)).read_bytes())
