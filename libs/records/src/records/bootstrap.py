"""The composition root of the indexer."""

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from records.index import Indexer, RecordIndex
from records.settings import RecordIndexSettings


def build(settings: RecordIndexSettings) -> Indexer:
    """Return the indexer with the settings of this process."""
    index = RecordIndex(settings.record_index_file)
    store = connect.blob_store(settings)
    return Indexer(index, store, SystemClock(), settings.record_search_text)
