"""One attempt at a job: from the rows that are done to the complete output."""

from collections.abc import Iterator
from contextlib import closing

import pyarrow as pa

from batch_inference.attempt_writer import AttemptWriter
from batch_inference.checkpoints import Checkpoints, count_rows
from batch_inference.chunk_scorer import (
    Poll,
    ScoredChunk,
    ScoringPlan,
    invalid_schema,
    output_schema,
)
from batch_inference.input.plan import plan_input, require_unchanged
from batch_inference.input.reader import InputReader
from batch_inference.output import put_file, put_output
from batch_inference.services import Services
from platform_core.batch import BatchJob, BatchSummary
from platform_core.batch.inputs import require_apart
from platform_core.batch.outputs import is_abandoned, job_summary
from platform_core.errors import InvalidData, InvalidPath
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import invalid_path
from scoring import load_release
from use_cases import use_case


class Attempt:
    """Scores the chunks that no earlier attempt has finished, each of them once."""

    def __init__(
        self, job: BatchJob, writer: AttemptWriter, services: Services, poll: Poll
    ) -> None:
        """Load and check everything the job needs, before anything is scored."""
        require_apart(job.input_path, job.output_path)
        _check_side_file(services.store, job)
        self._job = job
        self._writer = writer
        self._services = services
        self._poll = poll
        poll()
        self._case = use_case(job.use_case)
        columns = self._case.record_schema.names
        release = load_release(services.store, job.use_case, job.release_id)
        self._plan = ScoringPlan(job.use_case, release, services.online_store)
        self._input = plan_input(services.store, job, columns)
        self._reader = InputReader(services.store, self._input, columns)
        self._checkpoints = Checkpoints(services.store, job.job_id)
        self._chain = self._checkpoints.finished()
        self._counts = count_rows(self._chain)

    def finish(self) -> BatchSummary:
        """Score the remaining rows and write the output.

        Raises:
            InvalidData: too many rows are invalid, or the input was changed in the meantime.
        """
        self._score()
        require_unchanged(self._services.store, self._input)
        self._poll()
        summary = self._summary(self._input.rows)
        self._put_invalid(summary)
        path, schema = self._job.output_path, output_schema(self._case)
        rows = self._while_newest(self._checkpoints.scored(self._chain))
        put_output(self._services.store, path, schema, rows, summary)
        return summary

    def _score(self) -> None:
        self._report()
        if self._counts.done == self._input.rows:
            return
        services, settings = self._services, self._services.settings
        small = self._input.rows <= settings.batch_small_rows
        executor = services.small if small else services.large
        chunks = self._reader.chunks(
            self._counts.done, settings.batch_chunk_rows, settings.batch_chunk_bytes
        )
        with closing(executor.map(self._plan, chunks, self._poll)) as results:
            for result in results:
                self._keep(result)

    def _keep(self, result: ScoredChunk) -> None:
        self._writer.require_newest()
        self._chain.append(self._checkpoints.keep(self._counts.done, result))
        self._counts += self._chain[-1].counts
        self._report()

    def _report(self) -> None:
        """Write the counts; `InvalidData` when too many rows are invalid."""
        self._writer.report(self._input.rows, self._counts)
        share = self._services.settings.batch_max_invalid_share
        if self._counts.invalid <= share * self._input.rows:
            return
        self._put_invalid(self._summary(self._counts.done))
        latest = next(self._checkpoints.invalid(reversed(self._chain)))
        last = latest.slice(latest.num_rows - 1).to_pylist()[0]
        raise InvalidData(
            f"{self._counts.invalid} of {self._counts.done} rows are invalid, the input has "
            f"{self._input.rows} and at most {share:.0%} may be; row {last['row']}: "
            f"{last['reason']}; all are listed in {invalid_path(self._job.output_path)}"
        )

    def _put_invalid(self, summary: BatchSummary) -> None:
        store, path = self._services.store, invalid_path(self._job.output_path)
        self._writer.require_newest()
        # Checked again, because scoring may have taken hours.
        _check_side_file(store, self._job)
        if self._counts.invalid:
            rows = self._while_newest(self._checkpoints.invalid(self._chain))
            put_file(store, path, invalid_schema(self._case), rows, summary)
        else:
            store.delete(path)

    def _while_newest(self, tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
        """Yield `tables`, then check that no newer attempt exists, right before the upload."""
        yield from tables
        self._writer.require_newest()

    def _summary(self, rows: int) -> BatchSummary:
        return BatchSummary(
            job_id=self._job.job_id,
            rows_total=rows,
            rows_invalid=self._counts.invalid,
            rows_truncated=self._counts.truncated,
        )


def _check_side_file(store: BlobStore, job: BatchJob) -> None:
    """Refuse to replace a side file, unless this job or one without output wrote it."""
    path = invalid_path(job.output_path)
    if (
        store.exists(path)
        and not is_abandoned(store, path)
        and not job_summary(store, path, job.job_id)
    ):
        raise InvalidPath(
            f"{path}, the list of invalid rows of {job.output_path}, exists already and was not "
            "written by this job; choose another output or delete it"
        )
