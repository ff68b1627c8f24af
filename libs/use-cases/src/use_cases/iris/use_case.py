"""The smallest use case: four floats, no text, no entities."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from platform_core.contracts.release import DecisionRule
from use_cases.interface import Candidate, Gates, Limits, MonitoredColumn, UseCase
from use_cases.iris.record import MAX_CENTIMETRES, MIN_CENTIMETRES, IrisRecord

COLUMNS = ("sepal_length", "sepal_width", "petal_length", "petal_width")
SPECIES = ("setosa", "versicolor", "virginica")
SCHEMA = pa.schema([pa.field(name, pa.float32()) for name in COLUMNS])
# Mean and standard deviation of each measurement per species, in centimetres
# (Fisher 1936, "The use of multiple measurements in taxonomic problems", table I).
MEANS = np.array([[5.01, 3.43, 1.46, 0.25], [5.94, 2.77, 4.26, 1.33], [6.59, 2.97, 5.55, 2.03]])
DEVIATIONS = np.array(
    [[0.35, 0.38, 0.17, 0.11], [0.52, 0.31, 0.47, 0.20], [0.64, 0.32, 0.55, 0.27]]
)
DRIFT_CENTIMETRES = 2.0


class IrisUseCase(UseCase):
    """Species of iris flowers."""

    name = "iris"
    title = "Iris species"
    record = IrisRecord
    record_schema = SCHEMA
    limits: ClassVar = dict.fromkeys(COLUMNS, Limits(MIN_CENTIMETRES, MAX_CENTIMETRES))
    id_column = None
    time_column = None
    label_column = "species"
    label_values: ClassVar = {species: species for species in SPECIES}
    classes = SPECIES
    feature_schema = SCHEMA
    entity_features = None
    metric = "accuracy"
    positive = None
    decision = DecisionRule(kind="argmax")
    gates = Gates(minimum=0.85, margin=0.05)
    monitored = tuple(MonitoredColumn(name) for name in COLUMNS)
    examples: ClassVar = {
        "setosa": {"features": [5.1, 3.5, 1.4, 0.2]},
        "virginica": {"features": [6.7, 3.0, 5.2, 2.3]},
    }

    def columns(self, records: Sequence[IrisRecord]) -> pa.RecordBatch:
        """Return the four measurements as four columns."""
        values = np.array([r.features for r in records], dtype=np.float32).reshape(-1, len(COLUMNS))
        return pa.record_batch([pa.array(column) for column in values.T], schema=SCHEMA)

    def request(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return the four measurements as one list."""
        return {"features": [row[name] for name in COLUMNS]}

    def features(self, records: pa.RecordBatch) -> pa.RecordBatch:
        """Return the measurements as they are."""
        return records.select(list(COLUMNS))

    def golden_records(self) -> pa.RecordBatch:
        """Return the mean flower of each species."""
        return pa.record_batch([pa.array(c, pa.float32()) for c in MEANS.T], schema=SCHEMA)

    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return flowers drawn around each species' means; `drift` makes all petals longer."""
        random = np.random.default_rng(seed)
        species = random.integers(0, len(SPECIES), rows)
        values = np.maximum(random.normal(MEANS[species], DEVIATIONS[species]), 0.05)
        values[:, 2:] += drift * DRIFT_CENTIMETRES
        columns = [pa.array(column.astype(np.float32)) for column in values.T]
        labels = pa.array([SPECIES[index] for index in species], pa.string())
        return pa.table([*columns, labels], names=[*COLUMNS, self.label_column])

    def candidates(self) -> Sequence[Candidate]:
        """Return the models to try."""
        from use_cases.iris.models import candidates

        return candidates()
