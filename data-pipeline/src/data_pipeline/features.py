"""The features of a dataset version, own and of entities, written batch by batch."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import CLUSTER, EVENT_TIMESTAMP, LABEL, PART, ROW_ID
from data_pipeline.entity_features import entity_features
from data_pipeline.own_features import features_of, own_features
from data_pipeline.versions.manifest import DatasetManifest, read_manifest
from platform_core.errors import InvalidData
from platform_core.hashing import sha256_json
from platform_core.parquet import COMPRESSION
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.feature_store import FeatureStore
from platform_core.storage import FEATURES_CODE_FILE, FEATURES_FILE, RECORDS_FILE, dataset_path
from use_cases import UseCase, model_schema
from use_cases.assemble import join_entities, without_entities

FEATURES_CODE = "features_code"
KEPT = [ROW_ID, LABEL, PART, CLUSTER]
"""What features keep of the records."""
BATCH_ROWS = 8_192


def compute_features(
    store: BlobStore,
    case: UseCase,
    version: str,
    feature_store: FeatureStore | None,
    history: Path,
    *,
    on_ray: bool = True,
    batch_rows: int = BATCH_ROWS,
) -> str | None:
    """Write `features.parquet` of a dataset version and return its feature view's version.

    Features that a parent version has from the same feature code are taken over.
    Columns: `row_id`, `label`, `part`, `cluster`, then the model's input, ordered by `row_id`.
    `history` is the folder where Feast finds the entity histories; `feature_store` may be `None`
    for a use case without entity features. With `on_ray` own features are computed on Ray Data
    (needs a connected Ray), otherwise in this process. `batch_rows` are written at once; memory
    holds a few narrow columns of all records, never their text.
    """
    manifest = read_manifest(store, case.name, version)
    with TemporaryDirectory(prefix="features-") as name:
        folder = Path(name)
        records, target = folder / RECORDS_FILE, folder / FEATURES_FILE
        path = dataset_path(case.name, version, RECORDS_FILE)
        store.download(path, records)
        known = _known(store, case, manifest, folder)
        ids = pq.read_table(known, columns=[ROW_ID])[ROW_ID].combine_chunks()
        if on_ray:
            from data_pipeline.own_features_on_ray import own_features_on_ray

            new = own_features_on_ray(store, case, path, ids)
        else:
            new = own_features(case, records, ids)
        entities, view_version = entity_features(
            case, _narrow(case, records), feature_store, history
        )
        own = _Merged(case, [new, _own_features_in(case, known)])
        _write(case, _batches(records, KEPT, batch_rows), own, entities, target)
        store.upload(target, dataset_path(case.name, version, FEATURES_FILE))
    made = json.dumps({FEATURES_CODE: features_code(case)}, indent=1)
    store.write(dataset_path(case.name, version, FEATURES_CODE_FILE), made.encode())
    return view_version


def features_code(case: UseCase) -> str:
    """Return what tells one feature code from another: the hash of the features it computes for
    the golden records, and of their schema.
    """
    schema = case.feature_schema
    computed = schema.rows(case.features(case.golden_records()))
    return sha256_json([schema.texts, schema.numbers, computed])


class _Merged:
    """Several streams of tables, each ordered by `row_id`, taken together piece by piece."""

    def __init__(self, case: UseCase, streams: list[Iterator[pa.Table]]) -> None:
        self._schema = features_of(case)
        self._streams = streams
        self._waiting = [self._schema.empty_table() for _ in streams]

    def take(self, ids: pa.Array) -> pa.Table:
        """Return the rows of the next `ids`.

        Raises:
            InvalidData: not all of them are there.
        """
        last = ids[-1]
        ready = []
        for number, stream in enumerate(self._streams):
            waiting = [self._waiting[number]]
            while waiting[-1].num_rows == 0 or pc.less_equal(waiting[-1][ROW_ID][-1], last).as_py():
                following = next(stream, None)
                if following is None:
                    break
                if following.num_rows:
                    waiting.append(following.select(self._schema.names).cast(self._schema))
            rows = pa.concat_tables(waiting)
            count = pc.sum(pc.less_equal(rows[ROW_ID], last)).as_py() or 0
            ready.append(rows.slice(0, count))
            self._waiting[number] = rows.slice(count)
        found = pa.concat_tables(ready)
        found = found.filter(pc.is_in(found[ROW_ID], ids)).sort_by(ROW_ID)
        if found.num_rows != len(ids):
            raise InvalidData(
                f"{len(ids) - found.num_rows} of {len(ids)} records have no features; compute the "
                "features of this dataset version again"
            )
        return found


def _write(
    case: UseCase,
    records: Iterator[pa.Table],
    own: _Merged,
    entities: pa.RecordBatch | None,
    target: Path,
) -> None:
    schema = pa.schema([*((name, pa.string()) for name in KEPT), *model_schema(case).arrow])
    start = 0
    with pq.ParquetWriter(target, schema, compression=COMPRESSION) as writer:
        for table in records:
            features = own.take(table[ROW_ID].combine_chunks()).drop_columns([ROW_ID])
            of_rows = None if entities is None else entities.slice(start, table.num_rows)
            complete = join_entities(case, case.feature_schema.select(features), of_rows)
            columns = [*table.columns, *complete.columns]
            writer.write_table(pa.table(columns, schema=schema))
            start += table.num_rows


def _narrow(case: UseCase, records: Path) -> pa.Table:
    """Return the columns of all records that entity features are made from."""
    columns = (case.entity_features and case.entity_features.columns) or case.record_schema.names
    return pq.read_table(records, columns=[*columns, ROW_ID, LABEL, PART, EVENT_TIMESTAMP])


def _batches(path: Path, columns: list[str], rows: int = BATCH_ROWS) -> Iterator[pa.Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(rows, columns=columns):
            yield pa.Table.from_batches([batch])


def _own_features_in(case: UseCase, path: Path) -> Iterator[pa.Table]:
    """Yield `row_id` and the own features of a file with the complete input of models."""
    for table in _batches(path, features_of(case).names):
        if table.num_rows:
            own = without_entities(case, model_schema(case).select(table))
            yield pa.Table.from_batches([own]).add_column(0, ROW_ID, table[ROW_ID])


def _known(store: BlobStore, case: UseCase, manifest: DatasetManifest, folder: Path) -> Path:
    """Return a local file of the features that a parent has from the same code, or of none."""
    path = folder / "known.parquet"
    for parent in manifest.parents:
        made = dataset_path(case.name, parent, FEATURES_CODE_FILE)
        if not store.exists(made):
            continue
        if json.loads(store.read(made)).get(FEATURES_CODE) == features_code(case):
            store.download(dataset_path(case.name, parent, FEATURES_FILE), path)
            return path
    pq.write_table(features_of(case).empty_table(), path)
    return path
