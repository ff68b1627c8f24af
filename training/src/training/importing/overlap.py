"""Find held-out rows that are also in the training split of a dataset version."""

from collections.abc import Iterator

import pyarrow.compute as pc

from data_pipeline.columns import PART, ROW_ID, TRAIN
from data_pipeline.versions.manifest import DatasetManifest, manifests
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import INDEX_FILE, dataset_path
from use_cases import UseCase


def overlaps(store: BlobStore, case: UseCase, holdout: DatasetManifest) -> Iterator[str]:
    """Yield a sentence for each dataset version whose training split has rows of the
    holdout.
    """
    index = dataset_path(case.name, holdout.dataset_version, INDEX_FILE)
    given = read_table(store, index, [ROW_ID])[ROW_ID]
    for other in manifests(store, case.name):
        if other.split.method == "declared":
            continue  # no model was fitted on it
        path = dataset_path(case.name, other.dataset_version, INDEX_FILE)
        rows = read_table(store, path, [ROW_ID, PART])
        trained = rows.filter(pc.equal(rows[PART], TRAIN))[ROW_ID].combine_chunks()
        count = pc.sum(pc.is_in(given, trained)).as_py() or 0
        if count:
            yield (
                f"{count} of {len(given)} rows that were declared unseen are in the training split "
                f"of dataset version {other.dataset_version}; if the model was trained on it, its "
                "metrics are too optimistic."
            )
