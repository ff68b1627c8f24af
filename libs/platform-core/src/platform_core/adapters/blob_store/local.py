"""A blob store in a local folder: one sub-folder per container."""

import errno
import fcntl
import logging
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from platform_core.adapters.blob_store.objects import ObjectBlobStore
from platform_core.errors import BlobChanged, BlobNotFound, InvalidPath, UpstreamUnavailable
from platform_core.ports.blob_paths import validate_folder, validate_path
from platform_core.ports.blob_store import BlobInfo

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCK = ".lock"
PARTIAL = "#"
"""In the name of a file that is being written; no valid path has it."""
_ERRNO = re.compile(r"\(os error (\d+)\)")

logger = logging.getLogger(__name__)


class LocalBlobStore(ObjectBlobStore):
    """Objects as files below `root`; symbolic links that lead out of it are refused.

    obstore writes to a file next to the object and renames or links it: no reader sees a part of
    an object. obstore does not offer fsync and conditional writes for files, so both are here.
    """

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root.resolve()

    def create(self, path: str, data: bytes) -> str:
        """Write the object durably; `BlobExists` when there is one."""
        etag = super().create(path, data)
        file = self._file(path)
        with self._translated(path):
            _sync(file)
            _sync(file.parent)
        return etag

    def replace(self, path: str, data: bytes, etag: str) -> str:
        """Replace the object that still has this `etag`; writers of this kind take turns."""
        with self._exclusive():
            try:
                found = self.info(path).etag
            except BlobNotFound:
                found = None
            if found != etag:
                raise BlobChanged(f"the blob {path} was changed; read it again")
            return self.write(path, data)

    def list(self, folder: str) -> Iterator[BlobInfo]:
        """Yield the objects below `folder`, ordered by path; other files are left out."""
        root = len(f"{self._root}/")
        with self._translated(folder):
            files = sorted(_files(str(self._file(folder))), key=attrgetter("path"))
            read = [(file.path[root:], self._status(file)) for file in files]
        for path, status in read:
            if status is not None and PARTIAL not in path:
                yield BlobInfo(path, status.st_size, _modified(status), _etag(status))

    def folders(self, folder: str) -> Sequence[str]:
        """Return the paths of the folders directly in `folder`, sorted."""
        with self._translated(folder):
            try:
                entries = list(os.scandir(self._file(folder)))
            except (FileNotFoundError, NotADirectoryError):
                return []
        names = sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
        return [f"{folder}/{name}" for name in names]

    def delete(self, path: str) -> None:
        """Delete the object if it exists."""
        if not self._file(path).is_dir():
            super().delete(path)

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

    def _open_container(self, container: str) -> LocalStore:
        return LocalStore(self._root / container, mkdir=True, automatic_cleanup=True)

    def _locate(self, path: str) -> tuple[ObjectStore, str]:
        self._file(path)
        return super()._locate(path)

    def _file(self, folder: str) -> Path:
        """Return the file or folder of a path; `InvalidPath` when a link leads out of the root."""
        file = self._root / validate_folder(folder)
        if not self._has_link(folder):
            return file
        try:
            inside = file.resolve().is_relative_to(self._root)
        except RuntimeError as error:
            raise _loop(folder) from error
        if not inside:
            raise InvalidPath(f"{folder!r:.200} leads out of the blob store; name the object")
        return file

    def _has_link(self, folder: str) -> bool:
        """Return whether a part of a path below the root is a link; the root is resolved."""
        location = str(self._root)
        for name in folder.split("/"):
            location = f"{location}/{name}"
            try:
                mode = os.lstat(location).st_mode
            except OSError:
                return False  # nothing below it can be reached
            if stat.S_ISLNK(mode):
                return True
        return False

    def _status(self, file: os.DirEntry[str]) -> os.stat_result | None:
        """Return the status of an object; `None` for any other file."""
        try:
            status = file.stat()
        except OSError as error:
            # It was deleted, or is a link to nothing or in a circle.
            if error.errno in {errno.ENOENT, errno.ELOOP}:
                return None
            raise
        # Only a link can lead out: the folders above it are none, or lead to this root.
        inside = not file.is_symlink() or Path(file).resolve().is_relative_to(self._root)
        return status if stat.S_ISREG(status.st_mode) and inside else None

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        self._root.mkdir(parents=True, exist_ok=True)
        with (self._root / LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            with super()._translated(path):
                yield
        except OSError as error:
            raise self._unavailable(path, error) from error

    def _unavailable(
        self, path: str, error: BaseError | OSError
    ) -> BlobNotFound | UpstreamUnavailable:
        found = _ERRNO.search(str(error))
        number = int(found[1]) if found else getattr(error, "errno", None)
        if number == errno.ENOTDIR:
            return BlobNotFound(f"there is no blob {path}")
        # The message may reach a caller, who must not learn the folders of this server.
        logger.warning("%s cannot be used: %s", self._root / path, str(error).splitlines()[0])
        reason = os.strerror(number) if number else type(error).__name__
        return UpstreamUnavailable(f"the blob store cannot access {path}: {reason}")


def _files(folder: str) -> list[os.DirEntry[str]]:
    """Return what is below a folder and is no folder; links to folders are not followed."""
    files, folders = [], [folder]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except (FileNotFoundError, NotADirectoryError):  # perhaps it was deleted meanwhile
            continue
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                files.append(entry)
    return files


def _loop(path: str) -> InvalidPath:
    return InvalidPath(f"{path!r:.200} is a link that leads back to itself; name the object")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _modified(status: os.stat_result) -> datetime:
    return EPOCH + timedelta(microseconds=status.st_mtime_ns // 1000)


def _etag(status: os.stat_result) -> str:
    """Return the etag that obstore gives the file."""
    return f'"{status.st_ino:x}-{status.st_mtime_ns // 1000:x}-{status.st_size:x}"'
