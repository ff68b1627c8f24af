"""What is said of all rows: classes, sources, times, near duplicates, and what was refused."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import (
    CLUSTER,
    EVENT_TIMESTAMP,
    LABEL,
    PART,
    REASON,
    SOURCE,
    TEST,
    TRAIN,
)
from data_pipeline.report.contract import ClassCount, ClassTimes, Reason, SourceClasses

TIME_INTERVALS = 48
# Times beyond these shares of all rows are counted at the ends: one wrong clock would otherwise
# squeeze everything else into one interval.
TIME_TAILS = (0.002, 0.998)
EXAMPLES_PER_REASON = 3
EXAMPLE_CHARACTERS = 200


def class_counts(narrow: pa.Table, classes: Sequence[str]) -> tuple[ClassCount, ...]:
    """Return the rows of each class, in all and per part."""
    counts = _counts(narrow, LABEL, PART)
    return tuple(
        ClassCount(
            name=name,
            rows=sum(n for (label, _), n in counts.items() if label == name),
            train=counts.get((name, TRAIN), 0),
            test=counts.get((name, TEST), 0),
        )
        for name in classes
    )


def source_counts(narrow: pa.Table) -> tuple[SourceClasses, ...]:
    """Return the rows of each source per class, the largest source first."""
    if SOURCE not in narrow.column_names:
        return ()
    classes: dict[str, dict[str, int]] = {}
    for (source, label), rows in sorted(_counts(narrow, SOURCE, LABEL).items()):
        classes.setdefault(source, {})[label] = rows
    by_size = sorted(classes.items(), key=lambda item: -sum(item[1].values()))
    return tuple(SourceClasses(source=source, classes=rows) for source, rows in by_size)


def class_times(
    narrow: pa.Table, classes: Sequence[str], boundaries: Mapping[str, datetime]
) -> tuple[tuple[datetime, ...], tuple[ClassTimes, ...]]:
    """Return the edges of equal intervals of time and when the rows of each class happened;
    nothing where no row has a time.
    """
    times = narrow[EVENT_TIMESTAMP].combine_chunks()
    if times.null_count == len(times):
        return (), ()
    labels = narrow[LABEL].combine_chunks()
    start, end = pc.quantile(times.cast(pa.int64()), TIME_TAILS, interpolation="nearest").tolist()
    edges = np.linspace(start, max(end, start + 1), TIME_INTERVALS + 1)
    return (
        tuple(_moment(edge) for edge in edges),
        tuple(
            _times(name, times.filter(pc.equal(labels, name)), edges, boundaries.get(name))
            for name in classes
        ),
    )


def largest_clusters(narrow: pa.Table, limit: int) -> dict[str, dict[str, int]]:
    """Return the rows per class of the largest groups of near duplicates, by the group's id."""
    if CLUSTER not in narrow.column_names:
        return {}
    sizes = narrow.group_by(CLUSTER).aggregate([([], "count_all")])
    several = sizes.filter(pc.greater(sizes["count_all"], 1))
    order = [("count_all", "descending"), (CLUSTER, "ascending")]
    names = several.sort_by(order)[CLUSTER].slice(0, limit).to_pylist()
    members = narrow.filter(pc.is_in(narrow[CLUSTER], pa.array(names, pa.string())))
    counts = _counts(members, CLUSTER, LABEL)
    return {
        name: {label: rows for (cluster, label), rows in counts.items() if cluster == name}
        for name in names
    }


def reasons(counts: Mapping[str, int], refused: Iterable[pa.RecordBatch]) -> tuple[Reason, ...]:
    """Return why rows were refused, the most frequent reason first, with a few of the rows."""
    examples: dict[str, list[str]] = {reason: [] for reason in counts}
    for batch in refused:
        for reason in counts:
            missing = EXAMPLES_PER_REASON - len(examples[reason])
            if missing > 0:
                rows = batch.filter(pc.equal(batch[REASON], reason)).slice(0, missing)
                examples[reason] += [_example(row) for row in rows.to_pylist()]
        if all(len(found) >= EXAMPLES_PER_REASON for found in examples.values()):
            break
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Reason(reason=reason, rows=rows, examples=tuple(examples[reason]))
        for reason, rows in ordered
    )


def cut(text: str) -> str:
    """Return the start of `text` on one line, at most 200 characters."""
    line = " ".join(text[: 2 * EXAMPLE_CHARACTERS].split())
    return line if len(line) <= EXAMPLE_CHARACTERS else f"{line[: EXAMPLE_CHARACTERS - 1]}…"


def _example(row: Mapping[str, str | None]) -> str:
    shown = {name: value for name, value in row.items() if name not in (REASON, SOURCE)}
    return cut(" · ".join(f"{n}: {'(none)' if v is None else v[:80]}" for n, v in shown.items()))


def _times(name: str, times: pa.Array, edges: np.ndarray, boundary: datetime | None) -> ClassTimes:
    known = times.drop_null()
    span = pc.min_max(known)
    placed = np.clip(known.cast(pa.int64()).to_numpy(), edges[0], edges[-1])
    return ClassTimes(
        name=name,
        known=len(known),
        first=span["min"].as_py(),
        last=span["max"].as_py(),
        boundary=boundary,
        counts=tuple(np.histogram(placed, edges)[0].tolist()),
    )


def _moment(microseconds: float) -> datetime:
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC).replace(microsecond=0)


def _counts(table: pa.Table, first: str, second: str) -> dict[tuple[str, str], int]:
    grouped = table.group_by([first, second]).aggregate([([], "count_all")])
    return {(row[first], row[second]): row["count_all"] for row in grouped.to_pylist()}
