"""A batch of raw records sorted into records and refused rows, row by row.

Nothing here looks beyond its batch: what needs all rows (duplicates, the split) follows from the
small columns that every batch leaves.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import (
    EVENT_TIMESTAMP,
    LABEL,
    PREDICTION_ID,
    REASON,
    ROW_ID,
    SOURCE,
    one_batch,
)
from data_pipeline.near_duplicates import signatures
from data_pipeline.sources.raw import (
    OWN_COLUMNS,
    PREDICTION_COLUMN,
    SOURCE_COLUMN,
    TIME_COLUMN,
)
from data_pipeline.validation.labels import count_spellings, read_labels
from data_pipeline.validation.times import Times, no_times, read_times
from data_pipeline.versions.identity import content_ids
from use_cases import UseCase, validate_columns
from use_cases.plain_columns import readable

QUARANTINE_CHARACTERS = 1_000
_NUL = "\x00"


@dataclass(frozen=True)
class CheckedBatch:
    """What one batch came to.

    `accepted` has the record's columns, `label`, `row_id`, `source`, `prediction_id` (null for a
    row that is no prediction) and the readings of the time;
    `extra` has the further scalar columns of the source, `None` without any. `minhash` [N, 120]
    uint8 and `has_text` have an entry per accepted row. `refused` is text with `reason` and
    `source`. `erased` rows of erased records are in none of these.
    """

    rows: int
    accepted: pa.Table
    extra: pa.Table | None
    refused: pa.Table
    minhash: np.ndarray
    has_text: np.ndarray
    spellings: Counter[str]
    nul_rows: int
    erased: int = 0


@dataclass(frozen=True)
class RowChecker:
    """Checks batches of one use case's raw records; the same batch gives the same result in any
    process.
    """

    use_case: UseCase

    def __call__(self, raw: pa.RecordBatch) -> CheckedBatch:
        """Return the rows of `raw` that fit as records, the others with the reason."""
        case = self.use_case
        raw, nul_rows = without_nul(case, raw)
        checked = validate_columns(case, raw)
        given = raw.column(case.training().label.column)
        labels, label_reasons = read_labels(case, given)
        reasons = pc.coalesce(checked.reasons, label_reasons)
        fits = reasons.is_null()
        accepted = self._accepted(raw, checked.records, labels).filter(fits)
        batch = one_batch(accepted, case.record_schema)
        minhash, has_text = signatures(case.training().duplicate_text(batch))
        kept_raw = raw.filter(fits)
        times = self._times(kept_raw)
        accepted = accepted.append_column(ROW_ID, content_ids(case, accepted))
        for name, values in times.columns().items():
            accepted = accepted.append_column(name, values)
        extra = {name: readable(kept_raw[name]) for name in self.extra_columns(raw.schema)}
        return CheckedBatch(
            rows=raw.num_rows,
            accepted=accepted,
            extra=pa.table(extra) if extra else None,
            refused=self._refused(raw.filter(pc.invert(fits)), reasons.drop_null()),
            minhash=minhash,
            has_text=has_text,
            spellings=count_spellings(given.filter(labels.is_null())),
            nul_rows=nul_rows,
        )

    def extra_columns(self, raw: pa.Schema) -> list[str]:
        """Return the columns of a source that the use case does not name."""
        case = self.use_case
        named = {
            *case.record_schema.names,
            case.training().label.column,
            case.training().time_column,
            *OWN_COLUMNS,
        }
        return [name for name in raw.names if name not in named]

    def _accepted(self, raw: pa.RecordBatch, records: pa.RecordBatch, labels: pa.Array) -> pa.Table:
        table = pa.Table.from_batches([records]).append_column(LABEL, labels)
        table = table.append_column(SOURCE, raw.column(SOURCE_COLUMN).cast(pa.string()))
        predicted = PREDICTION_COLUMN in raw.schema.names
        ids = raw.column(PREDICTION_COLUMN) if predicted else _nothing(raw)
        return table.append_column(PREDICTION_ID, ids)

    def _times(self, raw: pa.RecordBatch) -> Times:
        for name in (TIME_COLUMN, self.use_case.training().time_column):
            if name in raw.schema.names:
                return read_times(readable(raw.column(name)))
        return no_times(raw.num_rows)

    def _refused(self, raw: pa.RecordBatch, reasons: pa.Array) -> pa.Table:
        case = self.use_case
        names = {name: name for name in case.record_schema.names}
        names |= {LABEL: case.training().label.column, EVENT_TIMESTAMP: case.training().time_column}
        columns = {
            name: as_text(raw.column(given)) if given in raw.schema.names else _nothing(raw)
            for name, given in names.items()
        }
        columns[REASON] = reasons
        columns[SOURCE] = raw.column(SOURCE_COLUMN).cast(pa.string())
        return pa.table(columns)


def quarantine_schema(use_case: UseCase) -> pa.Schema:
    """Return the columns of refused rows, all of them text."""
    names = (*use_case.record_schema.names, LABEL, EVENT_TIMESTAMP, REASON, SOURCE)
    return pa.schema([pa.field(name, pa.string()) for name in names])


def without_nul(use_case: UseCase, raw: pa.RecordBatch) -> tuple[pa.RecordBatch, int]:
    """Return `raw` without NUL characters in its text, and how many rows had one.

    They are written by mistake, and libraries in C end a text at the first one.
    """
    touched = pa.repeat(False, raw.num_rows)
    for name in use_case.record_schema.names:
        column = raw.column(name) if name in raw.schema.names else pa.nulls(0)
        if column.type not in {pa.string(), pa.large_string()}:
            continue
        held = pc.fill_null(pc.match_substring(column, _NUL), False)
        if pc.any(held).as_py():
            touched = pc.or_(touched, held)
            index = raw.schema.get_field_index(name)
            clean = pc.replace_substring(column, _NUL, "")
            raw = raw.set_column(index, raw.schema.field(name), clean)
    return raw, pc.sum(touched).as_py() or 0


def as_text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return values as people read them, cut to 1,000 characters; also bytes that are not text."""
    return pa.array([_text(value) for value in column], pa.string())


def _text(value: pa.Scalar) -> str | None:
    if not value.is_valid:
        return None
    try:
        plain = value.as_py()
    except UnicodeDecodeError:
        plain = value.as_buffer().to_pybytes()
    if isinstance(plain, bytes):
        plain = plain.decode(errors="replace")
    return str(plain)[:QUARANTINE_CHARACTERS]


def _nothing(raw: pa.RecordBatch) -> pa.Array:
    return pa.nulls(raw.num_rows, pa.string())
