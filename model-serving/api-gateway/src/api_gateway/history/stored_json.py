"""JSON objects of the blob store, each parsed once."""

import json
from collections import OrderedDict
from typing import Any

from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobInfo, BlobStore

KEPT_DOCUMENTS = 2000
MAX_KEPT_BYTES = 20_000
"""Larger documents are read each time."""


class StoredJson:
    """Reads JSON objects; one is read again only when its blob has changed. It may block, and
    threads may share it.
    """

    def __init__(self, store: BlobStore) -> None:
        self.store = store
        self._parsed: OrderedDict[tuple[str, str], dict[str, Any] | None] = OrderedDict()

    def get(self, blob: BlobInfo | None) -> dict[str, Any] | None:
        """Return the object of a blob that was listed, `None` where there is none."""
        if blob is None:
            return None
        key = (blob.path, blob.etag)
        if key in self._parsed:
            return self._parsed[key]
        document = self.read(blob.path)
        if blob.size <= MAX_KEPT_BYTES:
            self._parsed[key] = document
            if len(self._parsed) > KEPT_DOCUMENTS:
                self._parsed.popitem(last=False)
        return document

    def read(self, path: str) -> dict[str, Any] | None:
        """Return the object at a path as it is now, `None` where there is none."""
        try:
            document = json.loads(self.store.read(path))
        except (BlobNotFound, ValueError):
            return None
        return document if isinstance(document, dict) else None
