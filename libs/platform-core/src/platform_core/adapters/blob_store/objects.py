"""A blob store over obstore: what all technologies have in common."""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import obstore
import pyarrow as pa
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PreconditionError,
)
from obstore.store import ObjectStore
from pyarrow import fs

from platform_core.adapters.blob_store.arrow import ArrowFiles, BlobFile
from platform_core.errors import BlobChanged, BlobExists, BlobNotFound, UpstreamUnavailable
from platform_core.ports.blob_paths import validate_folder, validate_path
from platform_core.ports.blob_store import BlobInfo

if TYPE_CHECKING:  # obstore has these types in its stubs only
    from obstore import ObjectMeta, PutResult

CHUNK_BYTES = 16 << 20
PARALLEL_CHUNKS = 4
_NO_CONTAINER = re.compile("ContainerNotFound|NoSuchBucket")
_STATUS = re.compile(r"non-2xx status code: (\d+ [\w ]*)")


class ObjectBlobStore(ABC):
    """Subclasses open one object store per container and convert URIs."""

    name = "the blob store"
    """What error messages call the store."""

    def __init__(self) -> None:
        self._containers: dict[str, ObjectStore] = {}

    @abstractmethod
    def _open_container(self, container: str) -> ObjectStore:
        """Return the object store whose keys are the paths in `container`."""

    @abstractmethod
    def uri(self, path: str) -> str:
        """Return the absolute URI of `path`."""

    @abstractmethod
    def path(self, uri: str) -> str:
        """Return the path of a URI made by `uri`."""

    def read(self, path: str) -> bytes:
        """Return the whole object."""
        with self._translated(path):
            return obstore.get(*self._locate(path)).bytes().to_bytes()

    def stream(self, path: str) -> Iterator[bytes]:
        """Yield the object in chunks."""
        with self._translated(path):
            for chunk in obstore.get(*self._locate(path)):
                yield bytes(chunk)

    def read_range(self, path: str, start: int, end: int, etag: str) -> bytes:
        """Return the bytes from `start` to `end` of the object that has this etag."""
        with self._translated(path):
            options: obstore.GetOptions = {"range": (start, end), "if_match": etag}
            return obstore.get(*self._locate(path), options=options).bytes().to_bytes()

    def open(self, path: str) -> pa.NativeFile:
        """Open the object for reading at any position."""
        return pa.PythonFile(BlobFile(self, self.info(path)), mode="r")

    def write(self, path: str, data: bytes) -> str:
        """Write the object, replacing an existing one, and return its etag."""
        with self._writing(path):
            return _etag(obstore.put(*self._locate(path), data))

    def create(self, path: str, data: bytes) -> str:
        """Write the object and return its etag; `BlobExists` when there is one."""
        with self._writing(path):
            return _etag(obstore.put(*self._locate(path), data, mode="create"))

    def replace(self, path: str, data: bytes, etag: str) -> str:
        """Replace the object that still has this `etag` and return the new one."""
        try:
            with self._translated(path):
                return _etag(obstore.put(*self._locate(path), data, mode={"e_tag": etag}))
        except BlobNotFound as error:
            raise _changed(path) from error

    def exists(self, path: str) -> bool:
        """Return whether there is an object at `path`."""
        try:
            self.info(path)
        except BlobNotFound:
            return False
        return True

    def info(self, path: str) -> BlobInfo:
        """Return the size, time and etag of the object."""
        with self._translated(path):
            return _info(path, obstore.head(*self._locate(path)))

    def list(self, folder: str) -> Iterator[BlobInfo]:
        """Yield the objects below `folder`, ordered by path."""
        store, prefix = self._locate_folder(folder)
        container = folder.partition("/")[0]
        with self._translated(folder):
            found = [
                _info(f"{container}/{meta['path']}", meta)
                for chunk in obstore.list(store, prefix)
                for meta in chunk
            ]
        yield from sorted(found, key=lambda info: info.path)

    def folders(self, folder: str) -> Sequence[str]:
        """Return the paths of the folders directly in `folder`, sorted."""
        store, prefix = self._locate_folder(folder)
        container = folder.partition("/")[0]
        with self._translated(folder):
            found = obstore.list_with_delimiter(store, prefix)["common_prefixes"]
        return sorted(f"{container}/{name}" for name in found)

    def delete(self, path: str) -> None:
        """Delete the object if it exists."""
        try:
            with self._translated(path):
                obstore.delete(*self._locate(path))
        except BlobNotFound:
            return

    def upload(self, source: Path | BinaryIO | Iterable[bytes], path: str) -> None:
        """Write a file or a stream to `path`, replacing an existing object."""
        if isinstance(source, Path):
            with source.open("rb") as file:
                self.upload(file, path)
            return
        with self._writing(path):
            obstore.put(
                *self._locate(path),
                source,
                chunk_size=CHUNK_BYTES,
                max_concurrency=PARALLEL_CHUNKS,
            )

    def download(self, path: str, target: Path) -> None:
        """Copy the object to a local file, creating its folder."""
        chunks = self.stream(path)
        first = next(chunks, b"")  # a missing object creates no file
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.write(first)
            file.writelines(chunks)

    def arrow_filesystem(self) -> fs.FileSystem:
        """Return a read-only Arrow file system whose paths are `<container>/<path>`."""
        return fs.PyFileSystem(ArrowFiles(self))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_containers": {}}  # connections are opened again

    def _locate(self, path: str) -> tuple[ObjectStore, str]:
        container, _, key = validate_path(path).partition("/")
        return self._container(container), key

    def _locate_folder(self, folder: str) -> tuple[ObjectStore, str | None]:
        container, _, prefix = validate_folder(folder).partition("/")
        return self._container(container), prefix or None

    def _container(self, name: str) -> ObjectStore:
        if name not in self._containers:
            self._containers[name] = self._open_container(name)
        return self._containers[name]

    @contextmanager
    def _writing(self, path: str) -> Iterator[None]:
        try:
            with self._translated(path):
                yield
        except BlobNotFound as error:
            raise UpstreamUnavailable(
                f"{self.name} cannot write {path}: a part of the path is an object"
            ) from error

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            if _NO_CONTAINER.search(str(error)):
                raise UpstreamUnavailable(
                    f"{self.name} lacks the container of {path}; create it"
                ) from error
            raise BlobNotFound(f"there is no blob {path}") from error
        except AlreadyExistsError as error:
            raise BlobExists(f"the blob {path} exists already") from error
        except PreconditionError as error:
            raise _changed(path) from error
        except BaseError as error:
            raise self._unavailable(path, error) from error

    def _unavailable(self, path: str, error: BaseError) -> BlobNotFound | UpstreamUnavailable:
        status = _STATUS.search(str(error))
        if status:
            return UpstreamUnavailable(
                f"{self.name} refused {path}: {status[1]}; check the credentials, the role of "
                "the workload and the network rules"
            )
        reason = str(error).splitlines()[0]
        return UpstreamUnavailable(f"{self.name} cannot be reached for {path}: {reason}")


def _info(path: str, meta: "ObjectMeta") -> BlobInfo:
    return BlobInfo(path, meta["size"], meta["last_modified"], _etag(meta))


def _etag(meta: "ObjectMeta | PutResult") -> str:
    etag = meta["e_tag"]
    if etag is None:
        raise UpstreamUnavailable("the blob store returned no etag; it cannot be used")
    return etag if '"' in etag else f'"{etag}"'  # Azure quotes it in headers only


def _changed(path: str) -> BlobChanged:
    return BlobChanged(f"the blob {path} was changed; read it again")
