"""Iris flowers whose petals grow, so that a model of the old ones fails."""

from platform_core.contracts.inference_record import Purpose
from use_cases.iris import IrisUseCase
from use_cases.training import TrainingUseCase


class DrillUseCase(IrisUseCase):
    """Species of flowers, for drills.

    A drill trains, tries and promotes releases of this use case, so that it never touches a
    release that answers real callers. What it sends has the purpose `drill`, which counts here and
    in no other use case.
    """

    name = "drill"
    title = "Drill (synthetic)"
    traffic = Purpose.DRILL

    def training(self) -> TrainingUseCase:
        """Return labels, generator and candidates."""
        from use_cases.drill.training import DrillTraining

        return DrillTraining()
