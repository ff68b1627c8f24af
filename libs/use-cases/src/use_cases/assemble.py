"""From records to the complete input of a model: own features, then entity features."""

from collections.abc import Sequence
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from use_cases.feature_schema import FeatureSchema, number_block
from use_cases.interface import EntityFeatures, UseCase

EntityValues = tuple[float | None, ...]
"""The entity features of one record, in their order; `None` where a value is unknown."""
Entities: TypeAlias = pa.RecordBatch | Sequence[EntityValues]
"""Entity features of N records: rows, or a record batch with a column per feature."""


@lru_cache(maxsize=32)
def model_schema(use_case: UseCase) -> FeatureSchema:
    """Return the input of a model of `use_case`: its features, then entity features."""
    entity = use_case.entity_features
    return use_case.feature_schema.with_numbers(entity.names if entity else ())


def assemble(
    use_case: UseCase, records: pa.RecordBatch, entities: Entities | None = None
) -> pa.RecordBatch:
    """Return the model's input (`model_schema`) for `records` (`record_schema`)."""
    return join_entities(use_case, use_case.features(records), entities)


def join_entities(
    use_case: UseCase, features: pa.RecordBatch, entities: Entities | None
) -> pa.RecordBatch:
    """Return own `features` (`feature_schema`) with the entity features appended to the numbers.

    An unknown value, or no `entities` at all, becomes the feature's explicit unknown value.
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


def entity_block(entity: EntityFeatures, entities: Entities | None, rows: int) -> np.ndarray:
    """Return the entity features of N rows, [N, E] float32, with unknown values in place of null.

    Without `entities` all are unknown.
    """
    unknown = [feature.unknown for feature in entity.features]
    if entities is None:
        return np.broadcast_to(np.array(unknown, np.float32), (rows, len(unknown)))
    if isinstance(entities, pa.RecordBatch):
        columns = [entities.column(name).to_pylist() for name in entity.names]
        entities = list(zip(*columns, strict=True))
    known = [
        [default if value is None else value for value, default in zip(row, unknown, strict=True)]
        for row in entities
    ]
    return np.array(known, np.float32).reshape(rows, len(unknown))
