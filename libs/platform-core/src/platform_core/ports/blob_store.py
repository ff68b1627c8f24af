"""Blob storage: containers of immutable-by-convention objects."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pyarrow import fs

from platform_core.errors import InvalidPath

CONTAINERS = (
    "training-data",
    "models",
    "baselines",
    "inference-logs",
    "drift-reports",
    "batch",
)
MAX_PATH_CHARACTERS = 1000
MAX_SEGMENT_BYTES = 200
_SEGMENT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff/\\%?#*:|<>\"]+")


@dataclass(frozen=True)
class BlobInfo:
    """One object: `path` is `<container>/<path>`, `size` in bytes, `modified` in UTC."""

    path: str
    size: int
    modified: datetime


def validate_path(path: str) -> str:
    """Return `path` when it is a well-formed `<container>/<path>`.

    Raises:
        InvalidPath: absolute, empty or `..` segments, other schemes, control or
            percent-encoded characters, over-long names, or a container the platform
            does not have.
    """
    segments = path.split("/")
    fits = len(path) <= MAX_PATH_CHARACTERS and len(segments) >= 2  # noqa: PLR2004
    if not fits or not all(_well_formed(segment) for segment in segments):
        raise InvalidPath(
            f"{path!r:.200} is not a path of the form <container>/<path>; "
            "use plain names without '..', empty or encoded parts"
        )
    if segments[0] not in CONTAINERS:
        raise InvalidPath(
            f"unknown container {segments[0]!r:.100}; the containers are {', '.join(CONTAINERS)}"
        )
    return path


def _well_formed(segment: str) -> bool:
    """Say whether every store can keep a name: no `..`, no dot or space at its ends that
    Azure or Windows would drop, and short enough for a file name.
    """
    plain = _SEGMENT.fullmatch(segment) is not None and segment == segment.strip()
    return plain and not segment.endswith(".") and len(segment.encode()) <= MAX_SEGMENT_BYTES


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
