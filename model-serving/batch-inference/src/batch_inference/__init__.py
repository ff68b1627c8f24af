"""Parquet to Parquet scoring on Ray."""

from batch_inference.executors import Executor, LocalExecutor
from batch_inference.job import Services, run_job
from batch_inference.settings import BatchSettings

__all__ = ["BatchSettings", "Executor", "LocalExecutor", "Services", "run_job"]
