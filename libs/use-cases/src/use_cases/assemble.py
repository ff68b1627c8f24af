"""From records to the complete input of a model: own features, then entity features."""

from functools import lru_cache

import pyarrow as pa

from use_cases.interface import UseCase


@lru_cache(maxsize=32)  # building a schema costs as much as the features of a row
def model_schema(use_case: UseCase) -> pa.Schema:
    """Return the columns a model of `use_case` takes: its features, then entity features."""
    entity = use_case.entity_features
    names = entity.names if entity else ()
    return pa.schema([*use_case.feature_schema, *(pa.field(n, pa.float32()) for n in names)])


def assemble(
    use_case: UseCase, records: pa.RecordBatch, entities: pa.RecordBatch | None = None
) -> pa.RecordBatch:
    """Return the model's input (`model_schema`) for `records` (`record_schema`)."""
    return join_entities(use_case, use_case.features(records), entities)


def join_entities(
    use_case: UseCase, features: pa.RecordBatch, entities: pa.RecordBatch | None
) -> pa.RecordBatch:
    """Return own `features` (`feature_schema`) with the entity features behind them.

    `entities` has a column per entity feature and a row per record; null, or no `entities` at
    all, becomes the feature's explicit unknown value.
    """
    for feature in use_case.entity_features.features if use_case.entity_features else ():
        if entities is None:
            values = pa.repeat(pa.scalar(feature.unknown, pa.float32()), features.num_rows)
        else:
            values = _known(entities.column(feature.name), feature.unknown)
        # (Making a batch anew looks at each of its columns.)
        features = features.append_column(pa.field(feature.name, pa.float32()), values)
    return features


def _known(values: pa.Array, unknown: float) -> pa.Array:
    """Return `values` as float32 with `unknown` in place of null."""
    numbers = [unknown if value is None else value for value in values.to_pylist()]
    return pa.array(numbers, pa.float32())
