"""Which batch job may write to an output: the first that creates its reservation."""

from collections.abc import Callable

from platform_core import storage
from platform_core.batch.job_objects import create_once
from platform_core.errors import BlobNotFound, OutputReserved, PlatformError
from platform_core.ports.blob_store import BlobStore

HasEnded = Callable[[str], bool]
"""Returns whether the job with this id will not write any more."""


def reserve(store: BlobStore, output_path: str, job_id: str, has_ended: HasEnded) -> list[str]:
    """Reserve an output and its side file for a job; return the paths of the reservations.

    Raises:
        OutputReserved: a job that has not ended holds one of them; nothing was reserved.
    """
    output = _reserve(store, output_path, job_id, has_ended)
    try:
        return [output, _reserve(store, storage.invalid_path(output_path), job_id, has_ended)]
    except PlatformError:
        release(store, [output])
        raise


def release(store: BlobStore, reservations: list[str]) -> None:
    """Delete the reservations that `reserve` returned."""
    for blob in reservations:
        store.delete(blob)


def _reserve(store: BlobStore, path: str, job_id: str, has_ended: HasEnded) -> str:
    """Follow the chain of jobs that have held `path`, and append this one."""
    blob = storage.reservation_path(path)
    while not create_once(store, blob, job_id.encode()):
        holder = _holder(store, blob)
        if holder is None:
            continue  # released in the meantime
        if not has_ended(holder):
            raise OutputReserved(
                f"output_path: the job {holder} is going to write to {path}; "
                "wait until it ends, cancel it or choose another output"
            )
        # A job whose submission failed looks ended; then its reservation is gone, not followed.
        if _holder(store, blob) == holder:
            blob = storage.reservation_path(path, holder)
    return blob


def _holder(store: BlobStore, blob: str) -> str | None:
    try:
        return store.read(blob).decode()
    except BlobNotFound:
        return None
