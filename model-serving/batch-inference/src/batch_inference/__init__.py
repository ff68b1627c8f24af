"""Parquet to Parquet scoring on Ray."""

from batch_inference.executors import Executor, LocalExecutor
from batch_inference.job import run_job
from batch_inference.services import Services
from batch_inference.settings import BatchSettings

__all__ = ["BatchSettings", "Executor", "LocalExecutor", "Services", "run_job"]
