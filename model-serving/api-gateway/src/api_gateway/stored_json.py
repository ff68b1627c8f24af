"""JSON objects of the blob store, each parsed once."""

import json
from functools import lru_cache
from typing import Any

from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobInfo, BlobStore

KEPT_DOCUMENTS = 2000
MAX_KEPT_BYTES = 20_000
"""Larger documents are read each time."""


def json_object(store: BlobStore, path: str) -> dict[str, Any] | None:
    """Return the JSON object at a path, `None` where there is none. It may block."""
    try:
        document = json.loads(store.read(path))
    except (BlobNotFound, ValueError):
        return None
    return document if isinstance(document, dict) else None


class _NoObject(Exception):
    """There is no JSON object at a path."""


class StoredJson:
    """Reads JSON objects; one is read again only when its blob has changed. It may block, and
    threads may share it.
    """

    def __init__(self, store: BlobStore) -> None:
        self.store = store
        self._kept = lru_cache(maxsize=KEPT_DOCUMENTS)(self._read)
        self._fixed = lru_cache(maxsize=KEPT_DOCUMENTS)(self._read_fixed)

    def get(self, blob: BlobInfo | None) -> dict[str, Any] | None:
        """Return the object of a blob that was listed, `None` where there is none."""
        if blob is None:
            return None
        read = self._kept if blob.size <= MAX_KEPT_BYTES else self._read
        return read(blob.path, blob.etag)

    def fixed(self, path: str) -> dict[str, Any] | None:
        """Return the object at a path whose content never changes, `None` while there is none."""
        try:
            return self._fixed(path)
        except _NoObject:
            return None

    def _read_fixed(self, path: str) -> dict[str, Any]:
        """Return the object at a path; where there is none raise an error, which is not kept."""
        document = json_object(self.store, path)
        if document is None:
            raise _NoObject
        return document

    def _read(self, path: str, _etag: str) -> dict[str, Any] | None:
        return json_object(self.store, path)
