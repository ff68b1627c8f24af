"""Conversion of fitted scikit-learn pipelines to ONNX graphs (needs the `training` extra)."""

from use_cases.closed_vectoriser import TOKEN_PATTERN
from use_cases.export.boosting import register_converters
from use_cases.export.pipeline import export, export_regressor

__all__ = ["TOKEN_PATTERN", "export", "export_regressor", "register_converters"]
