"""A blob store in a local folder: one sub-folder per container."""

import errno
import logging
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

from pyarrow import fs

from platform_core.errors import BlobExists, BlobNotFound, InvalidPath, UpstreamUnavailable
from platform_core.ports.blob_store import BlobInfo
from platform_core.storage import validate_path

PARTIAL_FOLDER = ".partial"

logger = logging.getLogger(__name__)


class LocalBlobStore:
    """Objects as files below `root`.

    A write goes to `root/.partial` first and is renamed: no reader sees half an object, and
    what a killed process leaves behind is in no container.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> bytes:
        """Return the whole object."""
        with _translated(path):
            return self._file(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Write the object in one step, replacing what was there."""
        with self._partial(path) as (partial, file):
            partial.write_bytes(data)
            partial.replace(file)

    def create(self, path: str, data: bytes) -> None:
        """Write the object only when nothing is there; `BlobExists` otherwise."""
        with self._partial(path) as (partial, file):
            partial.write_bytes(data)
            try:
                os.link(partial, file)  # fails when the name is taken, as replace would not
            except FileExistsError as error:
                raise BlobExists(f"the blob {path} exists already") from error

    def exists(self, path: str) -> bool:
        """Say whether there is an object at `path`."""
        with _translated(path):
            return self._file(path).is_file()

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        """Yield the objects below the folder `prefix`, ordered by path."""
        folder = self._file(prefix) if "/" in prefix else self._file(f"{prefix}/_").parent
        found = {file.relative_to(self._root).as_posix(): file for file in folder.rglob("*")}
        for path in sorted(found):
            with _translated(path):
                status = self._status(found[path])
            if status is not None:
                modified = datetime.fromtimestamp(status.st_mtime, UTC)
                yield BlobInfo(path, status.st_size, modified)

    def delete(self, path: str) -> None:
        """Delete the object; one that is not there is fine."""
        file = self._file(path)
        with _translated(path):
            if not file.is_dir():
                file.unlink(missing_ok=True)

    def upload(self, source: Path, path: str) -> None:
        """Copy a local file to `path` in one step."""
        with source.open("rb") as data, self._partial(path) as (partial, file):
            with partial.open("wb") as copy:
                shutil.copyfileobj(data, copy)
            partial.replace(file)

    def download(self, path: str, target: Path) -> None:
        """Copy the object to a local file, creating its folder."""
        source = self._file(path)
        with _translated(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def filesystem(self) -> fs.FileSystem:
        """Return an Arrow file system whose paths are `<container>/<path>`."""
        return fs.SubTreeFileSystem(str(self._root), fs.LocalFileSystem())

    def uri(self, path: str) -> str:
        """Return the `file://` URI of `path`."""
        return f"file://{quote(f'{self._root}/{validate_path(path)}', safe='/=')}"

    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`."""
        parts = urlsplit(uri)
        root = f"{self._root}/"
        location = unquote(parts.path)
        plain = parts.scheme == "file" and not (parts.netloc or parts.query or parts.fragment)
        if not plain or not location.startswith(root):
            raise InvalidPath(f"{uri!r:.200} is not in this blob store")
        return validate_path(location.removeprefix(root))

    def _file(self, path: str) -> Path:
        file = self._root / validate_path(path)
        try:
            inside = file.resolve().is_relative_to(self._root)
        except RuntimeError as error:  # what Python before 3.13 says of links in a circle
            raise _loop(path) from error
        # A link inside the store must not lead out of it.
        if not inside:
            raise InvalidPath(f"{path!r:.200} leads out of the blob store")
        return file

    def _status(self, file: Path) -> os.stat_result | None:
        """Return the status of an object; None for anything else that lies in the folder."""
        try:
            status = file.stat()
        except OSError as error:
            # Deleted since, or a link to nowhere or in a circle.
            if error.errno in {errno.ENOENT, errno.ELOOP}:
                return None
            raise
        plain = stat.S_ISREG(status.st_mode) and file.resolve().is_relative_to(self._root)
        return status if plain else None

    @contextmanager
    def _partial(self, path: str) -> Iterator[tuple[Path, Path]]:
        """Give a temporary file and the file it becomes."""
        file = self._file(path)
        partial = self._root / PARTIAL_FOLDER / uuid4().hex
        try:
            partial.parent.mkdir(parents=True, exist_ok=True)
            file.parent.mkdir(parents=True, exist_ok=True)
            yield partial, file
        except OSError as error:
            raise _unavailable("write", path, error) from error
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def _translated(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
        raise BlobNotFound(f"there is no blob {path}") from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise _loop(path) from error
        raise _unavailable("reach", path, error) from error


def _loop(path: str) -> InvalidPath:
    return InvalidPath(f"{path!r:.200} is a link that leads back to itself; name the object")


def _unavailable(verb: str, path: str, error: OSError) -> UpstreamUnavailable:
    # The message may go to a caller, whom the folders of this server do not concern.
    logger.warning("the blob store cannot %s %s: %s", verb, path, error)
    reason = error.strerror or type(error).__name__
    return UpstreamUnavailable(f"the blob store cannot {verb} {path}: {reason}")
