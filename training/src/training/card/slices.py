"""The slices of the rows of the test part."""

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import PART, SOURCE, TEST
from data_pipeline.stored import read_part
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import RECORDS_FILE, dataset_path
from use_cases import UseCase


def slices_of_test_part(store: BlobStore, case: UseCase, version: str) -> pa.RecordBatch:
    """Return, per row of the test part ordered by `row_id`, its slice of each kind (string):
    those of the use case, and `source` where the dataset version has several.
    """
    kinds = case.training().slices(read_part(store, case, version, TEST))
    table = read_table(store, dataset_path(case.name, version, RECORDS_FILE), [PART, SOURCE])
    sources = table.filter(pc.equal(table[PART], TEST))[SOURCE].combine_chunks()
    if len(sources.unique()) <= 1:
        return kinds
    columns, names = [*kinds.columns, sources], [*kinds.schema.names, SOURCE]
    return pa.RecordBatch.from_arrays(columns, names=names)
