"""The rows that columns are judged on: those whose content hashes are smallest."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import EVENT_TIMESTAMP, LABEL, PART, ROW_ID, SOURCE
from data_pipeline.report.contract import Role
from use_cases import UseCase, model_schema


@dataclass(frozen=True)
class Column:
    """One column of the sample, the label of each of its rows, and what it is to a model."""

    name: str
    role: Role
    values: pa.Array
    labels: pa.Array


@dataclass(frozen=True)
class Sample:
    """Tables of the same dataset version, rows ordered by `row_id`, which is a hash of the
    content: their first rows are a random choice that stays the same.

    `records` and `features` have the same rows; `features` (as `read_features` returns them) and
    `extra` (columns of the source that the use case does not name) are `None` where there are
    none.
    """

    case: UseCase
    records: pa.Table
    features: pa.Table | None
    extra: pa.Table | None

    def columns(self) -> list[Column]:
        """Return every column that could tell the label: what the model sees, what came with
        the records, and what is known of them beside.
        """
        schema = model_schema(self.case)
        features, model = None, []
        if self.features is not None:
            features, model = schema.columns(self.features), list(schema.names)
            features = features.append_column(LABEL, self.features[LABEL])
        # Where a feature is the column itself (iris), it is judged once.
        record = [name for name in self.case.record_schema.names if name not in model]
        return [
            *self._entities(_columns(features, model, Role.FEATURE)),
            *_columns(self.records, record, Role.RECORD),
            *self._beside(),
            *_columns(self.extra, self._extra_names(), Role.NONE),
        ]

    def _entities(self, columns: list[Column]) -> Iterator[Column]:
        """Yield `columns` with entity features null where the record's entity is not known:
        every entity feature then has its explicit unknown value.
        """
        entity = self.case.entity_features
        if entity is None or self.features is None:
            yield from columns
            return
        known = pa.repeat(False, self.features.num_rows)
        for feature in entity.features:
            values = model_schema(self.case).column(self.features, feature.name)
            other = pc.not_equal(values, pa.scalar(feature.unknown, values.type))
            known = pc.or_(known, pc.fill_null(other, False))
        for column in columns:
            if column.name in entity.names:
                values = pc.if_else(known, column.values, pa.scalar(None, column.values.type))
                yield replace(column, role=Role.ENTITY, values=values)
            else:
                yield column

    def _beside(self) -> Iterator[Column]:
        """Yield the time and, where there are several, the source of the records."""
        times = self.records[EVENT_TIMESTAMP]
        if times.null_count < len(times):
            (column,) = _columns(self.records, [EVENT_TIMESTAMP], Role.TIME)
            yield replace(column, name=self.case.training().time_column or EVENT_TIMESTAMP)
        if SOURCE in self.records.column_names and len(self.records[SOURCE].unique()) > 1:
            yield from _columns(self.records, [SOURCE], Role.NONE)

    def _extra_names(self) -> list[str]:
        names = [] if self.extra is None else self.extra.column_names
        return [name for name in names if name not in (ROW_ID, LABEL, PART)]


def _columns(table: pa.Table | None, names: Sequence[str], role: Role) -> list[Column]:
    if table is None:
        return []
    labels = table[LABEL].combine_chunks()
    return [Column(name, role, table[name].combine_chunks(), labels) for name in names]
