"""How models of iris flowers are trained."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from use_cases.iris.record import COLUMNS
from use_cases.iris.species import MEANS, SPECIES
from use_cases.rules.gates import Gates
from use_cases.training import Candidate, LabelSpec, TrainingUseCase

# Standard deviations of the measurements whose means are `MEANS` (same source).
DEVIATIONS = np.array(
    [[0.35, 0.38, 0.17, 0.11], [0.52, 0.31, 0.47, 0.20], [0.64, 0.32, 0.55, 0.27]]
)
DRIFT_CENTIMETRES = 2.0


class IrisTraining(TrainingUseCase):
    """Labels are the species' names."""

    label = LabelSpec("species", {species: species for species in SPECIES})
    metric = "accuracy"
    gates = Gates(("accuracy >= 0.85",), margin=0.05)

    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return flowers drawn around each species' means; `drift` makes all petals longer."""
        random = np.random.default_rng(seed)
        species = random.integers(0, len(SPECIES), rows)
        values = np.maximum(random.normal(MEANS[species], DEVIATIONS[species]), 0.05)
        values[:, 2:] += drift * DRIFT_CENTIMETRES
        columns = [pa.array(column.astype(np.float32)) for column in values.T]
        labels = pa.array([SPECIES[index] for index in species], pa.string())
        return pa.table([*columns, labels], names=[*COLUMNS, self.label.column])

    def candidates(self) -> Sequence[Candidate]:
        """Return the models to try."""
        from use_cases.iris.models import candidates

        return candidates()
