"""The columns of a dataset version that are not part of the use case's record schema."""

from collections.abc import Sequence

import pyarrow as pa

from use_cases import UseCase

LABEL, EVENT_TIMESTAMP, ROW_ID, CLUSTER = "label", "event_timestamp", "row_id", "cluster"
PART, SOURCE, REASON, MINHASH = "part", "source", "reason", "minhash"
PREDICTION_ID = "prediction_id"
TRAIN, TEST = "train", "test"
TIMESTAMP = pa.timestamp("us", tz="UTC")
ALL_ROWS = "all rows"
"""The one group of rows where labels are numbers."""


def label_type(case: UseCase) -> pa.DataType:
    """Return the type of the column `label`: a class, or for regression a number."""
    return pa.float64() if case.task == "regression" else pa.string()


def strata(classes: Sequence[str]) -> Sequence[str]:
    """Return the groups that a split divides alike: the classes, or all rows without any."""
    return classes or (ALL_ROWS,)


def stratum(classes: Sequence[str]) -> str:
    """Return the SQL expression of a row's group (see `strata`)."""
    return "label" if classes else f"'{ALL_ROWS}'"


def one_batch(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    """Return the columns of `schema` of a table as one record batch."""
    columns = [table[name].combine_chunks() for name in schema.names]
    return pa.record_batch(columns, schema=schema)
