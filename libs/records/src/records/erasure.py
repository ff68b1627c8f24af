"""Erasing predictions: from the log, the labels, the index and the outputs of batch jobs.

The tombstones are written first and the log is rewritten last, so that an erasure that was killed
is finished by running it again. A tombstone has no content but the id: it is the audit entry, keeps
late segments from bringing a record back, and tells each index to remove it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from platform_core import storage
from platform_core.batch import BatchJob
from platform_core.clock import Clock
from platform_core.contracts.base import Contract
from platform_core.contracts.environments import Environment
from platform_core.contracts.prediction_ids import prediction_time
from platform_core.contracts.release import Lineage
from platform_core.errors import BlobNotFound, NotFound
from platform_core.parquet import open_parquet, read_table, write_table
from platform_core.ports.blob_store import BlobStore
from records.columns import PREDICTION_ID, log_columns
from use_cases import UseCase


class Tombstone(Contract):
    """The audit entry of an erasure, without any erased content."""

    use_case: str
    erased_at: datetime
    erased_by: str


@dataclass
class ErasureReport:
    """What an erasure removed; `datasets` and `releases` still contain or learned from the record.

    `objects` are the paths that were rewritten or deleted.
    """

    predictions: list[str] = field(default_factory=list)
    objects: list[str] = field(default_factory=list)
    datasets: list[str] = field(default_factory=list)
    releases: list[str] = field(default_factory=list)


class Erasure:
    """Erases predictions of one use case on behalf of `actor`."""

    def __init__(self, store: BlobStore, clock: Clock, case: UseCase, actor: str) -> None:
        self._store = store
        self._case = case
        self._tombstone = Tombstone(
            use_case=case.name, erased_at=clock.now(), erased_by=actor
        ).model_dump_json()

    def erase_prediction(self, prediction_id: str) -> ErasureReport:
        """Erase one prediction, and list where its record is used if the log still names it.

        Raises:
            InvalidInput: `prediction_id` is not the id of a prediction.
            NotFound: there is no such prediction.
        """
        made = prediction_time(prediction_id)
        paths = list(self._hour_objects(made))
        found = dict(self._matches(paths, PREDICTION_ID, prediction_id))
        tombstone = storage.tombstone_path(self._case.name, made, prediction_id)
        if not found and not self._store.exists(tombstone):
            raise NotFound(
                f"there is no prediction {prediction_id} of {self._case.name} in the inference log"
            )
        record_id = self._record_of(list(found), prediction_id)
        report = self._erase({prediction_id}, list(found))
        if record_id is not None and self._case.id_column is not None:
            self._list_uses(report, self._case.id_column, record_id)
        return report

    def erase_record(self, record_id: str) -> ErasureReport:
        """Erase every prediction of the record that its sender named `record_id`.

        Raises:
            NotFound: records of the use case have no id.
        """
        name = self._case.id_column
        if name is None:
            raise NotFound(f"records of {self._case.name} have no id; use --prediction-id")
        self._write_tombstone(storage.record_tombstone_path(self._case.name, record_id))
        paths = [path for env in Environment for path in self._objects(self._log(env))]
        column = log_columns(self._case).inputs[name]
        found = dict(self._matches(paths, column, record_id))
        erased = {one for ids in found.values() for one in ids}
        outputs = self._rewrite_all(self._outputs(), name, {record_id})
        report = self._erase(erased, list(found))
        report.objects[:0] = outputs
        self._list_uses(report, name, record_id)
        return report

    def _erase(self, prediction_ids: set[str], log_paths: Sequence[str]) -> ErasureReport:
        report = ErasureReport(sorted(prediction_ids))
        labels: set[str] = set()
        for one in report.predictions:
            made = prediction_time(one)
            self._write_tombstone(storage.tombstone_path(self._case.name, made, one))
            labels.update(self._objects(storage.label_date_folder(self._case.name, made)))
        report.objects += self._rewrite_all(sorted(labels), PREDICTION_ID, prediction_ids)
        report.objects += self._rewrite_all(log_paths, PREDICTION_ID, prediction_ids)
        return report

    def _write_tombstone(self, path: str) -> None:
        if not self._store.exists(path):
            self._store.write(path, self._tombstone.encode())

    def _matches(
        self, paths: Sequence[str], column: str, value: str
    ) -> Iterator[tuple[str, list[str]]]:
        """Yield the objects with rows of this value, and the predictions of these rows."""
        for path in paths:
            table = self._columns(path, [PREDICTION_ID, column])
            if table is not None:
                ids = table.filter(pc.equal(table[column], value))[PREDICTION_ID].to_pylist()
                if ids:
                    yield path, ids

    def _record_of(self, paths: Sequence[str], prediction_id: str) -> str | None:
        """Return the id of the record of a prediction; `None` where the log has none."""
        if self._case.id_column is None:
            return None
        column = log_columns(self._case).inputs[self._case.id_column]
        for path in paths:
            table = self._columns(path, [PREDICTION_ID, column])
            if table is not None:
                row = table.filter(pc.equal(table[PREDICTION_ID], prediction_id))
                record_id: str | None = row[column][0].as_py()
                return record_id
        return None

    def _columns(self, path: str, names: list[str]) -> pa.Table | None:
        """Return columns of an object; `None` if it lacks one of them, or no longer exists."""
        try:
            with open_parquet(self._store, path) as file:
                if not set(names) <= set(file.schema_arrow.names):
                    return None
                return file.read(list(dict.fromkeys(names)))
        except BlobNotFound:
            return None

    def _rewrite_all(self, paths: Sequence[str], column: str, values: set[str]) -> list[str]:
        """Remove rows from objects; return the paths of those that had any."""
        return [path for path in paths if self._rewrite(path, column, values)]

    def _rewrite(self, path: str, column: str, values: set[str]) -> bool:
        if self._columns(path, [column]) is None:
            return False
        table = read_table(self._store, path)
        wrong_type = not pa.types.is_string(table.schema.field(column).type)
        kept = table if wrong_type else without_values(table, column, values)
        if kept.num_rows == table.num_rows:
            return False
        if kept.num_rows:
            write_table(self._store, path, kept)
        else:
            self._store.delete(path)
        return True

    def _outputs(self) -> list[str]:
        """Return the objects that batch jobs of the use case have written."""
        paths: list[str] = []
        for blob in self._store.list(storage.BATCH_JOBS):
            if blob.path == storage.job_path(blob.path.split("/")[-2]):
                job = BatchJob.model_validate_json(self._store.read(blob.path))
                if job.use_case == self._case.name:
                    paths += self._written(job.output_path)
        return list(dict.fromkeys(paths))

    def _written(self, output: str) -> Iterator[str]:
        single = [output, storage.invalid_path(output)]
        yield from (path for path in single if path.endswith(storage.PARQUET))
        yield from self._objects(output)

    def _list_uses(self, report: ErasureReport, column: str, record_id: str) -> None:
        """Add the dataset versions that contain the record and the releases trained on them."""
        report.datasets = self._datasets(column, record_id)
        report.releases = self._releases(set(report.datasets))

    def _datasets(self, column: str, record_id: str) -> list[str]:
        """Return the dataset versions that contain the record."""
        versions = []
        for folder in self._store.folders(storage.datasets_folder(self._case.name)):
            version = folder.rpartition("/")[2]
            path = storage.dataset_path(self._case.name, version, storage.RECORDS_FILE)
            table = self._columns(path, [column])
            if table is not None and pc.any(pc.equal(table[column], record_id)).as_py():
                versions.append(version)
        return versions

    def _releases(self, versions: set[str]) -> list[str]:
        """Return the releases that were trained on one of the dataset versions."""
        found = []
        for folder in self._store.folders(storage.model_folder(self._case.name)):
            try:
                document = self._store.read(f"{folder}/{storage.LINEAGE_FILE}")
            except BlobNotFound:
                continue
            lineage = Lineage.model_validate_json(document)
            if lineage.dataset_version in versions:
                found.append(lineage.release_id)
        return found

    def _hour_objects(self, made: datetime) -> Iterator[str]:
        for environment in Environment:
            folder = storage.log_hour_folder(self._case.name, environment, made)
            yield from self._objects(folder)

    def _log(self, environment: Environment) -> str:
        return storage.log_folder(self._case.name, environment)

    def _objects(self, folder: str) -> Iterator[str]:
        paths = (blob.path for blob in self._store.list(folder))
        return (path for path in paths if path.endswith(storage.PARQUET))


def without_values(table: pa.Table, column: str, values: Sequence[Any] | set[Any]) -> pa.Table:
    """Return the rows of `table` whose `column` is not among `values`."""
    gone = pc.is_in(
        table[column], value_set=pa.array(sorted(values), table.schema.field(column).type)
    )
    return table.filter(pc.invert(gone))
