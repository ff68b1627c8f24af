"""The objects of one batch job in the blob store.

The attempts at a job are a chain of objects that are created and never replaced. The process that
creates the next number has taken the job over, either to run it again or to write its end.
"""

from pydantic import ValidationError

from platform_core import storage
from platform_core.batch.contract import BatchAttempt, BatchJob, BatchProgress, JobStatus
from platform_core.errors import BlobExists, BlobNotFound, InvalidData, JobNotFound
from platform_core.ports.blob_store import BlobStore


class JobObjects:
    """Reads and writes the request, the progress, the attempts and the markers of one job."""

    def __init__(self, store: BlobStore, job_id: str) -> None:
        self._store = store
        self._job_id = job_id

    def request(self) -> BatchJob:
        """Return the request.

        Raises:
            JobNotFound: there is no such job.
            InvalidData: it was written by an incompatible version.
        """
        path = storage.job_path(self._job_id)
        try:
            return BatchJob.model_validate_json(self._store.read(path))
        except BlobNotFound as error:
            raise JobNotFound(f"there is no batch job {self._job_id}") from error
        except ValidationError as error:
            raise InvalidData(f"{path} is not the request of a batch job: {error}") from error

    def progress(self) -> BatchProgress:
        """Return the progress written last; `submitted` before the first run wrote any."""
        try:
            data = self._store.read(storage.progress_path(self._job_id))
        except BlobNotFound:
            return BatchProgress(status=JobStatus.SUBMITTED)
        return BatchProgress.model_validate_json(data)

    def write_progress(self, progress: BatchProgress) -> None:
        """Replace the progress."""
        document = progress.model_dump_json(indent=1).encode()
        self._store.write(storage.progress_path(self._job_id), document)

    def request_cancellation(self) -> None:
        """Write the marker that asks the run to stop."""
        self._store.write(storage.cancel_path(self._job_id), b"")

    def cancellation_requested(self) -> bool:
        """Return whether the job is to stop."""
        return self._store.exists(storage.cancel_path(self._job_id))

    def newest_attempt(self) -> BatchAttempt | None:
        """Return the attempt with the highest number; `None` before the first."""
        paths = [blob.path for blob in self._store.list(storage.attempts_folder(self._job_id))]
        written = [path for path in paths if path.endswith(".json")]
        if not written:
            return None
        return BatchAttempt.model_validate_json(self._store.read(written[-1]))

    def open_attempt(self, attempt: BatchAttempt) -> bool:
        """Take the job over; `False` when another process has opened this number."""
        path = storage.attempt_path(self._job_id, attempt.number)
        return create_once(self._store, path, attempt.model_dump_json(indent=1).encode())

    def superseded(self, number: int) -> bool:
        """Return whether the job was taken over after attempt `number` was opened."""
        return self._store.exists(storage.attempt_path(self._job_id, number + 1))

    def claim(self, number: int) -> bool:
        """Become the one process that runs an attempt; `False` when another one has."""
        return create_once(self._store, storage.claim_path(self._job_id, number), b"")

    def claimed(self, number: int) -> bool:
        """Return whether a process has started to run an attempt."""
        return self._store.exists(storage.claim_path(self._job_id, number))

    def delete_attempts(self) -> None:
        """Delete all attempts of a job that could not be submitted."""
        for blob in self._store.list(storage.attempts_folder(self._job_id)):
            self._store.delete(blob.path)

    def delete_work(self) -> None:
        """Delete what only a further attempt would need.

        The input plan goes last: without it, checkpoints could be taken for those of another plan.
        """
        for blob in self._store.list(storage.checkpoints_folder(self._job_id)):
            self._store.delete(blob.path)
        self._store.delete(storage.input_plan_path(self._job_id))


def create_once(store: BlobStore, path: str, data: bytes) -> bool:
    """Create an object; `False` when there is one at `path` already."""
    try:
        store.create(path, data)
    except BlobExists:
        return False
    return True
