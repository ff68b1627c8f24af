"""The smallest use case: four floats, no text, no entities."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import DecisionRule
from use_cases.feature_schema import FeatureSchema
from use_cases.interface import MonitoredColumn, UseCase
from use_cases.iris.record import COLUMNS, IrisRecord
from use_cases.iris.species import MEANS, SPECIES
from use_cases.training import TrainingUseCase


class IrisUseCase(UseCase):
    """Species of iris flowers."""

    name = "iris"
    title = "Iris species"
    record = IrisRecord
    classes = SPECIES
    decision = DecisionRule(kind="argmax")
    feature_schema = FeatureSchema(numbers=COLUMNS)
    monitored = tuple(MonitoredColumn(name) for name in COLUMNS)
    examples: ClassVar = {
        "setosa": {"features": [5.1, 3.5, 1.4, 0.2]},
        "virginica": {"features": [6.7, 3.0, 5.2, 2.3], "model_version": "latest"},
    }

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the measurements as they are."""
        numbers = np.stack([column.to_numpy() for column in records.columns], axis=1)
        return self.feature_schema.batch([], numbers)

    def answer(self, probabilities: Mapping[str, float], prediction: str) -> dict[str, Any]:
        """Return the number of the species, from 0."""
        del probabilities
        return {"class_number": SPECIES.index(prediction)}

    def golden_records(self) -> pa.RecordBatch:
        """Return the mean flower of each species."""
        arrays = [pa.array(column, pa.float32()) for column in MEANS.T]
        return pa.record_batch(arrays, schema=self.record_schema)

    def training(self) -> TrainingUseCase:
        """Return labels, generator and candidates."""
        from use_cases.iris.training import IrisTraining

        return IrisTraining()
