"""Labelled inference records, read hour by hour as raw records."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import LABEL, PREDICTION_ID
from data_pipeline.feedback.predictions import HOUR, NewLabels, live_rows
from data_pipeline.feedback.redaction import LoggedRecordsCheck, check_redaction
from data_pipeline.sources.columns import ColumnMapping
from data_pipeline.sources.events import ROWS, FileFinished, ReadEvent, SourceRows
from data_pipeline.sources.raw import (
    PREDICTION_COLUMN,
    SOURCE_COLUMN,
    TIME_COLUMN,
    fit,
    unify,
)
from data_pipeline.sources.request import FEEDBACK
from platform_core.errors import DataUnchanged, InvalidData
from platform_core.ports.blob_store import BlobStore
from records import log_columns, read_log
from records.columns import TIME
from use_cases import UseCase


def open_feedback(
    store: BlobStore, case: UseCase, version: str, environments: tuple[str, ...]
) -> "FeedbackTask":
    """Return the labelled records that the dataset version ("" for none) does not have.

    Raises:
        DataUnchanged: there are none beyond those of the version.
        InvalidData: there are none at all, or the use case's redaction removes what its features
            need.
    """
    check_redaction(case)
    found = NewLabels.find(store, case, version, environments)
    if found.summary is not None:
        return FeedbackTask(store, case, found)
    where = f"{case.name} in {', '.join(environments)}"
    others = f" ({found.unmatched:,} labels belong to no live record)" if found.unmatched else ""
    if version:
        raise DataUnchanged(
            f"there are no labelled records of {where} beyond those of dataset version "
            f"{version}{others}"
        )
    raise InvalidData(
        f"there are no labelled records of {where}{others}; send labels with `mlplatform feedback` "
        "or POST /feedback, or name other environments in FEEDBACK_ENVIRONMENTS"
    )


@dataclass(frozen=True)
class FeedbackTask:
    """The records of `found`, in the order of their predictions."""

    store: BlobStore
    case: UseCase
    found: NewLabels
    bytes: int = 0

    def read(self, mapping: ColumnMapping) -> Iterator[ReadEvent]:
        """Yield the records of each hour with their labels, as a file of the use case has them.

        Raises:
            InvalidData: what was logged is not what the model saw.
        """
        check, rows, size = LoggedRecordsCheck(self.store, self.case), 0, 0
        for hour in self.found.hours:
            logged = self._logged(hour)
            check(logged)
            batch = self._raw(logged)
            rows, size = rows + batch.num_rows, size + batch.nbytes
            ordered = batch.select(mapping.ordered(batch.schema.names))
            yield SourceRows(FEEDBACK, ordered)
        yield FileFinished(FEEDBACK, ROWS, rows, size, files=0)

    def _logged(self, hour: datetime) -> pa.Table:
        """Return the log's rows of an hour, ordered by prediction, each prediction once."""
        ids, case = self.found.labels[PREDICTION_ID].combine_chunks(), self.case
        names = log_columns(case).schema.names
        batches = [
            live_rows(case, batch, ids)
            for environment in self.found.environments
            for batch in read_log(self.store, case.name, environment, hour, hour + HOUR, names)
        ]
        schema = reduce(unify, [batch.schema for batch in batches])
        table = pa.Table.from_batches([fit(batch, schema) for batch in batches])
        ordered = table.sort_by(PREDICTION_ID).combine_chunks()
        named = ordered[PREDICTION_ID].combine_chunks()
        repeated = pc.fill_null(pc.equal(named[1:], named[:-1]), False)
        first = pa.concat_arrays([pa.array([True]), pc.invert(repeated)])
        return ordered.filter(first)

    def _raw(self, logged: pa.Table) -> pa.RecordBatch:
        case, labels = self.case, self.found.labels
        columns = {
            name: logged[column]
            if column in logged.column_names  # not in records of an earlier version of the use case
            else pa.nulls(logged.num_rows, case.record_schema.field(name).type)
            for name, column in log_columns(case).inputs.items()
        }
        place = pc.index_in(logged[PREDICTION_ID], labels[PREDICTION_ID].combine_chunks())
        given = labels[LABEL].take(place.combine_chunks())
        columns[case.training().label.column] = _spelled(case, given)
        columns[TIME_COLUMN] = logged[TIME]
        columns[PREDICTION_COLUMN] = logged[PREDICTION_ID]
        columns[SOURCE_COLUMN] = pa.repeat(FEEDBACK, logged.num_rows)
        (batch,) = pa.table(columns).combine_chunks().to_batches()
        return batch


def _spelled(case: UseCase, labels: pa.ChunkedArray) -> pa.ChunkedArray | pa.Array:
    """Return classes as training data spells them; numbers stay."""
    if not case.classes:
        return labels
    spelling = {name: text for text, name in case.training().label.values.items()}
    return pa.array([spelling[label] for label in labels.to_pylist()], pa.string())
