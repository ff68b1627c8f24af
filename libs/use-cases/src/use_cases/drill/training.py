"""How models of the drill's flowers are trained."""

import pyarrow as pa

from use_cases.iris.training import IrisTraining

DRIFT_FACTOR = 3.0
"""Petals that are 6 cm longer are longer than all others; as long as 2 cm they may pass for those
of another species."""


class DrillTraining(IrisTraining):
    """Iris flowers with a larger drift: a model of the others calls all of them the same."""

    def generate(self, rows: int, seed: int, drift: float = 0.0) -> pa.Table:
        """Return flowers; `drift` makes all petals so long that no other flower has them."""
        return super().generate(rows, seed, DRIFT_FACTOR * drift)
