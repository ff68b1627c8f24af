"""The columns of a dataset version that are not part of the use case's record schema."""

import pyarrow as pa

LABEL, EVENT_TIMESTAMP, ROW_ID, CLUSTER = "label", "event_timestamp", "row_id", "cluster"
PART, SOURCE, REASON, MINHASH = "part", "source", "reason", "minhash"
TRAIN, TEST = "train", "test"
TIMESTAMP = pa.timestamp("us", tz="UTC")
