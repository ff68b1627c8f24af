"""Rows per second of a batch job: in its own process, on Ray, and a bare loop beside them."""

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pyarrow as pa
import pyarrow.parquet as pq
from bench_report import Cost, measured, median, ratios, table

from batch_inference import BatchSettings, Executor, LocalExecutor, Services, run_job
from batch_inference.ray_executor import RayExecutor
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.connect import online_store
from platform_core.clock import SystemClock
from platform_core.contracts.batch_job import BatchJob, JobStatus, job_path
from platform_core.contracts.environments import Environment
from platform_core.contracts.release import Lineage
from platform_core.errors import Conflict, Unavailable
from platform_core.parquet import read_table, write_table
from platform_core.settings import OnlineStoreSettings, RaySettings
from scoring import Release, build_release, release_path, store_release
from use_cases import UseCase, assemble, use_case

ROWS, QUICK_ROWS = 20_000, 5_000
TRAINING_ROWS = 4_000
# Even, so that each order has its reverse; after six, every way has had every neighbour.
ROUNDS, QUICK_ROUNDS = 6, 4
# Ray ends the workers of a job after the job has ended.
SETTLE_SECONDS = 3.0
INPUT = "batch/in.parquet"
LOOP_ROWS = 512


def run(options: argparse.Namespace) -> bool:
    """Score the same rows in three ways, in interleaved rounds, and compare their answers."""
    case, rows = use_case(options.use_case), QUICK_ROWS if options.quick else ROWS
    settings = BatchSettings()
    executors: dict[str, Executor] = {
        "own process": LocalExecutor(),
        "Ray": RayExecutor(RaySettings().ray_address, settings.batch_tasks_in_flight),
    }
    with tempfile.TemporaryDirectory(prefix="bench-batch-") as folder:
        store = LocalBlobStore(Path(folder))
        release = _release(store, case)
        write_table(store, INPUT, case.generate(rows, 3).select(case.record_schema.names))
        ways = {n: partial(_job, store, release, n, e) for n, e in executors.items()}
        ways["bare loop"] = partial(_loop, case, release, Path(folder))
        rounds = QUICK_ROUNDS if options.quick else ROUNDS
        costs = measured(ways, rounds, SETTLE_SECONDS)
        _same_answers(store, Path(folder), case)
    _show(f"batch {case.name}: {rows:,} rows, Parquet to Parquet, whole job", costs, rows)
    return True


def _show(title: str, costs: dict[str, list[Cost]], rows: int) -> None:
    rates = {name: [rows / each.wall for each in some] for name, some in costs.items()}
    table(
        title,
        ["way", "rows/s (median)", "slowest", "fastest", "times the bare loop", "CPU us/row"],
        [
            [
                name,
                median(v),
                min(v),
                max(v),
                ratios(v, rates["bare loop"]),
                _cpu(name, costs, rows),
            ]
            for name, v in rates.items()
        ],
    )


def _cpu(name: str, costs: dict[str, list[Cost]], rows: int) -> object:
    """Return what a row costs, whatever else the machine does; Ray's workers are not seen."""
    if name == "Ray":
        return "not measured"
    return 1e6 * median([each.cpu for each in costs[name]]) / rows


def _job(store: LocalBlobStore, release: Release, name: str, executor: Executor) -> None:
    """Run a job from its request to its status."""
    job_id = f"{name.replace(' ', '-')}-{time.monotonic_ns()}"
    job = BatchJob(
        job_id=job_id,
        use_case=release.manifest.use_case,
        environment=Environment.STAGING,
        input_path=INPUT,
        output_path=_output(name),
        release_id=release.id,
        submitted_at=SystemClock().now(),
    )
    store.write(job_path(job_id), job.model_dump_json().encode())
    connect = partial(online_store, OnlineStoreSettings())
    services = Services(store, SystemClock(), BatchSettings(), connect, executor, executor)
    progress = run_job(job_id, services)
    if progress.status is not JobStatus.SUCCEEDED:
        raise Unavailable(f"the job {progress.status}: {progress.error}")


def _loop(case: UseCase, release: Release, folder: Path) -> None:
    """Do what one would write by hand, without checks or progress."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(release.model, options, providers=["CPUExecutionProvider"])
    parts = []
    for batch in pq.ParquetFile(folder / INPUT).iter_batches(LOOP_ROWS):
        features = assemble(case, batch)
        feed = {name: _tensor(features.column(name)) for name in features.schema.names}
        parts.append(session.run(["probabilities"], feed)[0])
    columns = [pa.array(column) for column in np.concatenate(parts).T]
    pq.write_table(pa.table(columns, names=list(case.classes)), folder / "loop.parquet")


def _tensor(column: pa.Array) -> np.ndarray:
    return column.to_numpy(zero_copy_only=False).reshape(-1, 1)


def _same_answers(store: LocalBlobStore, folder: Path, case: UseCase) -> None:
    bare = pq.read_table(folder / "loop.parquet")
    for name in ("own process", "Ray"):
        output = read_table(store, _output(name))
        for label in case.classes:
            if not np.allclose(output[f"probability.{label}"], bare[label], rtol=0, atol=1e-6):
                raise Conflict(f"{name} and the bare loop give different answers for {label}")


def _output(name: str) -> str:
    return f"batch/{name.replace(' ', '-')}.parquet"


def _release(store: LocalBlobStore, case: UseCase) -> Release:
    """Train the first candidate on generated rows and store it."""
    rows = case.generate(TRAINING_ROWS, 0).combine_chunks()
    records = rows.select(case.record_schema.names).to_batches()[0]
    candidate = case.candidates()[0]
    parameters = {name: values[0] for name, values in candidate.space.items()}
    model = candidate.build(parameters, 0)
    model.fit(assemble(case, records).to_pandas(), rows[case.label_column].to_pylist())
    release = build_release(case, candidate.to_onnx(model).SerializeToString(), b"", None)
    lineage = Lineage(
        release_id=release.id,
        created_at=SystemClock().now(),
        dataset_version="generated",
        data_source="generated",
        pipeline_run="benchmark",
        candidate=candidate.name,
        parameters=parameters,
        metrics={},
    )
    store_release(store, release_path(case.name, release.id), release, lineage)
    return release
