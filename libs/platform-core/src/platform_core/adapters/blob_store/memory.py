"""A blob store in memory, for tests."""

from urllib.parse import quote, unquote

from obstore.store import MemoryStore

from platform_core.adapters.blob_store.objects import ObjectBlobStore
from platform_core.errors import InvalidPath
from platform_core.ports.blob_paths import validate_path

ROOT = "memory://blobs/"


class MemoryBlobStore(ObjectBlobStore):
    """Objects that last as long as the process."""

    def uri(self, path: str) -> str:
        """Return the `memory://` URI of `path`."""
        return ROOT + quote(validate_path(path), safe="/=")

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`."""
        if not uri.startswith(ROOT):
            raise InvalidPath(f"{uri!r:.200} is not in the blob store {ROOT}")
        return validate_path(unquote(uri.removeprefix(ROOT)))

    def __getstate__(self) -> dict[str, object]:
        raise TypeError("a blob store in memory cannot be pickled: it ends with its process")

    def _open_container(self, container: str) -> MemoryStore:  # noqa: ARG002
        return MemoryStore()
