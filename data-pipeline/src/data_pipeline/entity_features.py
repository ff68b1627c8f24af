"""Entity features for training: a history in Feast, joined as of each record's own time."""

import hashlib
from itertools import chain
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import EVENT_TIMESTAMP, PART, ROW_ID, TRAIN
from data_pipeline.versions.identity import table_digest
from platform_core.ports.feature_store import FeatureStore
from use_cases import UseCase

CHUNK_ROWS = 1 << 16
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
    history = _history(case, records)
    if history is None or history.num_rows == 0:
        return None, None
    version, last = table_digest(history), pc.max(history[EVENT_TIMESTAMP]).as_py()
    view = f"{entity.name}_{version}"
    path = folder / f"{view}.parquet"
    if not path.exists():  # the pod that made the view may have had a disk of its own
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(history, path)
    del history  # Feast reads the file
    if view not in feature_store.views():
        feature_store.apply_view(view, entity.entity, entity.names, path)
    feature_store.materialise(view, last)
    keys = _keys(case, entity.entity, records)
    joined = feature_store.historical(view, entity.entity, entity.names, keys)
    hidden = _hidden(records, entity.unknown_share)
    columns = [pc.if_else(hidden, None, joined[name].combine_chunks()) for name in entity.names]
    return pa.record_batch(columns, names=list(entity.names)), version


def _history(case: UseCase, records: pa.Table) -> pa.Table | None:
    """Return what the training rows with a time, in the order of time, say about entities."""
    train = pc.and_(pc.equal(records[PART], TRAIN), records[EVENT_TIMESTAMP].is_valid())
    rows = records.drop_columns([ROW_ID, PART]).filter(train)
    if not rows.num_rows:
        return None
    return case.training().entity_history(rows.sort_by(EVENT_TIMESTAMP))


def _keys(case: UseCase, entity: str, records: pa.Table) -> pa.Table:
    names = [name for name in case.record_schema.names if name in records.column_names]
    batches = records.select(names).to_batches(max_chunksize=CHUNK_ROWS)
    keys = pa.chunked_array([case.entity_keys(batch) for batch in batches], pa.string())
    return records.select([ROW_ID, EVENT_TIMESTAMP]).append_column(entity, keys)


def _hidden(records: pa.Table, share: float) -> pa.Array:
    """Return which rows do without their entity: a share chosen by a hash of their content."""
    limit = int(share * 2**32)
    batches = records.select([ROW_ID]).to_batches(max_chunksize=CHUNK_ROWS)
    ids = chain.from_iterable(batch.column(0).to_pylist() for batch in batches)
    digests = (hashlib.sha256(_UNKNOWN_SALT + row_id.encode()) for row_id in ids)
    chosen = pa.array((int.from_bytes(d.digest()[:4]) < limit for d in digests), pa.bool_())
    return pc.and_(chosen, pc.equal(records[PART], TRAIN).combine_chunks())
