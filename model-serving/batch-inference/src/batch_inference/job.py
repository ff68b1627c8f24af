"""A batch job from its request to its result."""

import logging
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import pyarrow as pa

from batch_inference.cancellation import JobCancelled
from batch_inference.chunk_scorer import ScoredChunk, ScoringPlan, invalid_schema, output_schema
from batch_inference.executors import Executor
from batch_inference.job_files import JobFiles
from batch_inference.output import (
    FileOutput,
    Output,
    Summary,
    finished,
    output_to,
)
from batch_inference.settings import BatchSettings
from batch_inference.source import Source
from platform_core.clock import Clock
from platform_core.contracts.batch_job import BatchJob, BatchProgress, JobStatus, invalid_path
from platform_core.errors import InvalidData, InvalidPath, PlatformError
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.online_store import OnlineStore
from scoring import load_release
from use_cases import use_case

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Services:
    """What a job works with. Jobs of few rows go to `small`: it starts nothing."""

    store: BlobStore
    clock: Clock
    settings: BatchSettings
    online_store: Callable[[], OnlineStore]
    small: Executor
    large: Executor


def run_job(
    job_id: str, services: Services, stopped: Callable[[], bool] = lambda: False
) -> BatchProgress:
    """Run a job to its end and return how it ended; one that has ended is left alone.

    Nothing but the job's absence raises: every other failure is the job's status. `stopped` is
    asked between steps; once it is true the job is cancelled, as by its marker.

    Raises:
        JobNotFound: nobody submitted such a job.
    """
    files = JobFiles(services.store, services.clock, job_id)
    job = files.job()
    if files.progress.status.final:
        return files.progress
    summary = finished(services.store, job.output_path, job_id)
    if summary is not None:
        return _succeed(files, summary)
    try:
        files.start()
        return _Run(job, files, services, stopped).finish()
    except JobCancelled:
        return files.end(JobStatus.CANCELLED)
    except PlatformError as error:
        return files.end(JobStatus.FAILED, str(error))
    except Exception as error:
        logger.exception("batch job %s failed", job_id)
        return files.end(JobStatus.FAILED, f"{type(error).__name__}: {error}")


class _Run:
    """One attempt at a job."""

    def __init__(
        self, job: BatchJob, files: JobFiles, services: Services, stopped: Callable[[], bool]
    ) -> None:
        _check_paths(job)
        _check_side_file(services.store, job)
        self._job = job
        self._files = files
        self._services = services
        self._stopped = stopped
        self._poll()
        self._case = use_case(job.use_case)
        release = load_release(services.store, job.use_case, job.release_id)
        self._plan = ScoringPlan(job.use_case, release, services.online_store)
        self._source = Source(services.store, job.input_path, self._case.record_schema.names)
        self._done = 0
        self._invalid = 0

    def finish(self) -> BatchProgress:
        """Score all rows and put the output in place."""
        store, path = self._services.store, self._job.output_path
        with (
            _discarded(
                FileOutput(store, invalid_path(path), invalid_schema(self._case))
            ) as invalid,
            _discarded(output_to(store, path, output_schema(self._case))) as output,
        ):
            self._score(output, invalid)
            summary = Summary(self._job.job_id, self._source.rows, self._invalid)
            self._put_invalid(invalid, summary)
            output.commit(summary)
        return _succeed(self._files, summary)

    def _score(self, output: Output, invalid: Output) -> None:
        with closing(self._results()) as results:
            for result in results:
                output.write(result.scored)
                invalid.write(result.invalid)
                self._count(result)
                if self._too_many_invalid:
                    self._refuse(invalid, result.invalid)

    def _results(self) -> Iterator[ScoredChunk]:
        services, settings = self._services, self._services.settings
        few = self._source.rows <= settings.batch_small_rows
        executor = services.small if few else services.large
        self._files.report(self._source.rows, 0, 0)
        chunks = self._source.chunks(settings.batch_chunk_rows, settings.batch_chunk_bytes)
        return executor.map(self._plan, chunks, self._poll)

    def _count(self, result: ScoredChunk) -> None:
        self._done += result.rows
        self._invalid += result.invalid.num_rows
        self._files.report(self._source.rows, self._done, self._invalid)

    @property
    def _too_many_invalid(self) -> bool:
        return self._invalid > self._services.settings.batch_max_invalid_share * self._source.rows

    def _refuse(self, invalid: Output, latest: pa.Table) -> None:
        self._put_invalid(invalid, Summary(self._job.job_id, self._done, self._invalid))
        last = latest.slice(latest.num_rows - 1).to_pylist()[0]
        raise InvalidData(
            f"{self._invalid} of {self._done} rows are invalid, the input has "
            f"{self._source.rows} and at most {self._services.settings.batch_max_invalid_share:.0%}"
            f" may be; row {last['row']}: {last['reason']}; "
            f"all are listed in {invalid_path(self._job.output_path)}"
        )

    def _put_invalid(self, invalid: Output, summary: Summary) -> None:
        # Looked at again: the scoring may have taken hours.
        _check_side_file(self._services.store, self._job)
        if self._invalid:
            invalid.commit(summary)
        else:
            self._services.store.delete(invalid_path(self._job.output_path))

    def _poll(self) -> None:
        if self._stopped() or self._files.cancel_requested():
            raise JobCancelled


@contextmanager
def _discarded(output: Output) -> Iterator[Output]:
    try:
        yield output
    finally:
        output.discard()


def _succeed(files: JobFiles, summary: Summary) -> BatchProgress:
    total, invalid = summary.rows_total, summary.rows_invalid
    return files.end(JobStatus.SUCCEEDED, rows_total=total, rows_done=total, rows_invalid=invalid)


def _check_paths(job: BatchJob) -> None:
    for path in (job.output_path, invalid_path(job.output_path)):
        source, target = f"{job.input_path}/", f"{path}/"
        if source.startswith(target) or target.startswith(source):
            raise InvalidPath(
                f"the output {path} and the input {job.input_path} lie within each other; "
                "the job would overwrite or re-read its own rows; choose another output"
            )


def _check_side_file(store: BlobStore, job: BatchJob) -> None:
    """Refuse to touch a side file that this very job has not written."""
    path = invalid_path(job.output_path)
    if store.exists(path) and finished(store, path, job.job_id) is None:
        raise InvalidPath(
            f"{path}, where the invalid rows of {job.output_path} are listed, is there already "
            "and not of this job; choose another output or delete it"
        )
