"""The blobs of a store without a file system of its own, as an Arrow file system."""

import io
from typing import Any, NoReturn

import pyarrow as pa
from pyarrow import fs

from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobStore


class MemoryFiles(fs.FileSystemHandler):
    """What Arrow needs to read and write Parquet datasets; folders exist by name only."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def get_type_name(self) -> str:
        """Return the name Arrow shows."""
        return "memory"

    def normalize_path(self, path: str) -> str:
        """Return `path` without slashes around it."""
        return path.strip("/")

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        """Return what is at each of `paths`."""
        return [self._info(path.strip("/")) for path in paths]

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        """Return the objects and folders in a folder, or all objects below it."""
        base = selector.base_dir.strip("/")
        found = [self._info(info.path) for info in self._store.list(base)]
        if not found and not selector.allow_not_found:
            raise FileNotFoundError(base)
        if selector.recursive:
            return found
        children = {info.path.removeprefix(f"{base}/").partition("/")[0] for info in found}
        return [self._info(f"{base}/{child}") for child in sorted(children)]

    def open_input_stream(self, path: str) -> pa.NativeFile:
        """Open an object for reading."""
        return self.open_input_file(path)

    def open_input_file(self, path: str) -> pa.NativeFile:
        """Open an object for reading."""
        try:
            return pa.BufferReader(self._store.read(path.strip("/")))
        except BlobNotFound as error:
            raise FileNotFoundError(path) from error

    def open_output_stream(self, path: str, metadata: object) -> pa.PythonFile:  # noqa: ARG002
        """Open an object for writing; it appears when the stream is closed."""
        return pa.PythonFile(_Upload(self._store, path.strip("/")), mode="w")

    def create_dir(self, path: str, recursive: bool) -> None:
        """Do nothing: folders exist by name only."""

    def delete_dir(self, path: str) -> None:
        """Delete everything below a folder."""
        for info in list(self._store.list(path.strip("/"))):
            self._store.delete(info.path)

    def delete_dir_contents(self, path: str, missing_dir_ok: bool) -> None:  # noqa: ARG002
        """Delete everything below a folder."""
        self.delete_dir(path)

    def delete_file(self, path: str) -> None:
        """Delete an object."""
        self._store.delete(path.strip("/"))

    def copy_file(self, source: str, target: str) -> None:
        """Copy an object."""
        self._store.write(target.strip("/"), self._store.read(source.strip("/")))

    def move(self, source: str, target: str) -> None:
        """Copy an object and delete the first."""
        self.copy_file(source, target)
        self.delete_file(source)

    def delete_root_dir_contents(self) -> NoReturn:
        """Refuse: nobody wants to lose every container."""
        raise PermissionError("the containers cannot be deleted")

    def open_append_stream(self, path: str, metadata: Any) -> NoReturn:  # noqa: ARG002
        """Refuse: objects are written whole."""
        raise PermissionError(f"{path} cannot be appended to: objects are written whole")

    def _info(self, path: str) -> fs.FileInfo:
        folder, _, _ = path.rpartition("/")
        inside = folder or path
        for info in self._store.list(inside):
            if info.path == path:
                return fs.FileInfo(path, fs.FileType.File, size=info.size, mtime=info.modified)
            if info.path.startswith(f"{path}/"):
                return fs.FileInfo(path, fs.FileType.Directory)
        return fs.FileInfo(path, fs.FileType.NotFound)


class _Upload(io.BytesIO):
    """Bytes that become an object when they are complete."""

    def __init__(self, store: BlobStore, path: str) -> None:
        super().__init__()
        self._store = store
        self._path = path

    def close(self) -> None:
        if not self.closed:
            self._store.write(self._path, self.getvalue())
        super().close()
