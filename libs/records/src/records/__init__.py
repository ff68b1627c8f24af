"""The inference log: append records durably, upload them as Parquet, read and replay them."""

from records.columns import LogColumns, log_columns
from records.inference_log import InferenceLog, LogMetrics, UploadResult
from records.logged_features import logged_block
from records.read import log_objects, read_log
from records.spool import SegmentLimits, Spool

__all__ = [
    "InferenceLog",
    "LogColumns",
    "LogMetrics",
    "SegmentLimits",
    "Spool",
    "UploadResult",
    "log_columns",
    "log_objects",
    "logged_block",
    "read_log",
]
