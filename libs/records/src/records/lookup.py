"""One prediction: its inference record and labels, from the spool, the index or the log."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from platform_core import storage
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import InferenceRecord
from platform_core.contracts.label import PredictionLabel
from platform_core.contracts.prediction_ids import prediction_time
from platform_core.errors import BlobNotFound
from platform_core.parquet import open_parquet
from platform_core.ports.blob_store import BlobStore
from records.columns import PREDICTION_ID, log_columns
from records.index import RecordIndex
from records.labels.join import KNOWN_AT, RECEIVED_AT, read_labels
from records.log.segments import (
    HOUR_FORMAT,
    LABELS,
    SUFFIX,
    SegmentName,
    read_label_segment,
    read_segment,
)
from use_cases import UseCase, use_case, use_case_names


class RecordLookup:
    """Finds predictions in the spool of this process, by the index, and in the log itself."""

    def __init__(self, store: BlobStore, spool: Path, index: RecordIndex) -> None:
        self._store = store
        self._spool = spool
        self._index = index

    def records(self, prediction_id: str) -> list[InferenceRecord]:
        """Return the inference records of a prediction, first its answer; see `InferenceRecord`.

        Raises:
            InvalidInput: `prediction_id` is not the id of a prediction.
            UpstreamUnavailable: the blob store cannot be reached.
        """
        made = prediction_time(prediction_id)
        found = [*self._indexed(prediction_id), *self._spooled(made, prediction_id)]
        if not any(record.is_answer for record in found):
            found += self._searched(made, prediction_id)
        by_role = {record.role: record for record in reversed(found)}
        return sorted(by_role.values(), key=lambda record: not record.is_answer)

    def labels(self, case: UseCase, prediction_id: str) -> list[PredictionLabel]:
        """Return the labels of a prediction: first the one that counts, then its history."""
        made = prediction_time(prediction_id)
        table = read_labels(self._store, case, made, made)
        rows = table.filter(pc.equal(table[PREDICTION_ID], prediction_id)).to_pylist()
        labels = [PredictionLabel(use_case=case.name, **row) for row in rows]
        for file in self._segments(made.replace(hour=0), LABELS):
            spooled = read_label_segment(file).records
            labels += [one for one in spooled if one.prediction_id == prediction_id]
        unique = {one.model_dump_json(): one for one in labels}.values()
        return sorted(
            unique,
            key=lambda one: (getattr(one, KNOWN_AT), getattr(one, RECEIVED_AT)),
            reverse=True,
        )

    def _indexed(self, prediction_id: str) -> Iterator[InferenceRecord]:
        for path in self._index.paths(prediction_id):
            yield from self._stored(path, prediction_id)

    def _spooled(self, made: datetime, prediction_id: str) -> Iterator[InferenceRecord]:
        for environment in Environment:
            for file in self._segments(made, environment):
                for record in read_segment(file).records:
                    if record.prediction_id == prediction_id:
                        yield record

    def _segments(self, hour: datetime, stream: str) -> Iterator[Path]:
        """Yield the segments of a stream and hour that are on this disk and not uploaded yet."""
        for file in self._spool.glob(f"*.{stream}.{hour:{HOUR_FORMAT}}.*{SUFFIX}"):
            if SegmentName.parse(file.name).use_case in use_case_names() and file.exists():
                yield file

    def _searched(self, made: datetime, prediction_id: str) -> list[InferenceRecord]:
        """Search the objects of the hour, which the index may not contain yet."""
        found: list[InferenceRecord] = []
        for name in use_case_names():
            for environment in Environment:
                for blob in self._store.list(storage.log_hour_folder(name, environment, made)):
                    found += self._stored(blob.path, prediction_id)
        return found

    def _stored(self, path: str, prediction_id: str) -> list[InferenceRecord]:
        try:
            with open_parquet(self._store, path) as file:
                table = file.read()
        except BlobNotFound:
            return []
        rows = table.filter(pc.equal(table[PREDICTION_ID], prediction_id)).to_pylist()
        return [log_columns(use_case(row["use_case"])).record(row) for row in rows]
