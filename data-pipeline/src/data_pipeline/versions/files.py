"""The files of a dataset version, written on local disk row group by row group."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import (
    CLUSTER,
    EVENT_TIMESTAMP,
    LABEL,
    PART,
    REASON,
    ROW_ID,
    SOURCE,
    TEST,
    TIMESTAMP,
    TRAIN,
)
from data_pipeline.validation.rows import EXTRA, as_text, quarantine_schema
from data_pipeline.validation.times import UNKNOWN
from data_pipeline.versions.buckets import ARRIVAL, BUCKET_BYTES
from data_pipeline.versions.decisions import Decisions
from data_pipeline.versions.identity import ContentDigest, ids_as_integers, ids_as_text
from platform_core.parquet import COMPRESSION
from use_cases import UseCase

CONTRADICTION = "the same content has two labels"
STRADDLING = "nearly the same as records on both sides of the split"
MAX_EXTRA_ROWS = 50_000
MAX_SOURCES, OTHER_SOURCES = 1_000, "other files"


def records_schema(case: UseCase) -> pa.Schema:
    """Return the columns of `records.parquet`."""
    text = {name: pa.string() for name in (ROW_ID, CLUSTER, PART, SOURCE)}
    return pa.schema(
        [
            *case.record_schema,
            pa.field(LABEL, pa.string()),
            pa.field(EVENT_TIMESTAMP, TIMESTAMP),
            *(pa.field(name, kind) for name, kind in text.items()),
        ]
    )


class Quarantine:
    """Writes `quarantine.parquet` and counts the reasons; a context manager by its writer."""

    def __init__(self, path: Path, case: UseCase) -> None:
        self._schema = quarantine_schema(case)
        self.writer = pq.ParquetWriter(path, self._schema, compression=COMPRESSION)
        self.reasons: Counter[str] = Counter()

    @property
    def rows(self) -> int:
        """How many rows were refused so far."""
        return self.reasons.total()

    def add(self, refused: pa.Table) -> None:
        """Write refused rows: text, with `reason` and `source`."""
        self.reasons.update(refused[REASON].to_pylist())
        self.writer.write_table(refused.select(self._schema.names).cast(self._schema))

    def add_records(self, rows: pa.Table, times: np.ndarray | None, reason: str) -> None:
        """Write rows that fit by themselves and are refused beside others."""
        if rows.num_rows == 0:
            return
        given = {
            name: as_text(rows[name]) for name in self._schema.names if name in rows.schema.names
        }
        if times is not None:
            given[EVENT_TIMESTAMP] = as_text(as_timestamps(times))
        nothing = pa.nulls(rows.num_rows, pa.string())
        given = {name: given.get(name, nothing) for name in self._schema.names}
        self.add(pa.table(given | {REASON: pa.repeat(reason, rows.num_rows)}))


@dataclass
class Contents:
    """What was written: the version's digest and the counts of its records."""

    digest: ContentDigest
    rows: int = 0
    times_unknown: int = 0
    sources: Counter[str] = field(default_factory=Counter)
    extra: list[pa.Table] = field(default_factory=list)
    extra_rows: int = 0

    def add(self, records: pa.Table) -> None:
        """Take in the next records in order."""
        self.digest.update(records)
        self.rows += records.num_rows
        self.times_unknown += records[EVENT_TIMESTAMP].null_count
        counted = pc.value_counts(records[SOURCE]).to_pylist()
        for pair in counted:
            known = pair["values"] in self.sources or len(self.sources) < MAX_SOURCES
            self.sources[pair["values"] if known else OTHER_SOURCES] += pair["counts"]

    def add_extra(self, rows: pa.Table) -> None:
        """Keep columns the use case does not name, of the first rows: row ids are hashes, so
        that these are a sample chosen by content.
        """
        wanted = min(rows.num_rows, MAX_EXTRA_ROWS - self.extra_rows)
        if EXTRA not in rows.schema.names or wanted <= 0:
            return
        struct = rows[EXTRA].combine_chunks().slice(0, wanted)
        taken = {ROW_ID, LABEL, PART}
        columns = {name: rows[name].slice(0, wanted) for name in (ROW_ID, LABEL, PART)}
        names = [f"{f.name} (source)" if f.name in taken else f.name for f in struct.type]
        columns |= dict(zip(names, struct.flatten(), strict=True))
        self.extra.append(pa.table(columns))
        self.extra_rows += wanted


def new_records(
    case: UseCase,
    rows: Iterator[pa.Table],
    decisions: Decisions,
    quarantine: Quarantine,
    contents: Contents,
) -> Iterator[pa.Table]:
    """Yield the records that come in, ordered by `row_id`; the refused ones go to quarantine.

    `rows` are the accepted rows ordered by `row_id` and arrival.
    """
    for table in rows:
        ids, arrival = ids_as_integers(table[ROW_ID]), table[ARRIVAL].to_numpy()
        refused = table.filter(pa.array(np.isin(ids, decisions.contradictory)))
        quarantine.add_records(refused, _all_times(refused, decisions), CONTRADICTION)
        straddling = _match(ids, arrival, decisions.straddling, decisions.straddling_arrival)[0]
        refused = table.filter(pa.array(straddling))
        quarantine.add_records(refused, _all_times(refused, decisions), STRADDLING)
        chosen, place = _match(ids, arrival, decisions.new.ids, decisions.arrival)
        if not chosen.any():
            continue
        kept = table.filter(pa.array(chosen))
        records = _complete(case, kept, decisions, place[chosen])
        contents.add_extra(
            records.append_column(EXTRA, kept[EXTRA]) if EXTRA in kept.schema.names else records
        )
        yield records


def write_records(
    path: Path, tables: Iterator[pa.Table], contents: Contents, schema: pa.Schema
) -> None:
    """Write `records.parquet` in row groups of bounded size, counting what goes by."""
    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for table in tables:
            if table.num_rows:
                contents.add(table)
                size = table.num_rows * BUCKET_BYTES // max(table.nbytes, BUCKET_BYTES)
                writer.write_table(table, row_group_size=max(size, 1))


def together(tables: list[pa.Table]) -> pa.Table:
    """Return tables of different columns as one; a column of several types becomes text."""
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = [pa.table({n: as_text(t[n]) for n in t.column_names}) for t in tables]
        return pa.concat_tables(texts, promote_options="default")


def as_timestamps(times: np.ndarray) -> pa.Array:
    """Return microseconds as times, null where unknown."""
    return pa.array(times, mask=times == UNKNOWN).cast(pa.timestamp("us")).cast(TIMESTAMP)


def _complete(case: UseCase, rows: pa.Table, decisions: Decisions, place: np.ndarray) -> pa.Table:
    nodes = decisions.new.take(place)
    sides = pa.array([TRAIN, TEST]).take(pa.array(nodes.test.astype(np.int8)))
    columns = {name: rows[name] for name in (*case.record_schema.names, LABEL)}
    columns[EVENT_TIMESTAMP] = as_timestamps(decisions.time[place])
    columns |= {ROW_ID: rows[ROW_ID], CLUSTER: ids_as_text(nodes.cluster), PART: sides}
    return pa.table(columns | {SOURCE: rows[SOURCE]}, schema=records_schema(case))


def _match(
    ids: np.ndarray, arrival: np.ndarray, wanted: np.ndarray, wanted_arrival: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are the wanted occurrence of a wanted id, and where in `wanted`."""
    if len(wanted) == 0:
        return np.zeros(len(ids), bool), np.zeros(len(ids), np.int64)
    place = np.minimum(np.searchsorted(wanted, ids), len(wanted) - 1)
    return (wanted[place] == ids) & (wanted_arrival[place] == arrival), place


def _all_times(rows: pa.Table, decisions: Decisions) -> np.ndarray:
    return decisions.times.times[rows[ARRIVAL].to_numpy()]
