"""The slices of the rows of the test split."""

import pyarrow as pa

from data_pipeline.columns import SOURCE, TEST
from data_pipeline.stored import read_part, read_sources
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase


def slices_of_test_part(store: BlobStore, case: UseCase, version: str) -> pa.RecordBatch:
    """Return, per row of the test split ordered by `row_id`, its slice of each kind (string):
    those of the use case, and `source` where the dataset version has several.
    """
    kinds = case.training().slices(read_part(store, case, version, TEST))
    sources = read_sources(store, case, version, TEST)
    if len(sources.unique()) <= 1:
        return kinds
    columns, names = [*kinds.columns, sources], [*kinds.schema.names, SOURCE]
    return pa.RecordBatch.from_arrays(columns, names=names)
