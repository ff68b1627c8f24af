"""Dataset versions: immutable Parquet with a manifest, named by their content."""

from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import pyarrow as pa
from pydantic import Field, ValidationError

from data_pipeline.feedback.summary import FeedbackSummary
from data_pipeline.sources.raw import InputCount
from platform_core.contracts.base import Contract
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.parquet import read_table
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    MANIFEST_FILE,
    RECORDS_FILE,
    dataset_path,
    datasets_folder,
    parse_dataset_version,
)

LATEST = "latest"


class SplitSummary(Contract):
    """How the sides of the split were chosen and why so. `boundaries` has, for a split by time,
    the first time of the test split per class. `declared`: no model was fitted on any row.
    """

    method: Literal["time", "content", "declared"]
    why: str
    boundaries: dict[str, datetime] = Field(default_factory=dict)


class SourceCount(Contract):
    """A file of the source, and how many records of the dataset version came from it."""

    source: str
    rows: int


class DatasetManifest(Contract):
    """`manifest.json` of a dataset version; `classes` counts rows per class.

    `rows`, `classes`, `test_rows`, `clusters`, `near_duplicates` (rows in clusters of more than
    one), `times_unknown` and `sources` are about all records; the other counts, `reasons`,
    `warnings` and `split` about the rows of this ingest, which is all of them without `parents`:
    then `rows_read` is `rows`, `rows_quarantined`, `duplicates` and `erased`. `inputs` accounts for
    each input in its own unit; what was set aside there is in quarantine. `pooled` names the
    sources where there are several; then what is before the first slash in the column `source` is
    one. `erased` rows of this ingest and of the parents belong to erased records and were left out.
    `feedback` is about the labelled inference records of this ingest, if its source were these.
    """

    dataset_version: str
    use_case: str
    created_at: datetime
    rows: int
    rows_read: int
    rows_quarantined: int
    duplicates: int
    test_rows: int
    classes: dict[str, int]
    columns: dict[str, str]
    split: SplitSummary = SplitSummary(method="content", why="the only method when it was made")
    near_duplicates: int = 0
    clusters: int = 0
    reasons: dict[str, int] = Field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    sources: tuple[SourceCount, ...] = ()
    times_unknown: int = 0
    data_source: str = ""
    pooled: tuple[str, ...] = ()
    unreadable_files: int = 0
    inputs: tuple[InputCount, ...] = ()
    truncated: dict[str, int] = Field(default_factory=dict)
    erased: int = 0
    feedback: FeedbackSummary | None = None


def read_manifest(store: BlobStore, use_case: str, version: str) -> DatasetManifest:
    """Return a dataset version's manifest; `InvalidData` when it cannot be read."""
    path = dataset_path(use_case, version, MANIFEST_FILE)
    try:
        return DatasetManifest.model_validate_json(store.read(path))
    except ValidationError as error:
        raise InvalidData(f"{path} is damaged: {error.error_count()} errors") from error


def manifests(store: BlobStore, use_case: str) -> Iterator[DatasetManifest]:
    """Yield the manifests of all dataset versions of a use case, newest first.

    Raises:
        InvalidData: one of them cannot be read.
    """
    blobs = store.list(datasets_folder(use_case))
    versions = [parse_dataset_version(use_case, blob.path) for blob in blobs]
    found = [read_manifest(store, use_case, version) for version in versions if version]
    yield from sorted(found, key=lambda m: (m.created_at, m.dataset_version), reverse=True)


def find_base(store: BlobStore, use_case: str, base: str) -> DatasetManifest | None:
    """Return the dataset version that `base` names: "" is none, "latest" the newest one.

    Raises:
        InvalidData: there is no such dataset version.
    """
    if not base:
        return None
    if base == LATEST:
        split = (one for one in manifests(store, use_case) if one.split.method != "declared")
        newest = next(split, None)
        if newest is None:
            raise InvalidData(
                f"there is no dataset version of {use_case} to add to; leave BASE out once"
            )
        return newest
    try:
        return read_manifest(store, use_case, base)
    except BlobNotFound as error:
        known = [m.dataset_version for m in manifests(store, use_case)][:5]
        raise InvalidData(
            f"there is no dataset version {base} of {use_case}; the newest are "
            f"{', '.join(known) or 'none'}; BASE takes one of them or {LATEST}"
        ) from error


def read_records(store: BlobStore, use_case: str, version: str) -> pa.Table:
    """Return the records of a dataset version, ordered by `row_id`."""
    return read_table(store, dataset_path(use_case, version, RECORDS_FILE))
