"""The predictions behind the rows of a dataset version: `feedback.parquet`.

A version keeps those of its parents, so that labels that arrive late or change are found however
long after the prediction they are received.
"""

import pyarrow as pa

from data_pipeline.columns import LABEL, PREDICTION_ID, ROW_ID, label_type
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    FEEDBACK_FILE,
    dataset_path,
    parse_tombstone,
    tombstones_folder,
)
from use_cases import UseCase


def known_schema(case: UseCase) -> pa.Schema:
    """Return the columns of `feedback.parquet`: a prediction, its row and its label."""
    text = [pa.field(name, pa.string()) for name in (PREDICTION_ID, ROW_ID)]
    return pa.schema([*text, pa.field(LABEL, label_type(case))])


def read_known(store: BlobStore, case: UseCase, version: str) -> pa.Table:
    """Return the predictions of a dataset version; none for "" and for a version without any."""
    path = dataset_path(case.name, version, FEEDBACK_FILE)
    if not version or not store.exists(path):
        return known_schema(case).empty_table()
    return read_table(store, path)


def erased_predictions(store: BlobStore, use_case: str) -> pa.Array:
    """Return the ids of the erased predictions of a use case."""
    paths = (blob.path for blob in store.list(tombstones_folder(use_case)))
    return pa.array([one for path in paths if (one := parse_tombstone(path))], pa.string())
