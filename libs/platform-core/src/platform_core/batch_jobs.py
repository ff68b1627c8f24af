"""What the gateway and a batch job have to agree on: who may write, and what an output says.

The attempts at a job are a chain of objects that are created and never replaced. Whoever creates
the next number has taken the job over, whether to run it again or to write down its end.
"""

import json

import pyarrow.parquet as pq

from platform_core.contracts.batch_job import (
    SUMMARY_KEY,
    BatchAttempt,
    BatchJob,
    BatchProgress,
    BatchSummary,
    JobStatus,
)
from platform_core.errors import BlobExists, BlobNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    PARQUET,
    attempt_path,
    attempts_folder,
    checkpoints_folder,
    claim_path,
    input_plan_path,
    invalid_path,
    job_path,
    progress_path,
    success_path,
)


class Attempts:
    """The attempts at one job."""

    def __init__(self, store: BlobStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id

    def newest(self) -> BatchAttempt | None:
        """Return the attempt that counts; `None` before the first."""
        paths = [blob.path for blob in self._store.list(attempts_folder(self._job_id))]
        written = [path for path in paths if path.endswith(".json")]
        if not written:
            return None
        return BatchAttempt.model_validate_json(self._store.read(written[-1]))

    def open(self, attempt: BatchAttempt) -> bool:
        """Take the job over; `False` when somebody else has opened this number."""
        path = attempt_path(self._job_id, attempt.number)
        return self._create(path, attempt.model_dump_json(indent=1).encode())

    def superseded(self, number: int) -> bool:
        """Say whether somebody has taken the job over since attempt `number` was opened."""
        return self._store.exists(attempt_path(self._job_id, number + 1))

    def claim(self, number: int) -> bool:
        """Become the process that runs an attempt; `False` when there has been one."""
        return self._create(claim_path(self._job_id, number), b"")

    def claimed(self, number: int) -> bool:
        """Say whether a process has begun to run an attempt."""
        return self._store.exists(claim_path(self._job_id, number))

    def forget(self) -> None:
        """Remove all attempts, of a job that was not taken on after all."""
        for blob in self._store.list(attempts_folder(self._job_id)):
            self._store.delete(blob.path)

    def _create(self, path: str, data: bytes) -> bool:
        try:
            self._store.create(path, data)
        except BlobExists:
            return False
        return True


def read_progress(store: BlobStore, job_id: str) -> BatchProgress:
    """Return what a job has written last; `submitted` before its first word."""
    try:
        data = store.read(progress_path(job_id))
    except BlobNotFound:
        return BatchProgress(status=JobStatus.SUBMITTED)
    return BatchProgress.model_validate_json(data)


def clear_work(store: BlobStore, job_id: str) -> None:
    """Remove what a job keeps for its next attempt, once there will be none.

    The plan of the input goes last: checkpoints without it could be taken for those of another.
    """
    for blob in store.list(checkpoints_folder(job_id)):
        store.delete(blob.path)
    store.delete(input_plan_path(job_id))


def output_summary(store: BlobStore, path: str) -> BatchSummary | None:
    """Return what an output or side file says of itself; `None` when no job has finished it."""
    try:
        text = _file_text(store, path) if path.endswith(PARQUET) else _folder_text(store, path)
        return BatchSummary(**json.loads(text))
    except (BlobNotFound, OSError, KeyError, ValueError, TypeError):  # not of a batch job
        return None


def left_over(store: BlobStore, path: str) -> bool:
    """Say whether a side file was left behind by a job that ended without its output."""
    summary = output_summary(store, path) if store.exists(path) else None
    if summary is None:
        return False
    try:
        job = BatchJob.model_validate_json(store.read(job_path(summary.job_id)))
        status = read_progress(store, summary.job_id).status
    except (BlobNotFound, ValueError):
        return False
    # A copy that somebody keeps elsewhere says the same, but is theirs.
    here = invalid_path(job.output_path) == path
    return here and status in {JobStatus.FAILED, JobStatus.CANCELLED}


def _file_text(store: BlobStore, path: str) -> str | bytes:
    with store.open(path) as file:
        return (pq.read_metadata(file).metadata or {})[SUMMARY_KEY.encode()]


def _folder_text(store: BlobStore, path: str) -> bytes:
    return store.read(success_path(path))
