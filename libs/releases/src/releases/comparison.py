"""The rows on which a candidate and the champion can be compared fairly."""

import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import BlobNotFound
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import INDEX_FILE, dataset_path
from scoring import Release, load_lineage

_COLUMNS = ["row_id", "cluster", "part"]


def unseen_rows(
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
    seen = pc.or_(pc.is_in(test["row_id"], trained), pc.is_in(test["cluster"], trained))
    # One row that was seen gives its near duplicates away as well.
    clusters = test["cluster"].filter(seen).combine_chunks()
    return test.filter(pc.invert(pc.is_in(test["cluster"], clusters)))


def _trained_on(store: BlobStore, use_case: str, champion: Release) -> pa.Array | None:
    """Return the ids of the rows, and of their clusters, in the champion's training part."""
    version = load_lineage(store, use_case, champion.id).dataset_version
    try:
        index = read_table(store, dataset_path(use_case, version, INDEX_FILE), _COLUMNS)
    except BlobNotFound:
        return None
    train = index.filter(pc.equal(index["part"], "train"))
    return pa.concat_arrays([train[n].combine_chunks() for n in ("row_id", "cluster")]).unique()
