"""The composition root of the indexer, of replays and of the command line."""

from typing import TYPE_CHECKING

from platform_core.adapters import connect
from platform_core.clock import SystemClock
from platform_core.contracts.inference_record import InferenceRecord
from platform_core.ports.blob_store import BlobStore
from platform_core.settings import StorageSettings
from records.columns import log_columns
from records.erasure import Erasure
from records.index import Indexer, RecordIndex
from records.settings import RecordIndexSettings
from use_cases import UseCase, use_case

if TYPE_CHECKING:
    from records.replay import Replay


def build_indexer(settings: RecordIndexSettings, store: BlobStore) -> Indexer:
    """Return the indexer of the objects in `store`."""
    index = RecordIndex(settings.record_index_file)
    return Indexer(index, store, SystemClock(), settings.record_search_text)


def build_erasure(case: UseCase, actor: str) -> Erasure:
    """Return an erasure with the settings of this process."""
    return Erasure(connect.blob_store(StorageSettings()), SystemClock(), case, actor)


def replay_record(record: InferenceRecord) -> "Replay":
    """Compute a logged prediction again with its release, which is read from the blob store.

    Raises:
        ReleaseRefused: the release does not fit the installed code.
        ReleaseNotFound: it is gone.
    """
    from records.replay import replay
    from scoring import Scorer, load_release

    case = use_case(record.use_case)
    release = load_release(connect.blob_store(StorageSettings()), case.name, record.release_id)
    return replay(log_columns(case).table([record]), case, Scorer(release, case))
