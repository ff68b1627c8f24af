"""Anchors of the ledger: which entries were written, recorded outside the ledger's container.

A chain of hashes does not show that its last entries were removed. The anchors do: they are
objects of their own, in another container or another store, created once and never replaced, so a
store that refuses changes can hold them. Name and path say everything; the objects are empty.
"""

import logging

from platform_core.contracts.ledger import LedgerEntry
from platform_core.errors import BlobExists, PlatformError
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import anchor_folder, anchor_path, parse_anchor

logger = logging.getLogger(__name__)


class LedgerAnchors:
    """The anchors in `store`."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def last(self, use_case: str, environment: str) -> tuple[int, str] | None:
        """Return sequence and hash of the last anchored entry, `None` without one."""
        blobs = self._store.list(anchor_folder(use_case, environment))
        found = [anchor for blob in blobs if (anchor := parse_anchor(blob.path))]
        return found[-1] if found else None

    def add(self, entry: LedgerEntry) -> None:
        """Anchor an entry that was appended.

        A failure is logged: the entry is in the ledger already, and the next one is anchored again.
        """
        change = entry.change
        path = anchor_path(change.use_case, change.environment, entry.sequence, entry.hash)
        try:
            self._store.create(path, b"")
        except BlobExists:
            return
        except PlatformError as error:
            logger.warning("the ledger entry %s is not anchored: %s", path, error)
