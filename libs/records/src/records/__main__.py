"""`python -m records`: uploads segments for the gateway, and keeps the record index up to date.

It is a process of its own, with a low priority, so that the gateway answers as fast while a segment
is converted or an index is built. It ends with its standard input, that is with the gateway: a
signal for all processes of a terminal must not end it before the gateway's last upload.
"""

import logging
import os
import signal
import sys
from threading import Event, Thread

from platform_core.adapters import connect
from platform_core.errors import PlatformError
from platform_core.programs import run_service
from records.bootstrap import build_indexer
from records.index import Indexer
from records.log.workers import answer_upload_requests
from records.settings import RecordIndexSettings

logger = logging.getLogger("records")
LOW_PRIORITY = 10


def main() -> None:
    """Answer upload requests until standard input ends; meanwhile update the index repeatedly."""
    os.nice(LOW_PRIORITY)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    settings = RecordIndexSettings()
    store = connect.blob_store(settings)
    stop = Event()
    indexing = (build_indexer(settings, store), settings.record_index_seconds, stop)
    # Not a daemon: one that is still in the blob store's library keeps the process from ending.
    Thread(target=_keep_indexing, args=indexing).start()
    try:
        answer_upload_requests(store, sys.stdin.buffer, sys.stdout.buffer)
    finally:
        stop.set()


def _keep_indexing(indexer: Indexer, seconds: float, stop: Event) -> None:
    while not stop.is_set():
        try:
            indexer.update()
        except (PlatformError, OSError) as error:
            logger.warning("the record index is not up to date: %s", error)
        stop.wait(seconds)


if __name__ == "__main__":
    sys.exit(run_service(main, verbose=["records"]))
