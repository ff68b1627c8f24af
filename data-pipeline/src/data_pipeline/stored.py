"""The parts of a dataset version: its records, and its features once they are computed."""

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import CLUSTER, LABEL, PART, ROW_ID
from data_pipeline.versions.manifest import read_records
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import FEATURES_FILE, dataset_path
from use_cases import UseCase, model_schema


def read_features(store: BlobStore, case: UseCase, version: str, part: str) -> pa.Table:
    """Return `row_id`, `label`, `cluster` and the model's input of the rows of `part` (`train`,
    `test`).
    """
    table = read_table(store, dataset_path(case.name, version, FEATURES_FILE))
    columns = [ROW_ID, LABEL, CLUSTER, *model_schema(case).arrow.names]
    return table.filter(pc.equal(table[PART], part)).select(columns)


def read_part(store: BlobStore, case: UseCase, version: str, part: str) -> pa.RecordBatch:
    """Return the records (`record_schema`) of `part` (`train`, `test`), ordered by `row_id`."""
    table = read_records(store, case.name, version)
    records = table.filter(pc.equal(table[PART], part)).select(case.record_schema.names)
    return records.combine_chunks().to_batches()[0]
