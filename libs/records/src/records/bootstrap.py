"""The composition root of the indexer and of the command line."""

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.settings import StorageSettings
from records.erasure import Erasure
from records.index import Indexer, RecordIndex
from records.settings import RecordIndexSettings
from use_cases import UseCase


def build(settings: RecordIndexSettings) -> Indexer:
    """Return the indexer with the settings of this process."""
    index = RecordIndex(settings.record_index_file)
    store = connect.blob_store(settings)
    return Indexer(index, store, SystemClock(), settings.record_search_text)


def build_erasure(case: UseCase, actor: str) -> Erasure:
    """Return an erasure with the settings of this process."""
    return Erasure(connect.blob_store(StorageSettings()), SystemClock(), case, actor)
