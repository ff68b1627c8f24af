"""The columns of the inference log: the only mapping between a record and its Parquet row."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, get_args

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

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
MAX_SHOWN = 100
"""How many characters of a value that does not fit an error shows."""
_FIELDS = InferenceRecord.model_fields
_DEFAULTS = {
    name: field.default
    for name, field in _FIELDS.items()
    if not field.is_required() and field.default is not None
}
_NEVER_NULL = [
    name
    for name, field in _FIELDS.items()
    if field.is_required() and type(None) not in get_args(field.annotation)
]


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
        number = pa.float64()
        self._json_schema = pa.schema(
            [
                *COMMON_COLUMNS,
                self.schema.field(PREDICTION),
                pa.field("input", pa.struct(list(record_schema))),
                self.schema.field(FEATURES),
                pa.field("probabilities", pa.struct([(name, number) for name in classes])),
                pa.field("interval", pa.list_(number)),
            ]
        )

    def table(self, records: Sequence[InferenceRecord]) -> pa.Table:
        """Return one row per record; a value that a record does not have is null.

        Raises:
            InvalidData: a value does not fit its column.
        """
        return self.read([record.model_dump_json().encode() for record in records])

    def read(self, documents: Sequence[bytes]) -> pa.Table:
        """Return one row per record; `documents` are records as JSON.

        Arrow parses them without the GIL, so that other threads go on.

        Raises:
            InvalidData: a document is not a record of this version, or a value does not fit its
                column.
        """
        if not documents:
            return self.schema.empty_table()
        try:
            found = self._parsed(documents)
        except pa.ArrowInvalid as error:
            raise InvalidData(
                f"inference records do not fit the log's schema: {error}{self._misfit(documents)}"
            ) from error
        if unknown := sorted(set(found.column_names) - set(self._json_schema.names)):
            raise InvalidData(f"inference records have unknown fields: {', '.join(unknown)}")
        if absent := [name for name in _NEVER_NULL if found[name].null_count]:
            raise InvalidData(f"inference records lack the fields {', '.join(absent)}")
        for name, default in _DEFAULTS.items():
            filled = found[name].fill_null(default)
            found = found.set_column(found.schema.get_field_index(name), name, filled)
        columns = [found[field.name] for field in (*COMMON_COLUMNS, self.schema.field(PREDICTION))]
        columns += [pc.struct_field(found["input"], name) for name in self.inputs]
        columns += [found[FEATURES]]
        columns += [pc.struct_field(found["probabilities"], name) for name in self.probabilities]
        columns += [pc.list_element(found["interval"], end) for end in range(len(self.interval))]
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

    def _parsed(self, documents: Sequence[bytes]) -> pa.Table:
        lines = b"\n".join(documents)
        return pj.read_json(
            pa.BufferReader(lines),
            pj.ReadOptions(use_threads=False, block_size=len(lines) + 1),
            pj.ParseOptions(explicit_schema=self._json_schema),
        )

    def _misfit(self, documents: Iterable[bytes]) -> str:
        """Name the first value of an input that does not fit, without the rest of its record, which
        must not get into logs.
        """
        fields = self._json_schema.field("input").type
        for document in documents:
            try:
                values = orjson.loads(document)["input"]
                wrong = [f.name for f in fields if not _fits(values.get(f.name), f.type)]
            except (ValueError, KeyError, TypeError, AttributeError):
                return ""  # no record at all
            if wrong:
                return f"; {wrong[0]} is {values[wrong[0]]!r:.{MAX_SHOWN}}"
        return ""


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


def _fits(value: object, kind: pa.DataType) -> bool:
    try:
        pa.array([value], kind)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return False
    return True
