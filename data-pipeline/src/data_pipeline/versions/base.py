"""The dataset version that new rows are added to, and the index that makes this possible."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from duckdb import DuckDBPyConnection

from data_pipeline.columns import CLUSTER, LABEL, MINHASH, PART, ROW_ID, TEST, TRAIN
from data_pipeline.duplicates.near_duplicates import (
    CHUNK_ROWS,
    PERMUTATIONS,
    SCHEME,
    SignatureFile,
)
from data_pipeline.versions.manifest import DatasetManifest
from data_pipeline.versions.selection import BASE
from platform_core.errors import BlobNotFound, InvalidData
from platform_core.parquet import COMPRESSION
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import INDEX_FILE, RECORDS_FILE, dataset_path

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in (ROW_ID, LABEL, CLUSTER, PART)),
        pa.field(MINHASH, pa.binary(PERMUTATIONS)),
    ],
    metadata={MINHASH: SCHEME},
)


def load_base(
    store: BlobStore,
    version: DatasetManifest | None,
    database: DuckDBPyConnection,
    signatures: SignatureFile,
    records: pa.Schema,
    folder: Path,
) -> None:
    """Create the tables `base` and `base_records`, empty without a version to add to.

    Raises:
        InvalidData: the version has no index, or one that cannot be continued.
    """
    database.execute(BASE)
    path = folder / "base-records.parquet"
    if version is None:
        pq.write_table(records.empty_table(), path)
    else:
        names = version.use_case, version.dataset_version
        index = folder / "base-index.parquet"
        try:
            store.download(dataset_path(*names, INDEX_FILE), index)
        except BlobNotFound as error:
            raise _not_continued(version, "it has no index") from error
        _load_index(version, index, database, signatures)
        store.download(dataset_path(*names, RECORDS_FILE), path)
    database.read_parquet(str(path)).create_view("base_records")


def write_index(database: DuckDBPyConnection, signatures: SignatureFile, path: Path) -> None:
    """Write `index.parquet` of the tables `selected` and `contradictory`.

    Contents with contradictory labels are stored without a label, so that a later version
    recognises them.
    """
    selected = database.sql(
        f"""SELECT row_id, label, cluster, if(test, '{TEST}', '{TRAIN}'), position
            FROM selected ORDER BY row_id"""  # noqa: S608 (constants)
    )
    contradictory = database.sql(
        "SELECT row_id, NULL::VARCHAR, NULL::VARCHAR, NULL::VARCHAR, -1::BIGINT FROM contradictory "
        "ORDER BY row_id"
    )
    with pq.ParquetWriter(path, SCHEMA, compression=COMPRESSION) as writer:
        for rows in (selected, contradictory):
            for batch in rows.to_arrow_reader(CHUNK_ROWS):
                *columns, position = batch.columns
                minhash = _signatures(position.to_numpy(), signatures)
                writer.write_table(pa.table([*columns, minhash], schema=SCHEMA))


def _load_index(
    version: DatasetManifest, path: Path, database: DuckDBPyConnection, signatures: SignatureFile
) -> None:
    with pq.ParquetFile(path) as index:
        scheme = (index.schema_arrow.metadata or {}).get(MINHASH.encode(), b"").decode()
        if scheme != SCHEME:
            raise _not_continued(version, f"its signatures are of the scheme {scheme!r}")
        for batch in index.iter_batches(CHUNK_ROWS):
            minhash = batch.column(MINHASH)
            has_text = np.asarray(minhash.is_valid())
            position = np.where(has_text, signatures.rows + np.cumsum(has_text) - 1, -1)
            content = b"".join(minhash.drop_null().to_pylist())
            signatures.append(np.frombuffer(content, np.uint8).reshape(-1, PERMUTATIONS))
            columns = {name: batch.column(name) for name in (ROW_ID, LABEL, CLUSTER)}
            columns |= {"test": pc.equal(batch.column(PART), TEST), "position": pa.array(position)}
            database.register("index_rows", pa.table(columns))
            database.execute("INSERT INTO base SELECT * FROM index_rows")


def _signatures(position: np.ndarray, signatures: SignatureFile) -> pa.Array:
    has_text = position >= 0
    found = iter(signatures.read(position[has_text]))
    values = [next(found).tobytes() if has else None for has in has_text.tolist()]
    return pa.array(values, pa.binary(PERMUTATIONS))


def _not_continued(version: DatasetManifest, why: str) -> InvalidData:
    return InvalidData(
        f"dataset version {version.dataset_version} cannot be added to: {why}, as an earlier "
        "release of the platform wrote it; give all the data once without BASE"
    )
