"""A release with a known baseline, and hours of its inference log."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from baseline import baseline_bytes, build_baseline
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import SystemClock
from platform_core.contracts.release import Lineage
from platform_core.parquet import COMPRESSION
from platform_core.storage import baseline_path, log_object_path, release_path
from records import log_columns
from scoring import build_release, store_release
from use_cases import model_schema
from use_cases.spam import SpamUseCase

HOUR = datetime(2026, 1, 5, 11, tzinfo=UTC)
ENVIRONMENT = "production"
SEGMENT_ROWS = 100_000
BASELINE_ROWS = 50_000
REFERENCE = "reference.parquet"
TEXT = "lorem ipsum " * 25


class TwelveFeatures(SpamUseCase):
    """Spam, monitoring the same features as the peers."""

    monitored = SpamUseCase.monitored[:12]


CASE = TwelveFeatures()
NAMES = tuple(column.name for column in CASE.monitored)
FEATURES = model_schema(CASE).numbers


def store_release_of(folder: Path) -> str:
    """Store a release with a baseline of `BASELINE_ROWS` rows; its id.

    The rows are stored in `REFERENCE`, for the peers.
    """
    random = np.random.default_rng(0)
    store, features = LocalBlobStore(folder), _features(random, BASELINE_ROWS)
    spam = random.beta(0.5, 1, BASELINE_ROWS)
    probabilities = np.stack([1 - spam, spam], axis=1)
    table = build_baseline(CASE, features, probabilities, _predictions(spam))
    baseline = baseline_bytes(table)
    # Drift detection does not run the graph, so none is needed.
    release = build_release(CASE, b"no graph", baseline, None)
    lineage = Lineage(
        release_id=release.id,
        created_at=SystemClock().now(),
        dataset_version="generated",
        data_source="generated",
        pipeline_run="benchmark",
        candidate="none",
        parameters={},
        metrics={},
    )
    store_release(store, release_path(CASE.name, release.id), release, lineage)
    store.write(baseline_path(CASE.name, release.id), baseline)
    pq.write_table(pa.Table.from_batches([features]).select(NAMES), folder / REFERENCE)
    return release.id


def write_hour(folder: Path, release_id: str, hour: datetime, rows: int) -> None:
    """Write `rows` records as segments of at most `SEGMENT_ROWS`.

    All whole segments of an hour are one file under as many names: what is read is the same
    size, and 10 million records fit on a disk.
    """
    first: Path | None = None
    for number, start in enumerate(range(0, rows, SEGMENT_ROWS)):
        size = min(SEGMENT_ROWS, rows - start)
        path = folder / log_object_path(CASE.name, ENVIRONMENT, hour, f"segment-{number:06d}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        if first is not None and size == SEGMENT_ROWS:
            os.link(first, path)
            continue
        pq.write_table(_records(release_id, hour, size), path, compression=COMPRESSION)
        first = first or path


def _records(release_id: str, hour: datetime, rows: int) -> pa.Table:
    random = np.random.default_rng(1)
    features = _features(random, rows)
    spam = random.beta(0.5, 1.1, rows)
    columns = log_columns(CASE)
    ids = pa.array([f"{number:032x}" for number in range(rows)])
    values = {
        "prediction_id": ids,
        "request_id": ids,
        "time": pa.repeat(pa.scalar(hour + timedelta(minutes=30)), rows),
        "use_case": pa.repeat(CASE.name, rows),
        "environment": pa.repeat(ENVIRONMENT, rows),
        "release_id": pa.repeat(release_id, rows),
        "role": pa.repeat("stable", rows),
        "failed": pa.repeat(False, rows),
        "prediction": _predictions(spam),
        "purpose": pa.repeat("live", rows),
        "degraded": pa.repeat(False, rows),
        "latency_ms": pa.array(random.gamma(2, 1, rows)),
        "probability.ham": pa.array(1 - spam),
        "probability.spam": pa.array(spam),
    }
    values |= {column: pa.repeat(TEXT, rows) for column in columns.inputs.values()}
    values["features"] = features["numbers"]
    return pa.table([values[f.name].cast(f.type) for f in columns.schema], schema=columns.schema)


def _features(random: np.random.Generator, rows: int) -> pa.RecordBatch:
    """Return features of four kinds in turn: bell-shaped, skewed, counts, shares."""
    kinds = (
        lambda: random.normal(size=rows),
        lambda: random.gamma(2, 3, rows),
        lambda: np.log1p(random.poisson(3, rows)),
        lambda: random.beta(1, 8, rows),
    )
    schema = model_schema(CASE)
    columns = [kinds[number % len(kinds)]() for number in range(1, len(schema.numbers) + 1)]
    return schema.batch([pa.repeat("text", rows)], np.column_stack(columns).astype(np.float32))


def _predictions(spam: np.ndarray) -> pa.Array:
    return pa.array(np.where(spam > CASE.training().threshold.at_least, "spam", "ham"))
