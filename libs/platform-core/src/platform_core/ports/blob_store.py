"""Blob storage: containers of objects."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol

import pyarrow as pa
from pyarrow import fs


@dataclass(frozen=True)
class BlobInfo:
    """One object: `path` is `<container>/<path>`, `size` in bytes, `modified` in UTC.

    `etag` changes whenever the content does.
    """

    path: str
    size: int
    modified: datetime
    etag: str


class BlobStore(Protocol):
    """Objects by path `<container>/<path>`; every method validates the path.

    Raises `BlobNotFound`, `BlobExists`, `BlobChanged`, `InvalidPath`, or `UpstreamUnavailable`
    when the store cannot be reached. A reader never sees a part of an object. Paths are
    built by `platform_core.storage`.
    """

    def read(self, path: str) -> bytes:
        """Return the whole object."""
        ...

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the object in chunks."""
        ...

    def open(self, path: str) -> pa.NativeFile:
        """Open the object for reading at any position; only the ranges that are read are fetched.

        Reading raises `BlobChanged` when the object was replaced after it was opened.
        """
        ...

    def write(self, path: str, data: bytes) -> str:
        """Write the object, replacing an existing one, and return its etag."""
        ...

    def create(self, path: str, data: bytes) -> str:
        """Write the object and return its etag; `BlobExists` when there is one."""
        ...

    def replace(self, path: str, data: bytes, etag: str) -> str:
        """Replace the object that still has this `etag` and return the new one.

        Raises `BlobChanged` when it has another etag or is gone.
        """
        ...

    def exists(self, path: str) -> bool:
        """Return whether there is an object at `path`."""
        ...

    def info(self, path: str) -> BlobInfo:
        """Return the size, time and etag of the object."""
        ...

    def list(self, folder: str) -> Iterator[BlobInfo]:
        """Yield the objects below `folder` (a container or `<container>/<path>`) at any depth,
        ordered by path. A folder that does not exist is empty.
        """
        ...

    def folders(self, folder: str) -> Sequence[str]:
        """Return the paths of the folders directly in `folder`, sorted; not those below them."""
        ...

    def delete(self, path: str) -> None:
        """Delete the object if it exists."""
        ...

    def upload(self, source: Path | BinaryIO | Iterable[bytes], path: str) -> None:
        """Write a file or a stream to `path`, replacing an existing object; memory is bounded."""
        ...

    def download(self, path: str, target: Path) -> None:
        """Copy the object to a local file, creating its folder; memory is bounded."""
        ...

    def arrow_filesystem(self) -> fs.FileSystem:
        """Return a read-only Arrow file system whose paths are `<container>/<path>`.

        For libraries that read datasets themselves, such as Ray Data; it can be pickled where
        the store can be reached from the other process.
        """
        ...

    def uri(self, path: str) -> str:
        """Return the absolute URI of `path`, as KServe's `storageUri` takes it."""
        ...

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`; `InvalidPath` for any other URI."""
        ...
