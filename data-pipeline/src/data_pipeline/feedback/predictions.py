"""Which labelled predictions a dataset version does not have yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from data_pipeline.columns import LABEL, PREDICTION_ID
from data_pipeline.feedback.known import erased_predictions, read_known
from data_pipeline.feedback.summary import FeedbackSummary
from platform_core.contracts.prediction_ids import prediction_time
from platform_core.contracts.serving_state import ServingRole
from platform_core.ports.blob_store import BlobStore
from records import current_labels, read_all_labels, read_log
from records.columns import PURPOSE, ROLE
from use_cases import UseCase

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class NewLabels:
    """Labelled live predictions that a dataset version does not have with this label.

    `labels` has `prediction_id` and `label`, ordered by `prediction_id`, which is the order in
    which the predictions were made; `hours` are those with such predictions. `summary` is `None`
    without any. `unmatched` labels have no live record in `environments`.
    """

    environments: tuple[str, ...]
    labels: pa.Table
    hours: tuple[datetime, ...]
    summary: FeedbackSummary | None
    unmatched: int

    @classmethod
    def find(
        cls, store: BlobStore, case: UseCase, version: str, environments: Sequence[str]
    ) -> "NewLabels":
        """Return the predictions whose label the dataset version ("" for none) does not have.

        The label that became known last counts. Erased predictions, copies for a shadow and
        requests that were not live are left out.

        Raises:
            InvalidData: an object of the log or of the labels cannot be read.
        """
        received = read_all_labels(store, case)
        known = read_known(store, case, version)
        wanted = _without_known(_without_erased(store, case, current_labels(received)), known)
        live = {
            hour: found
            for hour, ids in sorted(_by_hour(wanted).items())
            if len(found := _live(store, case, environments, hour, ids))
        }
        ids = pa.concat_arrays([pa.array([], pa.string()), *live.values()])
        labels = _of(wanted, ids)
        unmatched = wanted.num_rows - labels.num_rows
        given, summary = tuple(map(str, environments)), None
        if labels.num_rows:
            made = pc.min_max(labels[PREDICTION_ID])
            summary = FeedbackSummary(
                environments=given,
                first=prediction_time(made["min"].as_py()),
                last=prediction_time(made["max"].as_py()),
                records=labels.num_rows,
                labels=_of(received, ids).num_rows,
                corrections=_of(labels, known[PREDICTION_ID].combine_chunks()).num_rows,
                unmatched=unmatched,
            )
        return cls(given, labels, tuple(live), summary, unmatched)


def live_rows(case: UseCase, records: pa.RecordBatch, ids: pa.Array) -> pa.RecordBatch:
    """Return the rows of the inference log of the predictions `ids` that count as traffic."""
    names = records.schema.names
    chosen = pc.and_(
        pc.equal(records[PURPOSE], case.traffic.value), pc.is_in(records[PREDICTION_ID], ids)
    )
    if ROLE in names:  # records of earlier versions have none
        shadow = pc.fill_null(pc.equal(records[ROLE], ServingRole.SHADOW.value), False)
        chosen = pc.and_(chosen, pc.invert(shadow))
    return records.filter(chosen)


def _live(
    store: BlobStore, case: UseCase, environments: Sequence[str], hour: datetime, ids: pa.Array
) -> pa.Array:
    def found() -> Iterator[pa.Array]:
        for environment in environments:
            columns = [PREDICTION_ID, PURPOSE, ROLE]
            for batch in read_log(store, case.name, environment, hour, hour + HOUR, columns):
                yield live_rows(case, batch, ids)[PREDICTION_ID]

    return pc.unique(pa.concat_arrays([pa.array([], pa.string()), *found()]))


def _without_erased(store: BlobStore, case: UseCase, labels: pa.Table) -> pa.Table:
    erased = erased_predictions(store, case.name)
    return labels.filter(pc.invert(pc.is_in(labels[PREDICTION_ID], erased)))


def _without_known(labels: pa.Table, known: pa.Table) -> pa.Table:
    """Return the labels that differ from those that a dataset version has."""
    place = pc.index_in(labels[PREDICTION_ID], known[PREDICTION_ID].combine_chunks())
    same = pc.equal(labels[LABEL], known[LABEL].take(place.combine_chunks()))
    return labels.filter(pc.invert(pc.fill_null(same, False)))


def _of(labels: pa.Table, ids: pa.Array) -> pa.Table:
    return labels.filter(pc.is_in(labels[PREDICTION_ID], ids)).select([PREDICTION_ID, LABEL])


def _by_hour(labels: pa.Table) -> dict[datetime, pa.Array]:
    hours: dict[datetime, list[str]] = {}
    for one in labels[PREDICTION_ID].to_pylist():
        hour = prediction_time(one).replace(minute=0, second=0, microsecond=0)
        hours.setdefault(hour, []).append(one)
    return {hour: pa.array(ids, pa.string()) for hour, ids in hours.items()}
