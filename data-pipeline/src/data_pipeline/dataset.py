"""Dataset versions: immutable Parquet with a manifest, named by their content."""

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from data_pipeline.identity import TEST, parts, table_digest
from data_pipeline.validation import LABEL, ROW_ID, Validated
from platform_core.clock import Clock
from platform_core.contracts.base import Contract
from platform_core.errors import InvalidData
from platform_core.parquet import read_table, write_table
from platform_core.ports.blob_store import BlobStore
from use_cases import UseCase

PART = "part"
MIN_TEST_ROWS = 20


class DatasetManifest(Contract):
    """`manifest.json` of a dataset version; `classes` counts rows per class."""

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


def dataset_path(use_case: str, version: str) -> str:
    """Return the folder of a dataset version."""
    return f"training-data/{use_case}/{version}"


def freeze(store: BlobStore, use_case: UseCase, validated: Validated, clock: Clock) -> str:
    """Write a dataset version and return its name; content that is there already stays.

    Rows are ordered by `row_id`, so the order they arrived in does not matter.

    Raises:
        InvalidData: too few rows fall into the test part to judge a model.
    """
    records = validated.records.append_column(PART, parts(validated.records[ROW_ID]))
    records = records.sort_by(ROW_ID)
    test = records.filter(pc.equal(records[PART], TEST))
    if test.num_rows < MIN_TEST_ROWS or len(test[LABEL].unique()) < len(use_case.classes):
        raise InvalidData(
            f"only {test.num_rows} of {records.num_rows} rows are kept for the test, with "
            f"{len(test[LABEL].unique())} of {len(use_case.classes)} classes; at least "
            f"{MIN_TEST_ROWS} with every class are needed: give more data"
        )
    version = table_digest(records)
    folder = dataset_path(use_case.name, version)
    if store.exists(f"{folder}/manifest.json"):
        return version
    manifest = DatasetManifest(
        dataset_version=version,
        use_case=use_case.name,
        created_at=clock.now(),
        rows=records.num_rows,
        rows_read=validated.rows,
        rows_quarantined=validated.quarantine.num_rows,
        duplicates=validated.duplicates,
        test_rows=test.num_rows,
        classes=_counts(records[LABEL]),
        columns={field.name: str(field.type) for field in records.schema},
    )
    write_table(store, f"{folder}/quarantine.parquet", validated.quarantine)
    write_table(store, f"{folder}/records.parquet", records)
    store.write(f"{folder}/manifest.json", manifest.model_dump_json(indent=1).encode())
    return version


def read_manifest(store: BlobStore, use_case: str, version: str) -> DatasetManifest:
    """Return a dataset version's manifest; `InvalidData` when it cannot be read."""
    path = f"{dataset_path(use_case, version)}/manifest.json"
    try:
        return DatasetManifest.model_validate_json(store.read(path))
    except ValidationError as error:
        raise InvalidData(f"{path} is damaged: {error.error_count()} errors") from error


def read_records(store: BlobStore, use_case: str, version: str) -> pa.Table:
    """Return the records of a dataset version, ordered by `row_id`."""
    return read_table(store, f"{dataset_path(use_case, version)}/records.parquet")


def _counts(labels: pa.ChunkedArray) -> dict[str, int]:
    return {pair["values"]: pair["counts"] for pair in pc.value_counts(labels).to_pylist()}
