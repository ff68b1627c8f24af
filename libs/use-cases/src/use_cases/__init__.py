"""The UseCase interface and the built-in use cases."""

from use_cases.assemble import assemble, model_schema
from use_cases.interface import (
    Candidate,
    EntityFeature,
    EntityFeatures,
    Gates,
    Limits,
    MonitoredColumn,
    UseCase,
)
from use_cases.registry import DEFAULT, use_case, use_case_names
from use_cases.validation import Validation, validate_columns

__all__ = [
    "DEFAULT",
    "Candidate",
    "EntityFeature",
    "EntityFeatures",
    "Gates",
    "Limits",
    "MonitoredColumn",
    "UseCase",
    "Validation",
    "assemble",
    "model_schema",
    "use_case",
    "use_case_names",
    "validate_columns",
]
