"""Ingest, validate, dataset version, features, Feast."""

from data_pipeline.columns import TEST, TRAIN
from data_pipeline.sources.request import DEFAULT_ROWS, GENERATED, parse_columns
from data_pipeline.versions.manifest import read_manifest, read_records

__all__ = [
    "DEFAULT_ROWS",
    "GENERATED",
    "TEST",
    "TRAIN",
    "parse_columns",
    "read_manifest",
    "read_records",
]
