"""Scores a file with one of the alternatives, in a separate process.

Arguments: the alternative, the folder, the input and the output below it. Prints as JSON
what it took and the CPU seconds of the imports before, which do not count.
"""

import json
import pickle
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pyarrow as pa
import pyarrow.parquet as pq
import ray

from batch.data import CASE, COLUMNS, MODEL
from batch_inference.executors import Executor, LocalExecutor
from batch_inference.job import run_job
from batch_inference.ray_executor import RayExecutor
from batch_inference.services import Services
from batch_inference.settings import BatchSettings
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.connect import online_store
from platform_core.batch import BatchJob, JobStatus
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.errors import Unavailable
from platform_core.settings import OnlineStoreSettings, RaySettings
from platform_core.storage import job_path
from scoring import load_release
from use_cases import assemble, model_schema, number_block

LOOP_ROWS = 512
FRAME_ROWS = 10_000
Score = Callable[[pa.RecordBatch], np.ndarray]


def ours(folder: Path, source: str, target: str, executor: Executor | None = None) -> None:
    """Run a job from its request to its status, on Ray or with the given executor."""
    store, settings, clock = LocalBlobStore(folder), BatchSettings(), SystemClock()
    on_ray = RayExecutor(RaySettings().ray_address, settings.batch_tasks_in_flight)
    job = BatchJob(
        job_id=f"job-{time.monotonic_ns()}",
        use_case=CASE.name,
        environment=Environment.STAGING,
        input_path=source,
        output_path=target,
        release_id=_release_id(folder),
        submitted_at=clock.now(),
    )
    store.write(job_path(job.job_id), job.model_dump_json().encode())
    connect = partial(online_store, OnlineStoreSettings())
    executor = executor or on_ray
    progress = run_job(job.job_id, Services(store, clock, settings, connect, executor, executor))
    if progress.status is not JobStatus.SUCCEEDED:
        raise Unavailable(f"the job {progress.status}: {progress.error}")


def loop(folder: Path, source: str, target: str) -> None:
    """Score in a plain loop on one core: no checks, no progress, no checkpoints."""
    _by_hand(folder, source, target, _graph(_model(folder)), LOOP_ROWS)


def frames(folder: Path, source: str, target: str) -> None:
    """Score pandas frames with the scikit-learn pipeline that was exported."""
    model = pickle.loads((folder / MODEL).read_bytes())  # noqa: S301 (we wrote it)
    order = [list(model.classes_).index(name) for name in CASE.classes]
    _by_hand(
        folder,
        source,
        target,
        lambda features: model.predict_proba(model_schema(CASE).frame(features))[:, order],
        FRAME_ROWS,
    )


def ray_data(folder: Path, source: str, target: str) -> None:
    """Read, score in two plain actors and write with Ray Data."""
    ray.init(address=RaySettings().ray_address, log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.read_parquet(str(folder / source), columns=COLUMNS)
    scored = rows.map_batches(
        _Actor,
        fn_constructor_args=(_model(folder),),
        batch_format="pyarrow",
        batch_size=LOOP_ROWS,
        concurrency=2,
        num_cpus=0.5,  # otherwise reading and writing would never get a CPU
    )
    # Files of an earlier round would remain.
    scored.write_parquet(str(folder / target), mode=ray.data.SaveMode.OVERWRITE)
    ray.shutdown()


class _Actor:
    def __init__(self, model: bytes) -> None:
        self._score = _graph(model)

    def __call__(self, batch: pa.Table) -> pa.Table:
        return pa.Table.from_batches([_answers(self._score, b) for b in _batches(batch)])


def _batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from table.combine_chunks().to_batches()


def _by_hand(folder: Path, source: str, target: str, score: Score, rows: int) -> None:
    writer = None
    for batch in pq.ParquetFile(folder / source).iter_batches(rows, columns=COLUMNS):
        answers = _answers(score, batch)
        writer = writer or pq.ParquetWriter(folder / target, answers.schema, compression="zstd")
        writer.write_batch(answers)
    if writer:
        writer.close()


def _answers(score: Score, batch: pa.RecordBatch) -> pa.RecordBatch:
    probabilities = score(assemble(CASE, batch)).astype(np.float32)
    columns = {f"probability.{n}": probabilities[:, i] for i, n in enumerate(CASE.classes)}
    return pa.record_batch({"email_id": batch.column("email_id"), **columns})


def _graph(model: bytes) -> Score:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    def score(features: pa.RecordBatch) -> np.ndarray:
        texts = np.array(features["text"].to_pylist(), object)[:, None]
        feed = {"text": texts, "numbers": number_block(features)}
        return session.run(["probabilities"], feed)[0]

    return score


def _release_id(folder: Path) -> str:
    return next((folder / "models" / CASE.name).iterdir()).name


def _model(folder: Path) -> bytes:
    return load_release(LocalBlobStore(folder), CASE.name, _release_id(folder)).model


ALTERNATIVES = {
    "ours": ours,
    "alone": partial(ours, executor=LocalExecutor()),
    "loop": loop,
    "frames": frames,
    "ray_data": ray_data,
}

if __name__ == "__main__":
    alternative, place, *paths = sys.argv[1:]
    start, imports = time.perf_counter(), time.process_time()
    ALTERNATIVES[alternative](Path(place), *paths)
    cost = {"seconds": time.perf_counter() - start, "imports": imports}
    print(json.dumps(cost))  # noqa: T201
