"""The files of a dataset version, written on local disk in row groups of bounded size."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

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
from data_pipeline.validation.rows import as_text, quarantine_schema
from data_pipeline.versions.database import quoted
from data_pipeline.versions.identity import ContentDigest
from platform_core.parquet import COMPRESSION
from use_cases import UseCase

CONTRADICTION = "the same content has two labels"
STRADDLING = "nearly the same as records on both sides of the split"
FETCH_ROWS, GROUP_ROWS, GROUP_BYTES = 2_048, 16_384, 24 << 20
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
    """Writes `quarantine.parquet` and counts the reasons; close its `writer` at the end."""

    def __init__(self, path: Path, case: UseCase) -> None:
        self._schema = quarantine_schema(case)
        self.writer = pq.ParquetWriter(path, self._schema, compression=COMPRESSION)
        self.reasons: Counter[str] = Counter()

    def add(self, refused: pa.Table) -> None:
        """Write refused rows: text, with `reason` and `source`."""
        if refused.num_rows:
            self.reasons.update(refused[REASON].to_pylist())
            self.writer.write_table(refused.select(self._schema.names).cast(self._schema))

    def add_records(self, rows: pa.Table) -> None:
        """Write valid records that are refused because of others, with a `reason`."""
        self.add(pa.table({name: as_text(rows[name]) for name in self._schema.names}))


@dataclass
class Written:
    """The digest of the records that were written, and counts of them."""

    digest: ContentDigest
    rows: int = 0
    times_unknown: int = 0
    sources: Counter[str] = field(default_factory=Counter)

    def add(self, records: pa.Table) -> None:
        """Take in the next records in order."""
        self.digest.update(records)
        self.rows += records.num_rows
        self.times_unknown += records[EVENT_TIMESTAMP].null_count
        for pair in pc.value_counts(records[SOURCE]).to_pylist():
            known = pair["values"] in self.sources or len(self.sources) < MAX_SOURCES
            self.sources[pair["values"] if known else OTHER_SOURCES] += pair["counts"]


def write_records(database: DuckDBPyConnection, case: UseCase, path: Path) -> Written:
    """Write the rows of `selected`, of the tables `accepted` and `base_records`, by `row_id`."""
    schema = records_schema(case)
    written = Written(ContentDigest(pa.schema([f for f in schema if f.name != SOURCE])))
    names = ", ".join(quoted(*case.record_schema.names))
    query = f"""
    SELECT {names}, r.label, s.time, r.row_id, s.cluster, s.test, r.source
    FROM accepted r JOIN selected s ON r._arrival = s.arrival
    UNION ALL
    SELECT {names}, r.label, epoch_us(r.event_timestamp), r.row_id, s.cluster, s.test, r.source
    FROM base_records r JOIN selected s ON r.row_id = s.row_id WHERE s.arrival IS NULL
    ORDER BY row_id"""  # noqa: S608 (quoted names)
    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for table in _tables(database, query):
            parts = _parts(table.column(len(case.record_schema) + 4))
            records = _with_times(table, schema, {PART: parts})
            written.add(records)
            writer.write_table(records, row_group_size=max(records.num_rows, 1))
    return written


def quarantine_selected(
    database: DuckDBPyConnection, case: UseCase, quarantine: Quarantine
) -> None:
    """Write what was refused because of other rows, by `row_id`: contents with two labels, of the
    base too, and rows that resemble both parts.
    """
    names = ", ".join(quoted(*case.record_schema.names))
    query = f"""
    SELECT {names}, r.label, a.time, x.reason, r.source, r.row_id, r._arrival AS arrival
    FROM accepted r JOIN arrivals a ON r._arrival = a.arrival JOIN (
        SELECT arrival, '{CONTRADICTION}' AS reason
        FROM arrivals SEMI JOIN contradictory USING (row_id)
        UNION ALL SELECT arrival, '{STRADDLING}' FROM straddling
    ) x ON r._arrival = x.arrival
    UNION ALL
    SELECT {names}, label, epoch_us(event_timestamp), '{CONTRADICTION}', source, row_id, NULL
    FROM base_records SEMI JOIN contradictory USING (row_id)
    ORDER BY row_id, arrival NULLS FIRST"""  # noqa: S608 (quoted names)
    schema = pa.schema([*records_schema(case)][: len(case.record_schema) + 2])
    schema = schema.append(pa.field(REASON, pa.string())).append(pa.field(SOURCE, pa.string()))
    for table in _tables(database, query):
        quarantine.add_records(_with_times(table, schema, {}))


def _with_times(table: pa.Table, schema: pa.Schema, given: dict[str, pa.Array]) -> pa.Table:
    """Return the first columns of `table` by the names of `schema`; times come as microseconds."""
    columns = dict(zip(schema.names, table.columns[: len(schema)], strict=True)) | given
    columns[EVENT_TIMESTAMP] = columns[EVENT_TIMESTAMP].cast(pa.timestamp("us")).cast(TIMESTAMP)
    return pa.table(columns, schema=schema)


def _parts(test: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(test, TEST, TRAIN)


def _tables(database: DuckDBPyConnection, query: str) -> Iterator[pa.Table]:
    """Yield the rows of a query in tables of about `GROUP_BYTES`."""
    waiting: list[pa.RecordBatch] = []
    for batch in database.sql(query).to_arrow_reader(FETCH_ROWS):
        waiting.append(batch)
        if (
            sum(b.nbytes for b in waiting) >= GROUP_BYTES
            or sum(b.num_rows for b in waiting) >= GROUP_ROWS
        ):
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)
