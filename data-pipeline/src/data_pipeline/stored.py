"""The parts of a dataset version: its records, and its features once they are computed."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from data_pipeline.columns import CLUSTER, LABEL, PART, ROW_ID, SOURCE
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import FEATURES_FILE, RECORDS_FILE, dataset_path
from use_cases import UseCase, model_schema


def read_features(store: BlobStore, case: UseCase, version: str, part: str) -> pa.Table:
    """Return `row_id`, `label`, `cluster`, `source` and the model's input of the rows of `part`
    (`train`, `test`).
    """
    columns = [ROW_ID, LABEL, CLUSTER, SOURCE, *model_schema(case).arrow.names]
    return _rows(store, dataset_path(case.name, version, FEATURES_FILE), part, columns)


def read_part(store: BlobStore, case: UseCase, version: str, part: str) -> pa.RecordBatch:
    """Return the records (`record_schema`) of `part` (`train`, `test`), ordered by `row_id`."""
    path = dataset_path(case.name, version, RECORDS_FILE)
    records = _rows(store, path, part, case.record_schema.names)
    return records.combine_chunks().to_batches()[0]


def _rows(store: BlobStore, path: str, part: str, columns: Sequence[str]) -> pa.Table:
    with store.open(path) as file:
        return pq.read_table(file, columns=list(columns), filters=[(PART, "=", part)])
