"""The monitored columns of a use case, and their missing values."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import InvalidInput
from use_cases import MonitoredColumn, UseCase

SCORE_COLUMN = "score"
PREDICTION_COLUMN = "prediction"


def monitored_columns(use_case: UseCase) -> tuple[MonitoredColumn, ...]:
    """Return the use case's monitored features, then the model's score and its prediction, or for
    regression the predicted number.

    Raises:
        InvalidInput: a feature is named like the score or the prediction.
    """
    names = {column.name for column in use_case.monitored}
    taken = names & {SCORE_COLUMN, PREDICTION_COLUMN}
    if taken:
        raise InvalidInput(
            f"the use case {use_case.name!r} monitors a feature named {taken.pop()!r}, which is "
            "the name of a model output; rename the feature"
        )
    if use_case.task == "regression":
        return (*use_case.monitored, MonitoredColumn(PREDICTION_COLUMN, "numeric"))
    outputs = (
        MonitoredColumn(SCORE_COLUMN, "numeric"),
        MonitoredColumn(PREDICTION_COLUMN, "categorical"),
    )
    return (*use_case.monitored, *outputs)


def score(use_case: UseCase, probabilities: np.ndarray) -> pa.Array:
    """Return the score [N] of `probabilities` [N, C].

    It is the probability of `use_case.positive`, or the largest one without a positive class, in
    single precision: JSON loses more digits, and equal scores must stay equal.
    """
    if use_case.positive is None:
        values = probabilities.max(axis=1) if len(probabilities) else np.empty(0)
    else:
        values = probabilities[:, use_case.classes.index(use_case.positive)]
    return pa.array(np.asarray(values, np.float32), from_pandas=True)


def mark_missing(use_case: UseCase, column: MonitoredColumn, values: pa.Array) -> pa.Array:
    """Return `values` as float32 or string, by the column's kind, with null for missing ones.

    A dictionary of strings stays one. Null, NaN, and the unknown value of an entity feature count
    as missing.
    """
    if column.kind == "categorical":
        return values if pa.types.is_dictionary(values.type) else values.cast(pa.string())
    values = values.cast(pa.float32())
    missing = pc.is_nan(values)
    unknown = _unknown_value(use_case, column.name)
    if unknown is not None:
        missing = pc.or_(missing, pc.equal(values, pa.scalar(unknown, pa.float32())))
    if not pc.any(missing).as_py():  # the usual case, without a copy
        return values
    return pc.if_else(missing, pa.scalar(None, pa.float32()), values)


def _unknown_value(use_case: UseCase, name: str) -> float | None:
    entity = use_case.entity_features
    features = entity.features if entity else ()
    return next((feature.unknown for feature in features if feature.name == name), None)
