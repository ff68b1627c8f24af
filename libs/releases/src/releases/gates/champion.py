"""The release in production, and the test rows on which a candidate is compared with it."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from evaluation import unseen_rows
from platform_core.contracts.environments import Environment
from platform_core.errors import BlobNotFound, ReleaseNotFound, ReleaseRefused
from platform_core.ledger import Ledger
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import FEATURES_FILE, INDEX_FILE, dataset_path
from scoring import Release, load_lineage, load_release

_COLUMNS = ["row_id", "cluster", "part"]


def load_champion(store: BlobStore, ledger: Ledger, use_case: str) -> Release | None:
    """Return the release that production serves; `None` if there is none or it cannot be loaded."""
    active = ledger.active(use_case, Environment.PRODUCTION)
    if active is None:
        return None
    try:
        return load_release(store, use_case, active)
    except (ReleaseNotFound, ReleaseRefused):
        return None


def load_test_rows(store: BlobStore, use_case: str, dataset_version: str) -> pa.Table:
    """Return features and labels of a dataset version's test split.

    Raises:
        BlobNotFound: the dataset version does not exist.
    """
    table = read_table(store, dataset_path(use_case, dataset_version, FEATURES_FILE))
    return table.filter(pc.equal(table.column("part"), "test"))


@dataclass(frozen=True)
class UnseenRows:
    """Test rows to compare two releases on; `known`: the champion was not trained on them."""

    rows: pa.Table
    known: bool


def rows_unseen_by(
    champion: Release | None, test: pa.Table, store: BlobStore, use_case: str
) -> UnseenRows:
    """Return the rows of `test` that `champion` was trained on neither directly nor through near
    duplicates.

    Within a chain of dataset versions these are all rows. Without the columns `row_id` and
    `cluster`, or if the champion was imported or its dataset version does not exist, it is not
    known, and all rows are returned.
    """
    if champion is None:
        return UnseenRows(test, known=True)
    trained = None
    if {"row_id", "cluster"} <= set(test.column_names):
        trained = _training_ids(store, use_case, champion)
    if trained is None:
        return UnseenRows(test, known=False)
    return UnseenRows(unseen_rows(test, trained), known=True)


def _training_ids(store: BlobStore, use_case: str, champion: Release) -> pa.Array | None:
    """Return the ids of the rows, and of their clusters, in the champion's training split."""
    lineage = load_lineage(store, use_case, champion.id)
    if lineage.imported is not None:
        return None
    version = lineage.dataset_version
    try:
        index = read_table(store, dataset_path(use_case, version, INDEX_FILE), _COLUMNS)
    except BlobNotFound:
        return None
    train = index.filter(pc.equal(index["part"], "train"))
    return pa.concat_arrays([train[n].combine_chunks() for n in ("row_id", "cluster")]).unique()
