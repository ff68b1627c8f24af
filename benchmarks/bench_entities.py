"""Entity features of real mail as in training: point-in-time, and hidden for most rows."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_pipeline.columns import EVENT_TIMESTAMP, LABEL, ROW_ID, TRAIN
from data_pipeline.entity_features import entity_features
from platform_core.adapters.feature_store.memory import MemoryFeatureStore
from platform_core.adapters.online_store.memory import MemoryOnlineStore
from use_cases import UseCase, model_schema
from use_cases.assemble import join_entities, without_entities


def with_senders(case: UseCase, features: pa.Table, mails: Path, rows: np.ndarray) -> pa.Table:
    """Return `features` (the model's input) with the entity features of the data pipeline.

    Args:
        case: spam.
        features: a row per mail; its entity features are replaced.
        mails: the file with `sender`, `date` (UTC) and `label` (1 = spam).
        rows: the row number of each mail in that file.
    """
    given = pq.read_table(mails, columns=["email_id", "sender", "date", "label"]).take(rows)
    empty = pa.array([""] * len(rows), pa.string())
    records = pa.table(
        {
            "email_id": given["email_id"].cast(pa.string()),
            "subject": empty,
            "body": empty,
            "sender": given["sender"].cast(pa.string()).fill_null(""),
            LABEL: pc.if_else(pc.equal(given["label"], 1), "spam", "ham"),
            EVENT_TIMESTAMP: given["date"].cast(pa.timestamp("us", tz="UTC")),
            ROW_ID: given["email_id"].cast(pa.string()),
            "part": pa.array([TRAIN] * len(rows), pa.string()),
        }
    ).combine_chunks()
    store = MemoryFeatureStore(MemoryOnlineStore())
    with tempfile.TemporaryDirectory() as folder:
        entities, _ = entity_features(case, records, store, Path(folder))
    own = without_entities(case, model_schema(case).select(features))
    return pa.Table.from_batches([join_entities(case, own, entities)])
