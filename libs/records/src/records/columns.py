"""The columns of the inference log: the only mapping between a record and its Parquet row."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from platform_core.contracts.inference_record import InferenceRecord
from platform_core.contracts.tasks import INTERVAL_ENDS
from platform_core.errors import InvalidData
from use_cases import UseCase

PREDICTION_ID = "prediction_id"
TIME = "time"
TIME_TYPE = pa.timestamp("us", tz="UTC")
RELEASE_ID = "release_id"
ROLE = "role"
FAILED = "failed"
SERVICE_MS = "service_ms"
PURPOSE = "purpose"
PREDICTION = "prediction"
FEATURES = "features"
COMMON_COLUMNS = (
    pa.field(PREDICTION_ID, pa.string()),
    pa.field("request_id", pa.string()),
    pa.field(TIME, TIME_TYPE),
    pa.field("use_case", pa.string()),
    pa.field("environment", pa.string()),
    pa.field(RELEASE_ID, pa.string()),
    pa.field(ROLE, pa.string()),
    pa.field(PURPOSE, pa.string()),
    pa.field("degraded", pa.bool_()),
    pa.field("latency_ms", pa.float64()),
    pa.field(SERVICE_MS, pa.float64()),
    pa.field(FAILED, pa.bool_()),
)


class LogColumns:
    """The columns of one use case's log.

    `inputs` and `probabilities` give the column of each field and class. The numbers a model saw
    are one list per row, `features`, entity features last; text features have no column: they
    follow from the input. Without classes the prediction is a number, with the columns
    `interval.low` and `interval.high`.
    """

    def __init__(self, record_schema: pa.Schema, classes: Collection[str]) -> None:
        self.interval = () if classes else INTERVAL_ENDS
        self.prediction_type = pa.string() if classes else pa.float64()
        self.inputs = {name: f"input.{name}" for name in record_schema.names}
        self.probabilities = {name: f"probability.{name}" for name in classes}
        self.schema = pa.schema(
            [
                *COMMON_COLUMNS,
                pa.field(PREDICTION, self.prediction_type),
                *(pa.field(self.inputs[field.name], field.type) for field in record_schema),
                pa.field(FEATURES, pa.list_(pa.float32())),
                *(pa.field(column, pa.float64()) for column in self.probabilities.values()),
                *(pa.field(column, pa.float64()) for column in self.interval),
            ]
        )

    def table(self, records: Sequence[InferenceRecord]) -> pa.Table:
        """Return one row per record; a value that a record does not have is null.

        Raises:
            InvalidData: a value does not fit its column.
        """
        values = [[getattr(record, field.name) for record in records] for field in COMMON_COLUMNS]
        values += [[record.prediction for record in records]]
        values += _values(self.inputs, [record.input for record in records])
        values += [[record.features for record in records]]
        values += _values(self.probabilities, [record.probabilities for record in records])
        values += [
            [None if record.interval is None else record.interval[end] for record in records]
            for end in range(len(self.interval))
        ]
        try:
            columns = [
                pa.array(column, type_)
                for column, type_ in zip(values, self.schema.types, strict=True)
            ]
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
            raise InvalidData(f"inference records do not fit the log's schema: {error}") from error
        return pa.table(columns, schema=self.schema)

    def record(self, row: Mapping[str, Any]) -> InferenceRecord:
        """Return the record of a row of `table`."""
        common = {field.name: row[field.name] for field in COMMON_COLUMNS if field.name in row}
        ends = [row[end] for end in self.interval]
        return InferenceRecord(
            **common,
            prediction=row[PREDICTION],
            input=_present(self.inputs, row),
            features=row[FEATURES] or [],
            probabilities=_present(self.probabilities, row),
            interval=(ends[0], ends[1]) if ends and None not in ends else None,
        )


@cache
def log_columns(case: UseCase) -> LogColumns:
    """Return the columns of a use case's log."""
    return LogColumns(case.record_schema, case.classes)


def column(records: pa.RecordBatch, name: str | None) -> pa.Array | None:
    """Return a column of the log; `None` when these records were written without it."""
    index = -1 if name is None else records.schema.get_field_index(name)
    return None if index < 0 else records.column(index)


def _present(columns: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[column] for name, column in columns.items() if row.get(column) is not None}


def _values(columns: Iterable[str], documents: list[Mapping[str, object]]) -> list[list[object]]:
    return [[document.get(name) for document in documents] for name in columns]
