"""Iris: four measurements of a flower, three species."""

from use_cases.iris.use_case import IrisUseCase

__all__ = ["IrisUseCase"]
