"""A blob store in memory: a working fake that behaves like the real ones."""

from collections.abc import Iterator
from pathlib import Path
from threading import RLock
from urllib.parse import quote, unquote

from pyarrow import fs

from platform_core.adapters.blob_store.memory_files import MemoryFiles
from platform_core.clock import Clock, SystemClock
from platform_core.errors import BlobExists, BlobNotFound, InvalidPath
from platform_core.ports.blob_store import BlobInfo
from platform_core.storage import validate_path

ROOT = "memory://blobs/"


class MemoryBlobStore:
    """Objects in a dictionary; `filesystem` reads and writes the same objects."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._lock = RLock()
        self._data: dict[str, bytes] = {}
        self._infos: dict[str, BlobInfo] = {}

    def read(self, path: str) -> bytes:
        """Return the whole object."""
        try:
            return self._data[validate_path(path)]
        except KeyError as error:
            raise BlobNotFound(f"there is no blob {path}") from error

    def write(self, path: str, data: bytes) -> None:
        """Write the object in one step, replacing what was there."""
        with self._lock:
            self._data[validate_path(path)] = bytes(data)
            self._infos[path] = BlobInfo(path, len(data), self._clock.now())

    def create(self, path: str, data: bytes) -> None:
        """Write the object only when nothing is there; `BlobExists` otherwise."""
        with self._lock:
            if self.exists(path):
                raise BlobExists(f"the blob {path} exists already")
            self.write(path, data)

    def exists(self, path: str) -> bool:
        """Say whether there is an object at `path`."""
        return validate_path(path) in self._data

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Yield the objects below the folder `prefix`, ordered by path."""
        validate_path(prefix if "/" in prefix else f"{prefix}/_")
        with self._lock:
            infos = sorted(self._infos.values(), key=lambda info: info.path)
        yield from (info for info in infos if info.path.startswith(f"{prefix}/"))

    def delete(self, path: str) -> None:
        """Delete the object; one that is not there is fine."""
        with self._lock:
            self._data.pop(validate_path(path), None)
            self._infos.pop(path, None)

    def upload(self, source: Path, path: str) -> None:
        """Copy a local file to `path` in one step."""
        self.write(path, source.read_bytes())

    def download(self, path: str, target: Path) -> None:
        """Copy the object to a local file, creating its folder."""
        data = self.read(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    def filesystem(self) -> fs.FileSystem:
        """Return an Arrow file system whose paths are `<container>/<path>`."""
        return fs.PyFileSystem(MemoryFiles(self))

    def uri(self, path: str) -> str:
        """Return the `memory://` URI of `path`."""
        return ROOT + quote(validate_path(path), safe="/=")

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`."""
        if not uri.startswith(ROOT):
            raise InvalidPath(f"{uri!r:.200} is not in the blob store {ROOT}")
        return validate_path(unquote(uri.removeprefix(ROOT)))
