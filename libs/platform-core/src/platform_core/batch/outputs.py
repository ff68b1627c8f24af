"""What the outputs and side files of batch jobs say about the job that wrote them."""

import json

from platform_core import storage
from platform_core.batch.contract import SUMMARY_KEY, BatchSummary, JobStatus
from platform_core.batch.job_objects import JobObjects
from platform_core.errors import BlobNotFound, InvalidData, JobNotFound
from platform_core.parquet import open_parquet
from platform_core.ports.blob_store import BlobStore


def output_summary(store: BlobStore, path: str) -> BatchSummary | None:
    """Return the summary of an output or side file; `None` when no job has completed it."""
    try:
        if path.endswith(storage.PARQUET):
            document = _parquet_summary(store, path)
        else:
            document = store.read(storage.success_path(path))
        return BatchSummary(**json.loads(document))
    except (BlobNotFound, OSError, KeyError, ValueError, TypeError):  # not written by a batch job
        return None


def job_summary(store: BlobStore, path: str, job_id: str) -> BatchSummary | None:
    """Return the summary of an output or side file; `None` unless this job has completed it."""
    summary = output_summary(store, path)
    return summary if summary is not None and summary.job_id == job_id else None


def is_abandoned(store: BlobStore, path: str) -> bool:
    """Return whether a side file was left behind by a job that ended without its output."""
    summary = output_summary(store, path) if store.exists(path) else None
    if summary is None:
        return False
    objects = JobObjects(store, summary.job_id)
    try:
        # A copy at another path has the same metadata, but does not belong to the job.
        in_place = storage.invalid_path(objects.request().output_path) == path
    except (JobNotFound, InvalidData):
        return False
    return in_place and objects.progress().status in {JobStatus.FAILED, JobStatus.CANCELLED}


def _parquet_summary(store: BlobStore, path: str) -> bytes:
    with open_parquet(store, path) as file:
        summary: bytes = (file.metadata.metadata or {})[SUMMARY_KEY.encode()]
    return summary
