"""Columns of a source that the use case does not name: kept of a sample, for the report."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from data_pipeline.columns import LABEL, PART, ROW_ID, TEST, TRAIN
from data_pipeline.validation.rows import as_text
from data_pipeline.versions.manifest import DatasetManifest
from data_pipeline.versions.scan import ARRIVAL
from platform_core.parquet import read_table, table_bytes
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import EXTRA_COLUMNS_FILE, dataset_path

MAX_EXTRA_ROWS = 50_000


def write_extra_columns(
    database: DuckDBPyConnection,
    store: BlobStore,
    base: DatasetManifest | None,
    scanned: Path,
    target: Path,
) -> None:
    """Write the columns of the rows with the smallest row ids, which are hashes of the content;
    no file where there are no such columns.

    `scanned` has the columns of accepted rows with the number of their arrival.
    """
    tables = [_of_new_rows(database, scanned)] if scanned.exists() else []
    path = base and dataset_path(base.use_case, base.dataset_version, EXTRA_COLUMNS_FILE)
    if path and store.exists(path):
        known = read_table(store, path)
        gone = database.sql("SELECT row_id FROM contradictory").to_arrow_table()["row_id"]
        tables.append(known.filter(pc.invert(pc.is_in(known[ROW_ID], gone.combine_chunks()))))
    if tables:
        extra = _together(tables).sort_by(ROW_ID).slice(0, MAX_EXTRA_ROWS)
        target.write_bytes(table_bytes(extra))


def _of_new_rows(database: DuckDBPyConnection, scanned: Path) -> pa.Table:
    chosen = database.sql(
        f"""SELECT arrival AS {ARRIVAL}, row_id, label, if(test, '{TEST}', '{TRAIN}') AS part
            FROM selected WHERE arrival IS NOT NULL ORDER BY row_id LIMIT {MAX_EXTRA_ROWS}"""  # noqa: S608 (constants)
    ).to_arrow_table()
    wanted = chosen[ARRIVAL].combine_chunks()
    with pq.ParquetFile(scanned) as file:
        found = pa.Table.from_batches(
            [b.filter(pc.is_in(b[ARRIVAL], wanted)) for b in file.iter_batches(8_192)],
            file.schema_arrow,
        )
    ordered = found.take(pc.index_in(wanted, found[ARRIVAL].combine_chunks()))
    taken = {ROW_ID, LABEL, PART}
    columns = {name: chosen[name] for name in (ROW_ID, LABEL, PART)}
    for name in ordered.column_names[:-1]:
        columns[f"{name} (source)" if name in taken else name] = ordered[name]
    return pa.table(columns)


def _together(tables: list[pa.Table]) -> pa.Table:
    """Return tables of different columns as one; a column of several types becomes text."""
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        texts = [pa.table({n: as_text(t[n]) for n in t.column_names}) for t in tables]
        return pa.concat_tables(texts, promote_options="default")
