"""Ingest, validate, dataset version, features, Feast."""

from data_pipeline.dataset import dataset_path, freeze, read_manifest, read_records
from data_pipeline.identity import TEST, TRAIN
from data_pipeline.sources import DEFAULT_ROWS, GENERATED, parse_columns, read_source
from data_pipeline.validation import validate

__all__ = [
    "DEFAULT_ROWS",
    "GENERATED",
    "TEST",
    "TRAIN",
    "dataset_path",
    "freeze",
    "parse_columns",
    "read_manifest",
    "read_records",
    "read_source",
    "validate",
]
