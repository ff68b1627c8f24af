"""The record index: inference records and labels by id and by text, rebuilt from their objects."""

from records.index.database import INDEX_ROWS, IndexedRecord, KnownLabel, RecordIndex
from records.index.disagreements import (
    DisagreementPage,
    DisagreementQuery,
    FoundDisagreement,
    disagreements,
)
from records.index.indexer import Indexer
from records.index.search import FoundRecord, RecordPage, RecordQuery, search
from records.index.traffic import MinuteTraffic, minute_traffic

__all__ = [
    "INDEX_ROWS",
    "DisagreementPage",
    "DisagreementQuery",
    "FoundDisagreement",
    "FoundRecord",
    "IndexedRecord",
    "Indexer",
    "KnownLabel",
    "MinuteTraffic",
    "RecordIndex",
    "RecordPage",
    "RecordQuery",
    "disagreements",
    "minute_traffic",
    "search",
]
