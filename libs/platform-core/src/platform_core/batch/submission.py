"""Where a batch job may read and write."""

from collections.abc import Callable

from platform_core import storage
from platform_core.batch.inputs import input_objects, require_apart, validate_input
from platform_core.batch.outputs import is_abandoned
from platform_core.errors import FieldError, InvalidData, InvalidPath, InvalidRecord
from platform_core.ports.blob_paths import validate_path
from platform_core.ports.blob_store import BlobStore

INPUT_CONTAINERS = (storage.BATCH, storage.TRAINING_DATA)
OUTPUT_CONTAINERS = (storage.BATCH,)


def check_paths(store: BlobStore, source: str, target: str) -> None:
    """Check that a job may read `source` (an object, folder or pattern) and write `target`.

    Raises:
        InvalidRecord: a path is malformed or not allowed, the input does not exist, or the output
            does; the error names the field.
    """
    _check("input_path", source, validate_input, INPUT_CONTAINERS)
    _check("output_path", target, validate_path, OUTPUT_CONTAINERS)
    _check("output_path", storage.invalid_path(target), validate_path, OUTPUT_CONTAINERS)
    try:
        require_apart(source, target)
    except InvalidPath as error:
        raise _invalid("output_path", str(error)) from error
    try:
        input_objects(store, source)
    except (InvalidData, InvalidPath) as error:
        raise _invalid("input_path", str(error)) from error
    check_free(store, target)


def check_file(path: str) -> str:
    """Return `path` if callers may read or write the file.

    Raises:
        InvalidRecord: it is malformed, in a container other than `batch`, or reserved.
    """
    _check("path", path, validate_path, OUTPUT_CONTAINERS)
    return path


def check_free(store: BlobStore, target: str) -> None:
    """Refuse (`InvalidRecord`) an output or a side file that would replace something.

    The side file of a job that ended without its output may be replaced.
    """
    side = storage.invalid_path(target)
    for path in (target, side):
        if store.exists(storage.upload_path(path)):
            raise _invalid("output_path", f"a file is being uploaded to {path}; choose another")
        if _exists(store, path) and not (path == side and is_abandoned(store, path)):
            raise _invalid("output_path", f"{path} exists already; choose another or delete it")


def _exists(store: BlobStore, path: str) -> bool:
    """Return whether there is an object at `path`, or a folder of objects."""
    try:
        return store.exists(path) or next(iter(store.list(path)), None) is not None
    except InvalidPath as error:  # well-formed, but a link leads out of the store
        raise _invalid("output_path", str(error)) from error


def _check(
    field: str, path: str, validate: Callable[[str], str], containers: tuple[str, ...]
) -> None:
    try:
        container = validate(path).partition("/")[0]
    except InvalidPath as error:
        raise _invalid(field, str(error)) from error
    if container not in containers:
        raise _invalid(field, f"is in {container}/; it must be in {'/ or '.join(containers)}/")
    if storage.is_within(path, storage.BATCH_JOBS):
        raise _invalid(field, f"{storage.BATCH_JOBS}/ is reserved for the platform")


def _invalid(field: str, detail: str) -> InvalidRecord:
    return InvalidRecord(FieldError(field, detail))
