"""From a raw table to clean labelled records; what is refused goes to quarantine."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.identity import content_ids
from platform_core.errors import InvalidData
from use_cases import UseCase, validate_columns

LABEL, EVENT_TIMESTAMP, ROW_ID, REASON = "label", "event_timestamp", "row_id", "reason"
TIMESTAMP = pa.timestamp("us", tz="UTC")
MIN_ROWS_PER_CLASS = 10


@dataclass(frozen=True)
class Validated:
    """`records`: record columns, `label` (class), `event_timestamp` (null where unknown) and
    `row_id`, without duplicates. `quarantine`: the refused rows as text, with `reason`.
    """

    records: pa.Table
    quarantine: pa.Table
    rows: int
    duplicates: int


def validate(use_case: UseCase, raw: pa.Table, max_invalid_share: float) -> Validated:
    """Sort the rows of `raw` into records and quarantine.

    Duplicates (the same content but for the record's id) are dropped; the same content with
    two labels is refused, since nobody can say which is right.

    Raises:
        InvalidData: more than `max_invalid_share` of the rows are refused, or a class has
            fewer than 10 rows.
    """
    checked = validate_columns(use_case, raw)
    labels = _labels(use_case, raw[use_case.label_column])
    unlabelled = pc.if_else(labels.is_null(), f"{use_case.label_column} is no known label", None)
    reasons = pc.coalesce(checked.reasons, unlabelled)
    table = _table(use_case, raw, checked.records, labels)
    clean = table.filter(reasons.is_null())
    clean = clean.append_column(ROW_ID, content_ids(use_case, clean))
    contradicting = _contradicting(clean)
    unique = _first_of_each(clean.filter(pc.invert(contradicting)))
    contradictions = clean.filter(contradicting).drop_columns([ROW_ID])
    quarantine = pa.concat_tables(
        [
            _quarantine(table.filter(reasons.is_valid()), reasons.drop_null()),
            _quarantine(contradictions, "the same content has two labels"),
        ]
    )
    duplicates = raw.num_rows - quarantine.num_rows - unique.num_rows
    result = Validated(unique, quarantine, raw.num_rows, duplicates)
    _refuse_hopeless(use_case, result, max_invalid_share)
    return result


def _labels(use_case: UseCase, column: pa.ChunkedArray) -> pa.Array:
    """Return the class of each label, null where the use case does not know it."""
    text = [None if value is None else str(value).strip().lower() for value in column.to_pylist()]
    # A label column with one missing value arrives as floats: 1.0 is the label 1.
    text = [value[:-2] if value and value.endswith(".0") else value for value in text]
    return pa.array([use_case.label_values.get(value) for value in text], pa.string())


def _table(use_case: UseCase, raw: pa.Table, records: pa.RecordBatch, labels: pa.Array) -> pa.Table:
    table = pa.Table.from_batches([records]).append_column(LABEL, labels)
    return table.append_column(EVENT_TIMESTAMP, _times(use_case, raw))


def _times(use_case: UseCase, raw: pa.Table) -> pa.Array:
    if use_case.time_column not in raw.column_names:
        return pa.nulls(raw.num_rows, TIMESTAMP)
    column = raw[use_case.time_column].combine_chunks()
    try:
        return column.cast(TIMESTAMP)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise InvalidData(
            f"the column {use_case.time_column} of type {column.type} cannot be read as a time "
            f"({error}); write ISO 8601 with a zone, or leave the column out"
        ) from error


def _contradicting(records: pa.Table) -> pa.Array:
    labels = records.group_by(ROW_ID).aggregate([(LABEL, "count_distinct")])
    several = labels.filter(pc.greater(labels[f"{LABEL}_count_distinct"], 1))[ROW_ID]
    return pc.is_in(records[ROW_ID], value_set=several.combine_chunks())


def _first_of_each(records: pa.Table) -> pa.Table:
    numbered = records.append_column("_row", pa.array(range(records.num_rows), pa.int64()))
    first = numbered.group_by(ROW_ID).aggregate([("_row", "min")])["_row_min"]
    return records.take(first.combine_chunks().sort())


def _quarantine(rows: pa.Table, reason: pa.Array | str) -> pa.Table:
    reasons = pa.repeat(reason, rows.num_rows) if isinstance(reason, str) else reason
    columns = [column.cast(pa.string()) for column in rows.columns]
    names = rows.column_names
    return pa.table([*columns, reasons], names=[*names, REASON])


def _refuse_hopeless(use_case: UseCase, result: Validated, max_invalid_share: float) -> None:
    share = result.quarantine.num_rows / result.rows
    if share > max_invalid_share:
        common = pc.mode(result.quarantine[REASON].combine_chunks().dictionary_encode().indices)
        first = result.quarantine[REASON].unique()[common[0]["mode"].as_py()] if common else ""
        raise InvalidData(
            f"{result.quarantine.num_rows} of {result.rows} rows ({share:.0%}) cannot be used, "
            f"more than the {max_invalid_share:.0%} allowed; the most frequent reason: {first}"
        )
    counts = dict.fromkeys(use_case.classes, 0)
    for pair in pc.value_counts(result.records[LABEL]).to_pylist():
        counts[pair["values"]] = pair["counts"]
    few = {name: count for name, count in counts.items() if count < MIN_ROWS_PER_CLASS}
    if few:
        seen = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise InvalidData(
            f"a model of {', '.join(use_case.classes)} needs at least {MIN_ROWS_PER_CLASS} "
            f"different rows of each class, the data has {seen}"
        )
