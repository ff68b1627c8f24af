"""Speed and memory from a source of mails to their features, and whether memory stays flat.

Each step runs in a process of its own, without Ray.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from bench_commands import result_of
from bench_report import say, table
from drift.cost import peak_memory

from data_pipeline.features import compute_features
from data_pipeline.settings import IngestSettings
from data_pipeline.sources import IngestRequest
from data_pipeline.sources.ingestion import ingest
from data_pipeline.sources.raw import RawRecords
from data_pipeline.versions.freeze import Rules, freeze
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.feature_store.feast import FeastFeatureStore
from platform_core.clock import SystemClock
from platform_core.settings import OnlineStoreSettings
from platform_core.storage import datasets_folder, run_path
from use_cases import use_case

SIZES, QUICK_SIZES = (100_000, 1_000_000), (5_000, 20_000)
STEPS = ("ingest", "validate", "features")
LIMIT = 1.3
MAX_BYTES = 2 * 10**9
MEBIBYTE = 1 << 20
SEED = 3
BLOCK_ROWS, BODIES, MAILS_PER_DOMAIN = 20_000, 3, 20
USE_CASE = "spam"
RUN = run_path(USE_CASE, "bench")


def run(options: argparse.Namespace) -> bool:
    """Return whether the larger source takes at most `LIMIT` times the memory of the smaller, and
    at most `MAX_BYTES`.
    """
    rows, peaks = [], {}
    for size in QUICK_SIZES if options.quick else SIZES:
        with tempfile.TemporaryDirectory(prefix="bench-ingest-") as folder:
            write_mails(Path(folder) / "mails.parquet", size)
            for step in STEPS:
                seconds, cpu, peak = _child(step, folder)
                say(f"  {step} {size:,}: {seconds:.0f} s, {peak / MEBIBYTE:.0f} MiB")
                peaks[step, size] = peak
                rows.append([f"{step} {size:,}", seconds, cpu, size / seconds, peak / MEBIBYTE])
    table("mails of 1.2 kB to features", ["step", "s", "CPU s", "rows/s", "peak MiB"], rows)
    flat = [_is_flat(step, peaks) for step in STEPS]
    return all(flat)


def write_mails(path: Path, rows: int) -> None:
    """Write mails of about 1.2 kB: each body is three generated ones in a combination of its own,
    each domain sends twenty mails.
    """
    mails = use_case(USE_CASE).training().generate(min(rows, BLOCK_ROWS), SEED).combine_chunks()
    with pq.ParquetWriter(path, mails.schema, compression="zstd") as writer:
        for block in _blocks(mails, rows):
            writer.write_table(block)


def _blocks(mails: pa.Table, rows: int) -> Iterator[pa.Table]:
    count = mails.num_rows
    body, date = mails["body"].combine_chunks(), mails["date"].combine_chunks()
    for start in range(0, rows, count):
        random = np.random.default_rng([SEED, start])
        others = [body.take(pa.array(random.permutation(count))) for _ in range(BODIES - 1)]
        domains = random.integers(0, max(rows // MAILS_PER_DOMAIN, 1), count)
        columns = {
            "email_id": pa.array([f"mail-{start + n}" for n in range(count)]),
            "body": pc.binary_join_element_wise(body, *others, "\n"),
            "sender": pa.array([f"someone@domain{number}.example" for number in domains]),
            "date": pc.add(date, pa.scalar(start, pa.duration("us")).cast(pa.duration("us"))),
        }
        block = pa.table([columns.get(n, mails[n]) for n in mails.column_names], mails.schema.names)
        yield block.cast(mails.schema).slice(0, rows - start)


def _is_flat(step: str, peaks: dict[tuple[str, int], int]) -> bool:
    small, large = (peak for (name, _), peak in sorted(peaks.items()) if name == step)
    ratio, held = large / small, large <= min(LIMIT * small, MAX_BYTES)
    outcome = "ok" if held else "FAIL"
    say(f"  {step}: peak memory of the larger source / the smaller: {ratio:.2f}, {outcome}")
    return held


def _child(step: str, folder: str) -> tuple[float, float, int]:
    cost = result_of([sys.executable, __file__, step, folder])
    return cost["seconds"], cost["cpu"], cost["peak"]


def _step(step: str, folder: Path) -> None:
    """Run one step here; the raw records and the dataset version are below `folder`."""
    case, store = use_case(USE_CASE), LocalBlobStore(folder)
    start, cpu = time.perf_counter(), time.process_time()
    if step == "ingest":
        request = IngestRequest(str(folder / "mails.parquet"))
        settings = IngestSettings(data_in_process_bytes=1 << 40)
        ingest(case, store, RUN, request, lambda _: None, settings)
    elif step == "validate":
        freeze(store, case, RawRecords(store, RUN), Rules(), SystemClock())
    else:
        _features(store, folder)
    seconds = time.perf_counter() - start
    cost = {"seconds": seconds, "cpu": time.process_time() - cpu, "peak": peak_memory()}
    say(json.dumps(cost))


def _features(store: LocalBlobStore, folder: Path) -> None:
    """Compute the features of the only dataset version, with entity features from Feast."""
    case = use_case(USE_CASE)
    version = next(store.list(datasets_folder(USE_CASE))).path.split("/")[2]
    repository = folder / "feast"
    repository.mkdir(exist_ok=True)
    settings = OnlineStoreSettings(
        feast_repository=Path(__file__).parents[1] / "model-serving" / "feast",
        blob_store_url=f"file://{folder}/blob",
        feast_online_path=repository / "online.db",
    )
    feature_store = FeastFeatureStore(settings)
    compute_features(store, case, version, feature_store, repository, on_ray=False)


if __name__ == "__main__":
    _step(sys.argv[1], Path(sys.argv[2]))
