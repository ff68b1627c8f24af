"""The rows on which a candidate and the champion can be compared fairly."""

import pyarrow as pa
import pyarrow.compute as pc

from evaluation import unseen_rows
from platform_core.errors import BlobNotFound
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from scoring import Release, load_lineage

_COLUMNS = ["row_id", "cluster", "part"]


def rows_unseen_by(
    store: BlobStore, use_case: str, test: pa.Table, champion: Release | None
) -> pa.Table:
    """Return the rows of `test` that `champion` was not trained on, nor on near duplicates.

    Within a chain of dataset versions that is all of them. `test` needs `row_id` and `cluster` to
    tell; where these are absent, or the champion's dataset version is gone, all rows are returned.
    """
    if champion is None or not {"row_id", "cluster"} <= set(test.column_names):
        return test
    trained = _trained_on(store, use_case, champion)
    if trained is None:
        return test
    return unseen_rows(test, trained)


def _trained_on(store: BlobStore, use_case: str, champion: Release) -> pa.Array | None:
    """Return the ids of the rows, and of their clusters, in the champion's training part."""
    version = load_lineage(store, use_case, champion.id).dataset_version
    try:
        index = read_table(store, f"training-data/{use_case}/{version}/index.parquet", _COLUMNS)
    except BlobNotFound:
        return None
    train = index.filter(pc.equal(index["part"], "train"))
    return pa.concat_arrays([train[n].combine_chunks() for n in ("row_id", "cluster")]).unique()
