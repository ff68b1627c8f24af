"""The columns of the sample: what each is to a model, and how well it predicts the label."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import EVENT_TIMESTAMP, LABEL, PART, ROW_ID, SOURCE
from data_pipeline.report.contract import ColumnReport, Quantiles, Role
from data_pipeline.report.leakage import as_numbers, column_aucs, is_text, known_values
from use_cases import UseCase, model_schema

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_WITH_QUANTILES = (Role.FEATURE, Role.ENTITY, Role.RECORD)


@dataclass(frozen=True)
class Column:
    """One column of the sample, and the label of each of its rows."""

    name: str
    role: Role
    values: pa.Array
    labels: pa.Array


def sample_columns(
    case: UseCase, records: pa.Table, features: pa.Table | None, extra: pa.Table | None
) -> list[Column]:
    """Return every column that could predict the label: the model's input, the other columns of
    the records, and the time and source of the records.

    `features` (the model's input) have the rows of `records`; `extra` are columns of the source
    that the use case does not name. Either may be `None`.
    """
    schema, model = model_schema(case), []
    if features is not None:
        model = list(schema.names)
        features = schema.columns(features).append_column(LABEL, features[LABEL])
    times = _columns(records, [EVENT_TIMESTAMP], Role.TIME)
    times = [replace(c, name=case.training().time_column or c.name) for c in times]
    several = SOURCE in records.column_names and len(records[SOURCE].unique()) > 1
    # Where a feature is the column itself (iris), it is judged once.
    raw = _columns(records, [n for n in case.record_schema.names if n not in model], Role.RECORD)
    if model:
        raw = [c if _is_read(case, c.name) else replace(c, role=Role.NONE) for c in raw]
    extra_names = extra.column_names if extra is not None else []
    return [
        *_mark_entities(case, _columns(features, model, Role.FEATURE)),
        *raw,
        *(column for column in times if column.values.null_count < len(column.values)),
        *_columns(records, [SOURCE] if several else [], Role.NONE),
        *_columns(extra, [n for n in extra_names if n not in (ROW_ID, LABEL, PART)], Role.NONE),
    ]


def column_reports(
    case: UseCase,
    columns: Iterable[Column],
    limit: float,
    classes: Sequence[str] | None = None,
) -> tuple[ColumnReport, ...]:
    """Return the reports of `columns`, the strongest predictor of the label first; their labels are
    `classes`, by default those of the use case.

    A column warns when one of its encodings has an AUC above `limit`. With two classes the AUC
    is that of the positive class, with more that of each against the others.
    """
    classes = classes or case.classes
    several = len(classes) > 2  # noqa: PLR2004
    watched = classes if several else [case.positive or classes[-1]]
    found = [_report(case, column, classes, watched, limit) for column in columns]
    return tuple(sorted(found, key=lambda one: (-one.aucs[0].auc if one.aucs else 0, one.name)))


def _report(
    case: UseCase, column: Column, classes: Sequence[str], watched: Sequence[str], limit: float
) -> ColumnReport:
    values = known_values(column.values)
    aucs = column_aucs(values, column.labels, watched)
    described = column.role in _WITH_QUANTILES and column.name != case.id_column
    return ColumnReport(
        name=column.name,
        role=column.role,
        rows=len(values),
        known=len(values) - values.null_count,
        aucs=aucs,
        warning=bool(aucs) and aucs[0].auc > limit,
        text=is_text(values.type),
        quantiles=dict(_quantiles(values, column.labels, classes)) if described else {},
    )


def _quantiles(
    values: pa.Array, labels: pa.Array, classes: Sequence[str]
) -> Iterator[tuple[str, Quantiles]]:
    """Yield the quantiles of each class that has values."""
    numbers = as_numbers(pc.utf8_length(values) if is_text(values.type) else values)
    if numbers is None:
        return
    for name in classes:
        own = numbers[pc.equal(labels, name).to_numpy(zero_copy_only=False)]
        own = own[np.isfinite(own)]
        if len(own):
            low, lower, median, upper, high = np.quantile(own, QUANTILES).tolist()
            yield name, (low, lower, median, upper, high)


def _columns(table: pa.Table | None, names: Sequence[str], role: Role) -> list[Column]:
    if table is None:
        return []
    labels = table[LABEL].combine_chunks()
    return [Column(name, role, table[name].combine_chunks(), labels) for name in names]


def _is_read(case: UseCase, name: str) -> bool:
    """Return whether a column of the records decides about features or entity: whether other
    values in it change those of the golden records.
    """
    golden = case.golden_records()
    index = golden.schema.get_field_index(name)
    values = golden.column(index)
    moved = values.take(pa.array(np.roll(np.arange(len(values)), 1)))
    if moved.equals(values):  # nothing can be seen
        return True
    other = golden.set_column(index, golden.schema.field(index), moved)
    same = case.features(other).equals(case.features(golden))
    return not (same and case.entity_keys(other).equals(case.entity_keys(golden)))


def _mark_entities(case: UseCase, columns: list[Column]) -> list[Column]:
    """Return the model's `columns` with entity features null where the entity is not known: there
    every entity feature has its explicit unknown value.
    """
    entity = case.entity_features
    if entity is None or not columns:
        return columns
    unknown = {feature.name: feature.unknown for feature in entity.features}
    known = pa.repeat(False, len(columns[0].values))
    for column in columns:
        if column.name in unknown:
            value = pa.scalar(unknown[column.name], column.values.type)
            known = pc.or_(known, pc.fill_null(pc.not_equal(column.values, value), False))
    return [
        replace(column, role=Role.ENTITY, values=pc.if_else(known, column.values, None))
        if column.name in unknown
        else column
        for column in columns
    ]
