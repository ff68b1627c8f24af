"""The record of a run in blob storage: the files and the result of each of its steps.

Everything lies below the folder of the run; only the pipeline reads it, so that an interrupted run
leaves nothing that could be mistaken for a release. The record of a step
is written last: a step without one has not finished.
"""

from dataclasses import dataclass
from typing import TypeVar

from platform_core.contracts.base import Contract
from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import finished_step_path, run_path
from training.results import StepResult

RESULT, RECORD, FAILURE = "result.json", "record.json", "failure.json"

Result = TypeVar("Result", bound=StepResult)


class StepRecord(Contract):
    """A finished step: `key` identifies what it was called with, `folder` has its result."""

    step: str
    key: str
    folder: str
    seconds: float


class StepFailure(Contract):
    """Why the last attempt of a run failed."""

    step: str
    code: str
    message: str


@dataclass(frozen=True)
class RunRecords:
    """The records of one run."""

    store: BlobStore
    use_case: str
    run_id: str

    @property
    def path(self) -> str:
        """The folder of the run."""
        return run_path(self.use_case, self.run_id)

    def folder(self, step: str) -> str:
        """Return the folder of a step."""
        return run_path(self.use_case, self.run_id, step)

    def finished(self, step: str) -> StepRecord | None:
        """Return the record of a step, `None` when it has not finished."""
        return self._record(f"{self.folder(step)}/{RECORD}")

    def reusable(self, step: str, key: str) -> StepRecord | None:
        """Return the record of a step that was called with the same inputs and parameters, in
        this run or in another one; `None` where there is none or its result is gone.
        """
        for record in (self.finished(step), self._record(self._shared(step, key))):
            if record and record.key == key and self.store.exists(f"{record.folder}/{RESULT}"):
                return record
        return None

    def finish(self, record: StepRecord, shared: bool) -> None:
        """Record a finished step; a `shared` one may be reused by other runs."""
        data = record.model_dump_json(indent=1).encode()
        self.store.write(f"{self.folder(record.step)}/{RECORD}", data)
        if shared:
            self.store.write(self._shared(record.step, record.key), data)

    def result(self, step: str, kind: type[Result]) -> Result:
        """Return the result of a finished step.

        Raises:
            BlobNotFound: the step has not finished.
        """
        record = self.finished(step)
        if record is None:
            raise BlobNotFound(f"{self.folder(step)}/{RECORD}")
        return read_result(self.store, record.folder, kind)

    def fail(self, failure: StepFailure) -> None:
        """Record why the run failed."""
        self.store.write(f"{self.path}/{FAILURE}", failure.model_dump_json(indent=1).encode())

    def failure(self) -> StepFailure | None:
        """Return why the run failed, `None` when no step gave a reason."""
        try:
            return StepFailure.model_validate_json(self.store.read(f"{self.path}/{FAILURE}"))
        except BlobNotFound:
            return None

    def forget_failure(self) -> None:
        """Delete the failure of an earlier attempt."""
        self.store.delete(f"{self.path}/{FAILURE}")

    def _shared(self, step: str, key: str) -> str:
        return finished_step_path(self.use_case, step, key)

    def _record(self, path: str) -> StepRecord | None:
        try:
            return StepRecord.model_validate_json(self.store.read(path))
        except BlobNotFound:
            return None


def read_result(store: BlobStore, folder: str, kind: type[Result]) -> Result:
    """Return the result that a step left in `folder`."""
    return kind.model_validate_json(store.read(f"{folder}/{RESULT}"))


def write_result(store: BlobStore, folder: str, result: StepResult) -> None:
    """Write the result of a step to its folder."""
    store.write(f"{folder}/{RESULT}", result.model_dump_json(indent=1).encode())
