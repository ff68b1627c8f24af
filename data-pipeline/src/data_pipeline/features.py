"""The features step: own features on Ray Data, entity features from Feast, one Parquet."""

from pathlib import Path

import pyarrow as pa

from data_pipeline.dataset import PART, dataset_path, read_records
from data_pipeline.entity_features import entity_features
from data_pipeline.own_features import own_features
from data_pipeline.stored import features_path
from data_pipeline.validation import LABEL, ROW_ID
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.feature_store import FeatureStore
from use_cases import UseCase
from use_cases.assemble import join_entities


def compute_features(
    store: BlobStore,
    case: UseCase,
    version: str,
    feature_store: FeatureStore | None,
    history: Path,
) -> str | None:
    """Write `features.parquet` of a dataset version and return its feature view's version.

    Columns: `row_id`, `label`, `part`, then the model's input, ordered by `row_id`.
    `history` is the folder where Feast finds the entity histories; `feature_store` may be `None`
    for a use case without entity features.
    """
    records = read_records(store, case.name, version)
    own = own_features(store, case, f"{dataset_path(case.name, version)}/records.parquet")
    entities, view_version = entity_features(case, records, feature_store, history)
    batch = own.drop_columns([ROW_ID]).combine_chunks().to_batches()[0]
    complete = join_entities(case, batch, entities)
    columns = {name: records[name] for name in (ROW_ID, LABEL, PART)}
    columns |= dict(zip(complete.schema.names, complete.columns, strict=True))
    write_table(store, features_path(case.name, version), pa.table(columns))
    return view_version
