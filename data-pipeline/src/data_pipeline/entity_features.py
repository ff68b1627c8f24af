"""Entity features for training: a history in Feast, joined as of each record's own time."""

import hashlib
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import EVENT_TIMESTAMP, ROW_ID, TRAIN
from data_pipeline.versions.identity import table_digest
from platform_core.ports.feature_store import FeatureStore
from use_cases import UseCase

_UNKNOWN_SALT = b"mlplatform unknown entity 1:"


def entity_features(
    case: UseCase, records: pa.Table, feature_store: FeatureStore | None, folder: Path
) -> tuple[pa.RecordBatch | None, str | None]:
    """Return the entity features of `records`, and the version of the view they came from.

    Of the record schema, `records` may have only the columns that `EntityFeatures.columns` names.

    The history is learned from the training split alone, joined point in time, and materialised
    to the online store. Without entities or without any event time there is neither (`None`).
    A share of the training rows is masked to null, so that models learn to do without.
    """
    entity = case.entity_features
    if entity is None or feature_store is None:
        return None, None
    labelled = _with_times(records)
    history = case.training().entity_history(labelled) if labelled.num_rows else None
    del labelled  # a copy of most rows
    if history is None or history.num_rows == 0:
        return None, None
    version = table_digest(history)
    view = f"{entity.name}_{version}"
    path = folder / f"{view}.parquet"
    if not path.exists():  # the pod that made the view may have had a disk of its own
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(history, path)
    if view not in feature_store.views():
        feature_store.apply_view(view, entity.entity, entity.names, path)
    feature_store.materialise(view, pc.max(history[EVENT_TIMESTAMP]).as_py())
    keys = _keys(case, entity.entity, records)
    joined = feature_store.historical(view, entity.entity, entity.names, keys)
    hidden = _hidden(records, entity.unknown_share)
    columns = [pc.if_else(hidden, None, joined[name].combine_chunks()) for name in entity.names]
    return pa.record_batch(columns, names=list(entity.names)), version


def _with_times(records: pa.Table) -> pa.Table:
    train = pc.and_(pc.equal(records["part"], TRAIN), records[EVENT_TIMESTAMP].is_valid())
    return records.filter(train).sort_by([(EVENT_TIMESTAMP, "ascending"), (ROW_ID, "ascending")])


def _keys(case: UseCase, entity: str, records: pa.Table) -> pa.Table:
    names = [name for name in case.record_schema.names if name in records.column_names]
    batch = records.select(names).combine_chunks().to_batches()[0]
    return pa.table(
        {
            ROW_ID: records[ROW_ID],
            entity: case.entity_keys(batch),
            EVENT_TIMESTAMP: records[EVENT_TIMESTAMP],
        }
    )


def _hidden(records: pa.Table, share: float) -> pa.Array:
    """Return which rows do without their entity: a share chosen by a hash of their content."""
    limit = int(share * 2**32)
    batches = records.select([ROW_ID]).to_batches(max_chunksize=1 << 16)
    ids = chain.from_iterable(batch.column(0).to_pylist() for batch in batches)
    digests = (hashlib.sha256(_UNKNOWN_SALT + row_id.encode()) for row_id in ids)
    chosen = pa.array((int.from_bytes(d.digest()[:4]) < limit for d in digests), pa.bool_())
    return pc.and_(chosen, pc.equal(records["part"], TRAIN).combine_chunks())
