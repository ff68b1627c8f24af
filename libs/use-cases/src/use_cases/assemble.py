"""From records to the complete input of a model: own features, then entity features."""

from functools import lru_cache

import numpy as np
import pyarrow as pa

from use_cases.feature_schema import FeatureSchema, number_block
from use_cases.interface import EntityFeatures, UseCase


@lru_cache(maxsize=32)
def model_schema(use_case: UseCase) -> FeatureSchema:
    """Return the input of a model of `use_case`: its features, then entity features."""
    entity = use_case.entity_features
    return use_case.feature_schema.with_numbers(entity.names if entity else ())


def assemble(
    use_case: UseCase, records: pa.RecordBatch, entities: pa.RecordBatch | None = None
) -> pa.RecordBatch:
    """Return the model's input (`model_schema`) for `records` (`record_schema`)."""
    return join_entities(use_case, use_case.features(records), entities)


def join_entities(
    use_case: UseCase, features: pa.RecordBatch, entities: pa.RecordBatch | None
) -> pa.RecordBatch:
    """Return own `features` (`feature_schema`) with the entity features appended to the numbers.

    `entities` has a column per entity feature and a row per record; null, or no `entities` at
    all, becomes the feature's explicit unknown value.
    """
    entity = use_case.entity_features
    if entity is None:
        return features
    own = use_case.feature_schema
    known = entity_block(entity, entities, features.num_rows)
    numbers = np.concatenate([number_block(features), known], axis=1) if own.numbers else known
    texts = [features.column(index) for index in range(len(own.texts))]
    return model_schema(use_case).batch(texts, numbers)


def without_entities(use_case: UseCase, features: pa.RecordBatch) -> pa.RecordBatch:
    """Return the own features (`feature_schema`) within a model's input."""
    own = use_case.feature_schema
    texts = [features.column(index) for index in range(len(own.texts))]
    numbers = number_block(features)[:, : len(own.numbers)] if own.numbers else np.empty((0, 0))
    return own.batch(texts, numbers)


def entity_block(entity: EntityFeatures, entities: pa.RecordBatch | None, rows: int) -> np.ndarray:
    """Return the entity features of N rows, [N, E] float32, with unknown values in place of null.

    `entities` has a column per entity feature; `None` means that all are unknown.
    """
    if entities is None:
        unknown = np.array([feature.unknown for feature in entity.features], np.float32)
        return np.broadcast_to(unknown, (rows, len(unknown)))
    columns = [
        [feature.unknown if v is None else v for v in entities.column(feature.name).to_pylist()]
        for feature in entity.features
    ]
    return np.array(columns, np.float32).T
