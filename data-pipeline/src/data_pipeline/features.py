"""The features step: own features on Ray Data, entity features from Feast, one Parquet."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import CLUSTER, LABEL, PART, ROW_ID
from data_pipeline.entity_features import entity_features
from data_pipeline.own_features import features_of, own_features
from data_pipeline.versions.manifest import DatasetManifest, read_manifest, read_records
from platform_core.hashing import sha256_json
from platform_core.parquet import read_table, write_table
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.feature_store import FeatureStore
from platform_core.storage import FEATURES_CODE_FILE, FEATURES_FILE, RECORDS_FILE, dataset_path
from use_cases import UseCase, model_schema
from use_cases.assemble import join_entities, without_entities

FEATURES_CODE = "features_code"


def compute_features(
    store: BlobStore,
    case: UseCase,
    version: str,
    feature_store: FeatureStore | None,
    history: Path,
) -> str | None:
    """Write `features.parquet` of a dataset version and return its feature view's version.

    What a version this one was added to has from the same feature code is taken over.
    Columns: `row_id`, `label`, `part`, `cluster`, then the model's input, ordered by `row_id`.
    `history` is the folder where Feast finds the entity histories; `feature_store` may be `None`
    for a use case without entity features.
    """
    records = read_records(store, case.name, version)
    known = _known(store, case, read_manifest(store, case.name, version), records)
    own = own_features(store, case, dataset_path(case.name, version, RECORDS_FILE), known)
    entities, view_version = entity_features(case, records, feature_store, history)
    complete = join_entities(case, case.feature_schema.select(own), entities)
    columns = {name: records[name] for name in (ROW_ID, LABEL, PART, CLUSTER)}
    columns |= dict(zip(complete.schema.names, complete.columns, strict=True))
    write_table(store, dataset_path(case.name, version, FEATURES_FILE), pa.table(columns))
    made = json.dumps({FEATURES_CODE: features_code(case)}, indent=1)
    store.write(_made_path(case.name, version), made.encode())
    return view_version


def features_code(case: UseCase) -> str:
    """Return what tells one feature code from another: the hash of the features it computes for
    the golden records, and of their schema.
    """
    schema = case.feature_schema
    computed = schema.rows(case.features(case.golden_records()))
    return sha256_json([schema.texts, schema.numbers, computed])


def _known(
    store: BlobStore, case: UseCase, manifest: DatasetManifest, records: pa.Table
) -> pa.Table | None:
    """Return own features that the version this one was added to has from the same code."""
    for parent in manifest.parents:
        path = _made_path(case.name, parent)
        if not store.exists(path):
            continue
        if json.loads(store.read(path)).get(FEATURES_CODE) != features_code(case):
            continue
        table = read_table(
            store, dataset_path(case.name, parent, FEATURES_FILE), features_of(case).names
        )
        table = table.filter(pc.is_in(table[ROW_ID], records[ROW_ID].combine_chunks()))
        own = without_entities(case, model_schema(case).select(table))
        return pa.Table.from_batches([own]).add_column(0, ROW_ID, table[ROW_ID])
    return None


def _made_path(use_case: str, version: str) -> str:
    return dataset_path(use_case, version, FEATURES_CODE_FILE)
