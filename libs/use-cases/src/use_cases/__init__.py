"""The use case interface and the built-in use cases."""

from use_cases.assemble import assemble, model_schema
from use_cases.feature_schema import FeatureSchema, number_block
from use_cases.interface import EntityFeature, EntityFeatures, MonitoredColumn, UseCase
from use_cases.record_schema import ColumnNames, Limits, RecordId, RecordSchema
from use_cases.registry import InstalledUseCases, discover, use_case, use_case_names
from use_cases.rules.gates import Gate, Gates
from use_cases.rules.thresholds import (
    BestF1,
    CostMatrix,
    ErrorCosts,
    FalsePositiveRate,
    ScoreThreshold,
    ThresholdRule,
)
from use_cases.search_space import (
    Integers,
    LogUniform,
    Uniform,
    When,
    combinations,
    default_parameters,
)
from use_cases.training import Candidate, LabelSpec, TrainingUseCase
from use_cases.validation import Validation, validate_columns

__all__ = [
    "BestF1",
    "Candidate",
    "ColumnNames",
    "CostMatrix",
    "EntityFeature",
    "EntityFeatures",
    "ErrorCosts",
    "FalsePositiveRate",
    "FeatureSchema",
    "Gate",
    "Gates",
    "InstalledUseCases",
    "Integers",
    "LabelSpec",
    "Limits",
    "LogUniform",
    "MonitoredColumn",
    "RecordId",
    "RecordSchema",
    "ScoreThreshold",
    "ThresholdRule",
    "TrainingUseCase",
    "Uniform",
    "UseCase",
    "Validation",
    "When",
    "assemble",
    "combinations",
    "default_parameters",
    "discover",
    "model_schema",
    "number_block",
    "use_case",
    "use_case_names",
    "validate_columns",
]
