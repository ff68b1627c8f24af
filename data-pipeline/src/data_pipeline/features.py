"""The features of a dataset version: those of each record, and those of its entity."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from data_pipeline.columns import (
    CLUSTER,
    EVENT_TIMESTAMP,
    LABEL,
    PART,
    ROW_ID,
    SOURCE,
    label_type,
)
from data_pipeline.entity_features import entity_features
from data_pipeline.versions.manifest import DatasetManifest, read_manifest
from platform_core.hashing import sha256_json
from platform_core.parquet import COMPRESSION, open_parquet
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.feature_store import FeatureStore
from platform_core.storage import FEATURES_CODE_FILE, FEATURES_FILE, RECORDS_FILE, dataset_path
from use_cases import UseCase, model_schema
from use_cases.assemble import join_entities, without_entities

FEATURES_CODE = "features_code"
KEPT = [ROW_ID, LABEL, PART, CLUSTER, SOURCE]
"""The columns of the records that are stored with the features."""
BATCH_ROWS = 4_096


@dataclass(frozen=True)
class OwnFeatures:
    """Computes the use case's own features, by the function that serving calls.

    `parent` holds the features of a parent version from the same code; they are not computed
    again.
    """

    case: UseCase
    parent: ds.Dataset | None

    def __call__(self, records: pa.Table) -> pa.Table:
        """Return the columns `KEPT` and the features of each of `records`."""
        case, ids = self.case, records[ROW_ID].combine_chunks()
        known = self._known(ids)
        new = records.filter(pc.invert(pc.is_in(ids, known[ROW_ID].combine_chunks())))
        rows = new.select(case.record_schema.names).cast(case.record_schema).combine_chunks()
        batches = [case.features(batch) for batch in rows.to_batches()]
        computed = pa.Table.from_batches(batches, schema=case.feature_schema.arrow)
        found = pa.concat_tables([known, computed.add_column(0, ROW_ID, new[ROW_ID])])
        place = pc.index_in(ids, found[ROW_ID].combine_chunks())
        features = found.drop_columns(ROW_ID).take(place)
        kept = records.select(KEPT)
        return pa.table([*kept.columns, *features.columns], [*KEPT, *features.column_names])

    def _known(self, ids: pa.Array) -> pa.Table:
        """Return `row_id` and the features that `parent` has in the range of `ids`."""
        own = self.case.feature_schema.arrow
        if self.parent is None:
            return own.insert(0, pa.field(ROW_ID, pa.string())).empty_table()
        complete, span, row = model_schema(self.case), pc.min_max(ids), ds.field(ROW_ID)
        rows = self.parent.to_table(
            [ROW_ID, *complete.arrow.names], filter=(row >= span["min"]) & (row <= span["max"])
        )
        features = without_entities(self.case, complete.select(rows))
        return pa.Table.from_batches([features]).add_column(0, ROW_ID, rows[ROW_ID])


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

    Columns: `row_id`, `label`, `part`, `cluster`, `source`, then the model's input, by `row_id`.
    `history` is the folder where Feast finds the entity histories; `feature_store` may be `None`
    for a use case without entity features. With `on_ray` own features are computed on Ray Data
    (needs a connected Ray), otherwise in this process. `batch_rows` are computed at once; memory
    holds a few narrow columns of all records, never their text.
    """
    path = dataset_path(case.name, version, RECORDS_FILE)
    code = features_code(case)
    parent = _parent_features(store, case, read_manifest(store, case.name, version), code)
    compute = OwnFeatures(case, parent)
    with open_parquet(store, path) as file:
        records = file.read(_columns_of_entities(case))
    pa.default_memory_pool().release_unused()
    entities, view_version = entity_features(case, records, feature_store, history)
    del records
    own = (_on_ray if on_ray else _in_process)(store, path, compute, batch_rows)
    with TemporaryDirectory(prefix="features-") as name:
        target = Path(name) / FEATURES_FILE
        _write(case, own, entities, target)
        store.upload(target, dataset_path(case.name, version, FEATURES_FILE))
    made = json.dumps({FEATURES_CODE: code}, indent=1)
    store.write(dataset_path(case.name, version, FEATURES_CODE_FILE), made.encode())
    return view_version


def features_code(case: UseCase) -> str:
    """Return what distinguishes one feature code from another: the hash of the features it
    computes for the golden records, and of their schema.
    """
    schema = case.feature_schema
    computed = schema.rows(case.features(case.golden_records()))
    return sha256_json([schema.texts, schema.numbers, computed])


def _parent_features(
    store: BlobStore, case: UseCase, manifest: DatasetManifest, code: str
) -> ds.Dataset | None:
    """Return the features of a parent version that were computed by the same `code`."""
    for parent in manifest.parents:
        made = dataset_path(case.name, parent, FEATURES_CODE_FILE)
        if store.exists(made) and json.loads(store.read(made))[FEATURES_CODE] == code:
            path = dataset_path(case.name, parent, FEATURES_FILE)
            return ds.dataset(path, filesystem=store.arrow_filesystem(), format="parquet")
    return None


def _columns_of_entities(case: UseCase) -> list[str]:
    """Return the columns of the records that entity features are made from."""
    columns = (case.entity_features and case.entity_features.columns) or case.record_schema.names
    return [*columns, ROW_ID, LABEL, PART, EVENT_TIMESTAMP]


def _in_process(
    store: BlobStore, path: str, compute: OwnFeatures, batch_rows: int
) -> Iterator[pa.Table]:
    columns = [*KEPT, *compute.case.record_schema.names]
    with open_parquet(store, path) as file:
        for batch in file.iter_batches(batch_rows, columns=columns):
            yield compute(pa.Table.from_batches([batch]))


def _on_ray(
    store: BlobStore, path: str, compute: OwnFeatures, batch_rows: int
) -> Iterator[pa.Table]:
    """Yield the features in the order of the records; needs a connected Ray."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    columns = [*KEPT, *compute.case.record_schema.names]
    records = ray.data.read_parquet(path, filesystem=store.arrow_filesystem(), columns=columns)
    features = records.map_batches(compute.__call__, batch_format="pyarrow", batch_size=batch_rows)
    tables: Iterable[Any] = features.iter_batches(batch_size=None, batch_format="pyarrow")
    yield from (table for table in tables if table.num_rows)


def _write(
    case: UseCase, own: Iterator[pa.Table], entities: pa.RecordBatch | None, target: Path
) -> None:
    types = {LABEL: label_type(case)}
    kept = [pa.field(name, types.get(name, pa.string())) for name in KEPT]
    schema = pa.schema([*kept, *model_schema(case).arrow])
    start = 0
    with pq.ParquetWriter(target, schema, compression=COMPRESSION) as writer:
        for table in own:
            of_rows = None if entities is None else entities.slice(start, table.num_rows)
            complete = join_entities(case, case.feature_schema.select(table), of_rows)
            columns = [*table.select(KEPT).columns, *complete.columns]
            rows = pa.table(columns, names=schema.names).cast(schema)
            writer.write_table(rows, row_group_size=BATCH_ROWS)
            start += table.num_rows
