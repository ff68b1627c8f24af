"""The inference log and labels: append durably, upload as Parquet, read, join and replay."""

from records.columns import LogColumns, log_columns
from records.labels.incremental import LabelledRecords
from records.labels.join import (
    LABEL_COLUMNS,
    current_labels,
    join_labels,
    label_table,
    read_all_labels,
    read_labelled,
    read_labels,
)
from records.log.inference_log import InferenceLog, LogMetrics, UploadResult
from records.log.spool import SegmentLimits, Spool
from records.logged_features import logged_block
from records.read import log_objects, read_log

__all__ = [
    "LABEL_COLUMNS",
    "InferenceLog",
    "LabelledRecords",
    "LogColumns",
    "LogMetrics",
    "SegmentLimits",
    "Spool",
    "UploadResult",
    "current_labels",
    "join_labels",
    "label_table",
    "log_columns",
    "log_objects",
    "logged_block",
    "read_all_labels",
    "read_labelled",
    "read_labels",
    "read_log",
]
