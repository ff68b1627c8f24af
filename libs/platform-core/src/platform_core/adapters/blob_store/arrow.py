"""Objects of a blob store as Arrow reads them: random-access files and a read-only file system."""

import io
from contextlib import suppress
from typing import NoReturn, Protocol

import pyarrow as pa
from pyarrow import fs

from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobInfo, BlobStore


class RangeReader(Protocol):
    """A store that reads a range of an object."""

    def read_range(self, path: str, start: int, end: int, etag: str) -> bytes:
        """Return the bytes from `start` to `end` of the object that has this etag."""
        ...


class BlobFile(io.RawIOBase):
    """One object as a seekable file; each read fetches its range."""

    def __init__(self, store: RangeReader, info: BlobInfo) -> None:
        super().__init__()
        self._store = store
        self._info = info
        self._position = 0

    def readable(self) -> bool:
        """Say that the file can be read."""
        return True

    def seekable(self) -> bool:
        """Say that the file can be read at any position."""
        return True

    def tell(self) -> int:
        """Return the position of the next read."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position of the next read and return it."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._info.size}
        self._position = max(0, base[whence] + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        """Return the next `size` bytes, all that are left when negative."""
        left = max(0, self._info.size - self._position)
        count = left if size is None or size < 0 else min(size, left)
        if not count:
            return b""
        start, self._position = self._position, self._position + count
        return self._store.read_range(self._info.path, start, self._position, self._info.etag)


class ArrowFiles(fs.FileSystemHandler):  # type: ignore[misc] # pyarrow ships no types
    """What Arrow needs to read Parquet datasets from a blob store."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def get_type_name(self) -> str:
        """Return the name Arrow shows."""
        return "blob-store"

    def normalize_path(self, path: str) -> str:
        """Return `path` without slashes around it."""
        return path.strip("/")

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        """Return what is at each of `paths`."""
        return [self._info(path.strip("/")) for path in paths]

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        """Return the objects below a folder, or its objects and folders only."""
        folder = selector.base_dir.strip("/")
        found = [_file_info(info) for info in self._store.list(folder)]
        if not found and not selector.allow_not_found:
            raise FileNotFoundError(folder)
        if selector.recursive:
            return found
        here = [info for info in found if info.path.rpartition("/")[0] == folder]
        return [*here, *map(_folder_info, self._store.folders(folder))]

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """Open an object for reading."""
        return self.open_input_file(path)

    def open_input_file(self, path: str) -> pa.NativeFile:
        """Open an object for reading at any position."""
        try:
            return self._store.open(path.strip("/"))
        except BlobNotFound as error:
            raise FileNotFoundError(path) from error

    def _info(self, path: str) -> fs.FileInfo:
        if "/" in path:
            with suppress(BlobNotFound):
                return _file_info(self._store.info(path))
        if next(iter(self._store.list(path)), None) is not None:
            return _folder_info(path)
        return fs.FileInfo(path, fs.FileType.NotFound)

    def _read_only(self, *_: object) -> NoReturn:
        raise PermissionError("this file system is read-only; write through the blob store")

    open_output_stream = open_append_stream = _read_only
    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = _read_only
    delete_file = copy_file = move = _read_only


def _file_info(info: BlobInfo) -> fs.FileInfo:
    return fs.FileInfo(info.path, fs.FileType.File, size=info.size, mtime=info.modified)


def _folder_info(path: str) -> fs.FileInfo:
    return fs.FileInfo(path, fs.FileType.Directory)
