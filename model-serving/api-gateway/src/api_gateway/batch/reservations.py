"""Which batch job may write to an output: the first that creates its reservation."""

from collections.abc import Callable

from api_gateway.errors import OutputReserved
from platform_core.errors import BlobExists, BlobNotFound, PlatformError
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import invalid_path, reservation_path

Ended = Callable[[str], bool]
"""Says of a job's id whether that job will write nothing any more."""


def reserve(store: BlobStore, output_path: str, job_id: str, ended: Ended) -> list[str]:
    """Reserve an output and its side file for a job; return the blobs that say so.

    Raises:
        OutputReserved: a job that has not ended holds one of them; nothing was reserved.
    """
    output = _reserve(store, output_path, job_id, ended)
    try:
        return [output, _reserve(store, invalid_path(output_path), job_id, ended)]
    except PlatformError:
        release(store, [output])
        raise


def release(store: BlobStore, reservations: list[str]) -> None:
    """Give up what `reserve` returned."""
    for blob in reservations:
        store.delete(blob)


def _reserve(store: BlobStore, path: str, job_id: str, ended: Ended) -> str:
    """Follow the jobs that held `path` one after the other, to the end of the chain."""
    blob = reservation_path(path)
    while not _create(store, blob, job_id):
        holder = _holder(store, blob)
        if holder is None:
            continue  # given up since
        if not ended(holder):
            raise OutputReserved(
                f"output_path: the job {holder} is going to write to {path}; "
                "wait for its end, cancel it or choose another output"
            )
        # A job that gave up looks ended; then its reservation is free again and has no successor.
        if _holder(store, blob) == holder:
            blob = reservation_path(path, holder)
    return blob


def _create(store: BlobStore, blob: str, job_id: str) -> bool:
    try:
        store.create(blob, job_id.encode())
    except BlobExists:
        return False
    return True


def _holder(store: BlobStore, blob: str) -> str | None:
    try:
        return store.read(blob).decode()
    except BlobNotFound:
        return None
