"""The use case of `mlplatform drill`: its traffic is synthetic, and all of it counts."""

from use_cases.drill.use_case import DrillUseCase

__all__ = ["DrillUseCase"]
