"""What a job reads, stored by its first attempt so that later attempts read the same."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from platform_core.batch import BatchJob
from platform_core.batch.inputs import input_objects
from platform_core.batch.job_objects import create_once
from platform_core.contracts.base import Contract
from platform_core.errors import BlobChanged, BlobNotFound, InvalidData
from platform_core.parquet import open_parquet
from platform_core.ports.blob_store import BlobInfo, BlobStore
from platform_core.storage import input_plan_path


class InputFile(Contract):
    """One object: `size` in bytes, `etag` as the store gave it, `rows` from its footer."""

    path: str
    size: int
    etag: str
    rows: int


class InputPlan(Contract):
    """The objects a job reads, in the order in which their rows are numbered."""

    files: tuple[InputFile, ...]

    @property
    def rows(self) -> int:
        """The number of rows of all objects."""
        return sum(file.rows for file in self.files)


def plan_input(store: BlobStore, job: BatchJob, columns: Sequence[str]) -> InputPlan:
    """Return the plan that the job's first attempt stored, or make and store it now.

    No row is read; objects that were added since then are not part of the job.

    Raises:
        InvalidData: nothing is there, an object is not Parquet or lacks columns, there are no
            rows, or an object was changed after the plan was made.
    """
    path = input_plan_path(job.job_id)
    try:
        plan = InputPlan.model_validate_json(store.read(path))
    except BlobNotFound:
        plan = _inspected(store, job.input_path, columns)
        if not create_once(store, path, plan.model_dump_json().encode()):
            plan = InputPlan.model_validate_json(store.read(path))
    require_unchanged(store, plan)
    return plan


def require_unchanged(store: BlobStore, plan: InputPlan) -> None:
    """Check that no object was changed; `InvalidData` names the first one that was."""
    for file in plan.files:
        try:
            info = store.info(file.path)
        except BlobNotFound as error:
            text = f"the input {file.path} was deleted while the job ran; {_AGAIN}"
            raise InvalidData(text) from error
        if info.etag != file.etag:
            raise InvalidData(
                f"the input {file.path} was changed while the job ran ({file.size} bytes then, "
                f"{info.size} now); rows of both would be mixed; {_AGAIN}"
            )


_AGAIN = "submit the job again once the input stays as it is"


@contextmanager
def open_input(store: BlobStore, path: str) -> Iterator[pq.ParquetFile]:
    """Open one object of the input; `InvalidData` names it when it cannot be read."""
    try:
        with open_parquet(store, path) as file:
            yield file
    except (BlobNotFound, BlobChanged, pa.ArrowInvalid, OSError) as error:
        raise InvalidData(
            f"the input {path} cannot be read as Parquet: {_reason(error)}"
        ) from error


def _inspected(store: BlobStore, path: str, columns: Sequence[str]) -> InputPlan:
    infos = (store.info(name) for name in input_objects(store, path))
    plan = InputPlan(files=tuple(_inspect(store, info, columns) for info in infos))
    if plan.rows == 0:
        raise InvalidData(f"the input {path} has no rows; there is nothing to score")
    return plan


def _inspect(store: BlobStore, info: BlobInfo, columns: Sequence[str]) -> InputFile:
    with open_input(store, info.path) as file:
        names = file.schema_arrow.names
        rows = file.metadata.num_rows
    missing = [name for name in columns if name not in names]
    repeated = [name for name in columns if names.count(name) > 1]
    if missing or repeated:
        what = "has no column" if missing else "has more than one column"
        raise InvalidData(
            f"the input {info.path} {what} {', '.join(missing or repeated)}; it has "
            f"{', '.join(names)} and must have {', '.join(columns)}, each once"
        )
    return InputFile(path=info.path, size=info.size, etag=info.etag, rows=rows)


def _reason(error: Exception) -> str:
    """Return the reason without the server's folders, which the system's messages contain."""
    number = getattr(error, "errno", None)
    return str(error) if number is None else os.strerror(number)
