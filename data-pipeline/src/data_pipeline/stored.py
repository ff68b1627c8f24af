"""The parts of a dataset version: its records, and its features once they are computed.

Rows of records that were erased since are not returned, so there may be fewer than the manifest
counts.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import CLUSTER, LABEL, PART, ROW_ID, SOURCE, one_batch
from data_pipeline.versions.erased import ErasedRecords
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import FEATURES_FILE, RECORDS_FILE, dataset_path
from use_cases import UseCase, model_schema


def read_features(store: BlobStore, case: UseCase, version: str, part: str) -> pa.Table:
    """Return `row_id`, `label`, `cluster`, `source` and the model's input of the rows of `part`
    (`train`, `test`).
    """
    columns = [ROW_ID, LABEL, CLUSTER, SOURCE, *model_schema(case).arrow.names]
    features = _rows(store, dataset_path(case.name, version, FEATURES_FILE), part, columns)
    erased = ErasedRecords.read(store, case)
    if not erased.columns():
        return features
    path = dataset_path(case.name, version, RECORDS_FILE)
    gone = erased.row_ids(_rows(store, path, part, erased.columns()))
    return features.filter(pc.invert(pc.is_in(features[ROW_ID], gone)))


def read_part(store: BlobStore, case: UseCase, version: str, part: str) -> pa.RecordBatch:
    """Return the records (`record_schema`) of `part` (`train`, `test`), ordered by `row_id`."""
    return one_batch(
        _records(store, case, version, part, case.record_schema.names), case.record_schema
    )


def read_sources(store: BlobStore, case: UseCase, version: str, part: str) -> pa.Array:
    """Return the source of each record that `read_part` returns."""
    return _records(store, case, version, part, [SOURCE])[SOURCE].combine_chunks()


def _records(
    store: BlobStore, case: UseCase, version: str, part: str, columns: Sequence[str]
) -> pa.Table:
    """Return `columns`, and the record's id, of the records that are not erased."""
    names = list(dict.fromkeys([*columns, case.id_column] if case.id_column else columns))
    path = dataset_path(case.name, version, RECORDS_FILE)
    return ErasedRecords.read(store, case).without(_rows(store, path, part, names))


def _rows(store: BlobStore, path: str, part: str, columns: Sequence[str]) -> pa.Table:
    with store.open(path) as file:
        return pq.read_table(file, columns=list(columns), filters=[(PART, "=", part)])
