"""Speed of reading and validating records, and peak memory with ten times the rows.

Each step runs in a process of its own, whose peak memory the system tells.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench_report import say, table
from drift.cost import peak_memory

from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest, ingest
from data_pipeline.sources.raw import RawRecords
from data_pipeline.versions.freeze import Rules, freeze
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.errors import Unavailable
from platform_core.storage import run_path
from use_cases import use_case

SIZES, QUICK_SIZES = (100_000, 1_000_000), (5_000, 20_000)
STEPS = ("ingest", "validate")
LIMIT = 1.3
MEBIBYTE = 1 << 20
SEED = 3


def run(options: argparse.Namespace) -> bool:
    """Return whether the larger source needs at most `LIMIT` times the memory of the smaller."""
    rows, peaks = [], {}
    for size in QUICK_SIZES if options.quick else SIZES:
        with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
            for step in STEPS:
                seconds, peak = _child(step, options.use_case, size, folder)
                peaks[step, size] = peak
                rows.append([f"{step} {size:,}", seconds, size / seconds, peak / MEBIBYTE])
    table("generated records to a dataset version", ["step", "s", "rows/s", "peak MiB"], rows)
    verdicts = [_flat(step, peaks) for step in STEPS]
    return all(verdicts)


def _flat(step: str, peaks: dict[tuple[str, int], int]) -> bool:
    small, large = (peak for (name, _), peak in sorted(peaks.items()) if name == step)
    ratio = large / small
    verdict = "ok" if ratio <= LIMIT else "FAIL"
    say(f"  {step}: peak memory of the larger source / the smaller: {ratio:.2f}, {verdict}")
    return ratio <= LIMIT


def _child(step: str, case: str, size: int, folder: str) -> tuple[float, int]:
    command = [sys.executable, __file__, step, case, str(size), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{step} of {size} rows failed: {done.stderr[-500:]}")
    told = json.loads(done.stdout.splitlines()[-1])
    return told["seconds"], told["peak"]


def _step(step: str, name: str, size: int, folder: str) -> None:
    """Run one step in this process; raw records and dataset version are below `folder`."""
    case, store = use_case(name), LocalBlobStore(Path(folder))
    run_folder = run_path(name, "bench")
    start = time.perf_counter()
    if step == "ingest":
        request = IngestRequest(rows=size, seed=SEED)
        ingest(case, store, run_folder, request, lambda _: None, IngestSettings())
    else:
        freeze(store, case, RawRecords(store, run_folder), Rules(), SystemClock())
    seconds = time.perf_counter() - start
    say(json.dumps({"seconds": seconds, "peak": peak_memory()}))


if __name__ == "__main__":
    _step(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
