"""Blob storage: containers of immutable-by-convention objects."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pyarrow import fs


@dataclass(frozen=True)
class BlobInfo:
    """One object: `path` is `<container>/<path>`, `size` in bytes, `modified` in UTC."""

    path: str
    size: int
    modified: datetime


class BlobStore(Protocol):
    """Objects by path `<container>/<path>`; every method validates the path.

    Raises `BlobNotFound`, `BlobExists`, `InvalidPath`, or `UpstreamUnavailable` when the
    store cannot be reached.
    """

    def read(self, path: str) -> bytes:
        """Return the whole object."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Write the object in one step, replacing what was there."""
        ...

    def create(self, path: str, data: bytes) -> None:
        """Write the object only when nothing is there; `BlobExists` otherwise."""
        ...

    def exists(self, path: str) -> bool:
        """Say whether there is an object at `path`."""
        ...

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Yield the objects below the folder `prefix` (a container or `<container>/<path>`),
        at any depth, ordered by path. A folder that does not exist is empty.
        """
        ...

    def delete(self, path: str) -> None:
        """Delete the object; one that is not there is fine."""
        ...

    def upload(self, source: Path, path: str) -> None:
        """Copy a local file to `path`, replacing what was there in one step."""
        ...

    def download(self, path: str, target: Path) -> None:
        """Copy the object to a local file, creating its folder."""
        ...

    def filesystem(self) -> fs.FileSystem:
        """Return an Arrow file system whose paths are `<container>/<path>`, for bulk Parquet."""
        ...

    def uri(self, path: str) -> str:
        """Return the absolute URI of `path`, as KServe's `storageUri` takes it."""
        ...

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`; `InvalidPath` for any other place."""
        ...
