"""What the columns of the sample hold, class by class."""

from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import LABEL
from data_pipeline.report.contract import ColumnProfile, Distribution, Role, Slice
from data_pipeline.report.readings import as_numbers, known_values
from data_pipeline.report.sample import Column
from use_cases import UseCase

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
INTERVALS = 24
# Values beyond these shares are counted at the ends, so that the rest can be seen.
TAILS = (0.01, 0.99)
NUMBER, TEXT = "number", "text"


def column_profiles(
    columns: Iterable[Column], classes: Sequence[str], left_out: str | None
) -> tuple[ColumnProfile, ...]:
    """Return what each feature and record column holds, but for the id column `left_out`."""
    shown = (Role.FEATURE, Role.ENTITY, Role.RECORD)
    wanted = [c for c in columns if c.role in shown and c.name != left_out]
    return tuple(_profile(column, classes) for column in wanted)


def slice_counts(case: UseCase, records: pa.Table) -> tuple[Slice, ...]:
    """Return the rows per class in each slice of the use case, the largest slice first."""
    batch = records.select(case.record_schema.names).combine_chunks().to_batches()[0]
    slices = case.training().slices(batch)
    found: list[Slice] = []
    for kind in slices.schema.names:
        table = pa.table({kind: slices[kind], LABEL: records[LABEL]})
        grouped = table.group_by([kind, LABEL]).aggregate([([], "count_all")])
        counts: dict[str, dict[str, int]] = {}
        for row in grouped.to_pylist():
            if row[kind] is not None:
                counts.setdefault(row[kind], {})[row[LABEL]] = row["count_all"]
        by_size = sorted(counts.items(), key=lambda item: (-sum(item[1].values()), item[0]))
        found += [Slice(kind=kind, value=value, classes=rows) for value, rows in by_size]
    return tuple(found)


def _profile(column: Column, classes: Sequence[str]) -> ColumnProfile:
    values = known_values(column.values)
    numbers = None if pa.types.is_string(values.type) else as_numbers(values)
    kind = TEXT if numbers is None else NUMBER
    if numbers is None:
        numbers = pc.utf8_length(values).cast(pa.float64()).to_numpy(zero_copy_only=False)
    of_class = {
        name: numbers[pc.equal(column.labels, name).to_numpy(zero_copy_only=False)]
        for name in classes
    }
    known = {name: part[np.isfinite(part)] for name, part in of_class.items()}
    filled = {name: part for name, part in known.items() if len(part)}
    edges = _edges(np.concatenate([*filled.values()]), kind) if filled else np.array([])
    return ColumnProfile(
        name=column.name,
        role=column.role,
        kind=kind,
        missing=values.null_count / max(len(values), 1),
        by_class=tuple(_distribution(name, part) for name, part in filled.items()),
        edges=tuple(edges.tolist()),
        counts=tuple(_histogram(part, edges) for part in filled.values()),
    )


def _distribution(name: str, values: np.ndarray) -> Distribution:
    quantiles = tuple(float(q) for q in np.quantile(values, QUANTILES))
    return Distribution(of_class=name, rows=len(values), quantiles=quantiles)


def _edges(values: np.ndarray, kind: str) -> np.ndarray:
    """Return edges of equal intervals; lengths of text are spread over orders of magnitude, so
    theirs are equal on a logarithmic scale.
    """
    low, high = np.quantile(values, TAILS)
    if kind == TEXT:
        return np.geomspace(max(low, 1), max(high, low + 1, 2), INTERVALS + 1)
    return np.linspace(low, high if high > low else low + 1, INTERVALS + 1)


def _histogram(values: np.ndarray, edges: np.ndarray) -> tuple[int, ...]:
    return tuple(np.histogram(np.clip(values, edges[0], edges[-1]), edges)[0].tolist())
