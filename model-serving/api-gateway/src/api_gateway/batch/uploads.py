"""Files that callers upload, in pieces, and that become objects once they are complete.

An upload is claimed by the object that says who sends what to which path: creating it is atomic,
so no two callers write to one path. Pieces are objects of their own until the last one has
arrived. All state is in the blob store, so that any gateway can continue an upload.
"""

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from api_gateway.errors import (
    ContentMismatch,
    FileInUse,
    FileTaken,
    Forbidden,
    QuotaExceeded,
    UploadOffset,
)
from platform_core import storage
from platform_core.batch import BatchJobs, create_once
from platform_core.contracts.base import Contract
from platform_core.errors import BlobNotFound
from platform_core.ports.blob_store import BlobInfo, BlobStore

PART_BYTES = 8 << 20


class Upload(Contract):
    """The API key of an upload and the declared content; `sha256` is hexadecimal, or `None`."""

    path: str
    key: str
    size: int
    sha256: str | None = None


class Uploads:
    """All uploads of a blob store. Its methods block: call them in a thread."""

    def __init__(self, store: BlobStore, jobs: BatchJobs) -> None:
        self._store = store
        self._jobs = jobs

    def begin(self, upload: Upload, quota: int) -> None:
        """Claim the path, or continue an upload of the same content by the same key.

        Raises:
            FileTaken: a file, a folder or another upload is there.
            FileInUse: a job that has not ended reads or writes the path.
            QuotaExceeded: all files of the key would have more than `quota` bytes.
        """
        self._require_unused(upload.path)
        claim = storage.upload_path(upload.path)
        if not create_once(self._store, claim, upload.model_dump_json().encode()):
            self._require_same(upload)
            return
        marker = storage.key_upload_path(upload.key, upload.path, upload.size)
        try:
            self._require_free(upload.path)
            self._store.write(marker, b"")
            self._require_quota(upload, quota)
        except BaseException:
            self._store.delete(marker)
            self._store.delete(claim)
            raise

    def find(self, path: str) -> Upload:
        """Return the upload to a path; `BlobNotFound` (404) when nothing was uploaded there."""
        try:
            return Upload.model_validate_json(self._store.read(storage.upload_path(path)))
        except BlobNotFound as error:
            raise BlobNotFound(f"nothing was uploaded to {path}") from error

    def is_complete(self, upload: Upload) -> bool:
        """Return whether the file of an upload is stored."""
        return self._store.exists(upload.path)

    def progress(self, upload: Upload) -> int | None:
        """Return how many bytes from the start have arrived; `None` when the file is stored.

        Raises:
            FileTaken: another upload is at the path.
        """
        if not self._store.exists(storage.upload_path(upload.path)):
            return 0
        self._require_same(upload)
        return None if self.is_complete(upload) else self._end(upload)

    def append(self, upload: Upload, offset: int, data: bytes) -> None:
        """Store a piece that begins at `offset`.

        Raises:
            FileTaken: the upload was deleted in the meantime.
        """
        self._require_same(upload)
        self._store.write(storage.upload_part_path(upload.path, offset), data)

    def discard(self, upload: Upload, offset: int = 0) -> None:
        """Delete the pieces from `offset` on that have arrived."""
        for part in self._store.list(storage.upload_parts_folder(upload.path)):
            if storage.parse_upload_offset(part.path) >= offset:
                self._store.delete(part.path)

    def require_offset(self, upload: Upload, offset: int | None) -> None:
        """Check that a piece continues the upload; `UploadOffset` (409) names where it would."""
        received = self._end(upload)
        if offset != received:
            raise UploadOffset(
                f"{received} of {upload.size} bytes of {upload.path} have arrived; continue there "
                f"instead of at {offset}"
            )

    def complete(self, upload: Upload) -> None:
        """Store the file from its pieces, and delete them.

        Raises:
            ContentMismatch: the pieces do not have the declared digest or size; they are deleted.
            FileInUse, FileTaken: a job that uses the path was submitted in the meantime, or the
                upload was deleted.
        """
        self._require_unused(upload.path)
        self._require_same(upload)
        if self.is_complete(upload):
            raise FileTaken(f"{upload.path} was written in the meantime; choose another path")
        try:
            self._store.upload(self._content(upload), upload.path)
        except ContentMismatch:
            self.discard(upload)
            raise
        self.discard(upload)

    def delete(self, path: str, key: str | None) -> None:
        """Delete what was uploaded to a path, complete or not.

        Raises:
            BlobNotFound: nothing was uploaded there.
            Forbidden: a key other than `key` (`None`: any) has uploaded it.
            FileInUse: a job that has not ended reads it.
        """
        upload = self.find(path)
        if key not in (None, upload.key):
            raise Forbidden(f"{path} was uploaded with another API key; use that key or an admin's")
        self._require_unused(path)
        self._store.delete(path)
        self.discard(upload)
        self._store.delete(storage.key_upload_path(upload.key, path, upload.size))
        self._store.delete(storage.upload_path(path))

    def _content(self, upload: Upload) -> Iterator[bytes]:
        digest, size = hashlib.sha256(), 0
        # The store asks for the content in a thread of its own, in which it cannot be read from.
        with ThreadPoolExecutor(max_workers=1) as reader:
            for part in reader.submit(self._parts, upload).result():
                data = reader.submit(self._store.read, part.path).result()
                digest.update(data)
                size += len(data)
                yield data
        if size != upload.size or upload.sha256 not in (None, digest.hexdigest()):
            raise ContentMismatch(
                f"what arrived at {upload.path} has {size} bytes and the SHA-256 "
                f"{digest.hexdigest()}, not what was declared; upload it again"
            )

    def _parts(self, upload: Upload) -> list[BlobInfo]:
        """Return the pieces that are contiguous from the start; others were sent twice."""
        parts, end = [], 0
        for part in self._store.list(storage.upload_parts_folder(upload.path)):
            if storage.parse_upload_offset(part.path) == end:
                end += part.size
                parts.append(part)
        return parts

    def _end(self, upload: Upload) -> int:
        return sum(part.size for part in self._parts(upload))

    def _require_unused(self, path: str) -> None:
        job = self._jobs.user_of(path)
        if job is not None:
            raise FileInUse(
                f"the batch job {job.job_id} reads or writes {path}; wait until it ends, cancel "
                "it or choose another path"
            )

    def _require_same(self, upload: Upload) -> None:
        try:
            found = self.find(upload.path)
        except BlobNotFound as error:
            raise FileTaken(
                f"the upload to {upload.path} was deleted in the meantime; start it again"
            ) from error
        if found != upload:
            raise FileTaken(
                f"another file was or is being uploaded to {upload.path}; choose another path, or "
                "delete it first"
            )

    def _require_free(self, path: str) -> None:
        """Check that neither an object nor a folder is at `path`, and no object where a folder
        must be.
        """
        names = path.split("/")
        parents = ("/".join(names[:count]) for count in range(2, len(names)))
        taken = next((parent for parent in parents if self._store.exists(parent)), None)
        if self._store.exists(path) or next(iter(self._store.list(path)), None) is not None:
            taken = path
        if taken is not None:
            raise FileTaken(f"{taken} exists already; choose another path")

    def _require_quota(self, upload: Upload, quota: int) -> None:
        markers = self._store.list(storage.key_uploads_folder(upload.key))
        total = sum(storage.parse_upload_size(marker.path) for marker in markers)
        if total > quota:
            raise QuotaExceeded(
                f"the files of the API key {upload.key} may have {quota} bytes; they have "
                f"{total - upload.size}, and {upload.path} has {upload.size}; delete some of them"
            )
