"""The files of a dataset version, written on local disk from SQL queries."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from data_pipeline.columns import (
    CLUSTER,
    EVENT_TIMESTAMP,
    LABEL,
    MINHASH,
    PART,
    REASON,
    ROW_ID,
    SOURCE,
    TIMESTAMP,
    label_type,
)
from data_pipeline.near_duplicates import SCHEME
from data_pipeline.sources.raw import SOURCE_COLUMN
from data_pipeline.validation.rows import as_text, quarantine_schema
from data_pipeline.versions.identity import ContentDigest
from data_pipeline.versions.manifest import SourceCount
from platform_core.parquet import COMPRESSION, table_bytes
from platform_core.sql import quoted
from use_cases import UseCase

CONTRADICTION = "the same content has two labels"
STRADDLING = "nearly the same as records on both sides of the split"
GROUP_ROWS = 4_096
MAX_EXTRA_ROWS = 50_000
MAX_SOURCES, OTHER_SOURCES = 1_000, "other files"


def index_schema(case: UseCase) -> pa.Schema:
    """Return the columns of `index.parquet`."""
    text = [pa.field(name, pa.string()) for name in (CLUSTER, PART)]
    names = [pa.field(ROW_ID, pa.string()), pa.field(LABEL, label_type(case))]
    return pa.schema([*names, *text, (MINHASH, pa.binary())], metadata={MINHASH: SCHEME})


def records_schema(case: UseCase) -> pa.Schema:
    """Return the columns of `records.parquet`."""
    text = [pa.field(name, pa.string()) for name in (ROW_ID, CLUSTER, PART, SOURCE)]
    label, time = pa.field(LABEL, label_type(case)), pa.field(EVENT_TIMESTAMP, TIMESTAMP)
    return pa.schema([*case.record_schema, label, time, *text])


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

    def add_set_aside(self, pieces: pa.RecordBatch) -> None:
        """Write lines or messages that are not rows: only their place and the `reason`."""
        columns = {name: pa.nulls(pieces.num_rows, pa.string()) for name in self._schema.names}
        given = {REASON: pieces[REASON], SOURCE: pieces[SOURCE_COLUMN]}
        self.add(pa.table(columns | given))

    def add_selected(self, database: DuckDBPyConnection, case: UseCase) -> None:
        """Write what is refused because of other rows, ordered by `row_id`: contents with two
        labels, also those of the base, and rows that resemble both parts.
        """
        names = _identifiers(case)
        query = f"""
        SELECT {names}, r.label, make_timestamptz(a.time) AS event_timestamp, x.reason, r.source,
               r.row_id, a.arrival
        FROM accepted r JOIN arrivals a ON r._arrival = a.arrival JOIN (
            SELECT arrival, '{CONTRADICTION}' AS reason
            FROM arrivals SEMI JOIN contradictory USING (row_id)
            UNION ALL SELECT arrival, '{STRADDLING}' FROM straddling
        ) x ON x.arrival = a.arrival
        UNION ALL
        SELECT {names}, r.label, r.event_timestamp, '{CONTRADICTION}', r.source, r.row_id, NULL
        FROM base_records r SEMI JOIN contradictory c ON r.row_id = c.row_id
        ORDER BY row_id, arrival NULLS FIRST"""  # noqa: S608 (quoted names)
        for rows in database.sql(query).to_arrow_reader(GROUP_ROWS):
            self.add(pa.table({name: as_text(rows[name]) for name in self._schema.names}))


def write_records(database: DuckDBPyConnection, case: UseCase, path: Path, *, sources: bool) -> str:
    """Write the rows of `selected`, of the tables `accepted` and `base_records`, ordered by
    `row_id`; create the view `records` of the file and return the hash of its content, which
    includes where each row came from if `sources`.
    """
    names, schema = _identifiers(case), records_schema(case)
    hashed = [field for field in schema if sources or field.name != SOURCE]
    digest = ContentDigest(pa.schema(hashed))
    query = f"""
    SELECT {names}, r.label, make_timestamptz(s.time), r.row_id, s.cluster, s.part, r.source
    FROM accepted r JOIN selected s ON r._arrival = s.arrival
    UNION ALL
    SELECT {names}, r.label, r.event_timestamp, r.row_id, s.cluster, s.part, r.source
    FROM base_records r JOIN selected s ON r.row_id = s.row_id WHERE s.arrival IS NULL
    ORDER BY row_id"""  # noqa: S608 (quoted names)
    for table in _write(database, query, path, schema):
        digest.update(table)
    database.read_parquet(str(path)).create_view("records")
    return digest.hexdigest()


def write_index(database: DuckDBPyConnection, case: UseCase, path: Path) -> None:
    """Write `index.parquet`: the ids, clusters and signatures that the next version needs.

    Contents with contradictory labels are stored without a label, so that a later version
    recognises them.
    """
    query = """
    (SELECT s.row_id, s.label, s.cluster, s.part, n.minhash
     FROM selected s JOIN nodes n ON s.row_id = n.row_id ORDER BY s.row_id)
    UNION ALL (SELECT row_id, NULL, NULL, NULL, NULL FROM contradictory ORDER BY row_id)"""
    for _ in _write(database, query, path, index_schema(case)):
        pass


def write_extra_columns(
    database: DuckDBPyConnection, scanned: Path, base: pa.Table | None, target: Path
) -> None:
    """Write the columns that the use case does not name, of the rows with the smallest row ids,
    which are hashes of the content; no file where there are no such columns.

    `scanned` has these columns of all accepted rows in order, `base` those of the version that
    is added to.
    """
    tables = []
    if scanned.exists():
        chosen = database.sql(
            f"""SELECT arrival, row_id, label, part FROM selected WHERE arrival IS NOT NULL
                ORDER BY row_id LIMIT {MAX_EXTRA_ROWS}"""  # noqa: S608 (a number)
        ).to_arrow_table()
        found = ds.dataset(scanned).take(chosen["arrival"].combine_chunks())
        chosen = chosen.drop_columns("arrival")
        for name in found.column_names:
            clashes = name in {ROW_ID, LABEL, PART}
            chosen = chosen.append_column(f"{name} (source)" if clashes else name, found[name])
        tables.append(chosen)
    if base is not None:
        gone = database.sql(
            "SELECT row_id FROM contradictory UNION ALL SELECT row_id FROM erased"
        ).to_arrow_table()[ROW_ID]
        tables.append(base.filter(pc.invert(pc.is_in(base[ROW_ID], gone.combine_chunks()))))
    if tables:
        target.write_bytes(
            table_bytes(_concatenated(tables).sort_by(ROW_ID).slice(0, MAX_EXTRA_ROWS))
        )


def count_sources(database: DuckDBPyConnection) -> tuple[SourceCount, ...]:
    """Return the rows of each source in the view `records`, the largest first; of more than
    1,000 sources the smallest are counted together.
    """
    counts = database.sql(
        f"""SELECT if(place <= {MAX_SOURCES}, source, '{OTHER_SOURCES}') AS name, sum(size)::BIGINT
        FROM (SELECT source, count(*) AS size,
                     row_number() OVER (ORDER BY count(*) DESC, source) AS place
              FROM records GROUP BY source)
        GROUP BY name ORDER BY min(place)"""  # noqa: S608 (constants)
    ).fetchall()
    return tuple(SourceCount(source=name, rows=rows) for name, rows in counts)


def _write(
    database: DuckDBPyConnection, query: str, path: Path, schema: pa.Schema
) -> Iterator[pa.Table]:
    """Write the rows of a query, a row group at a time, and yield each."""
    with pq.ParquetWriter(path, schema, compression=COMPRESSION) as writer:
        for batch in database.sql(query).to_arrow_reader(GROUP_ROWS):
            table = pa.table(batch.columns, names=schema.names).cast(schema)
            writer.write_table(table)
            yield table


def _identifiers(case: UseCase) -> str:
    """Return the columns of a record as a list of SQL identifiers of the table `r`."""
    return ", ".join(f"r.{quoted(name)}" for name in case.record_schema.names)


def _concatenated(tables: list[pa.Table]) -> pa.Table:
    """Return tables of different columns as one; a column of several types becomes text."""
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = [pa.table({n: as_text(t[n]) for n in t.column_names}) for t in tables]
        return pa.concat_tables(texts, promote_options="default")
