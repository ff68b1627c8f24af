"""Where a batch job may read and write."""

from api_gateway.errors import FieldError, InvalidFields
from platform_core.batch_inputs import input_objects, overlaps, validate_input
from platform_core.batch_jobs import left_over
from platform_core.errors import InvalidData, InvalidPath
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    BATCH,
    BATCH_JOBS,
    TRAINING_DATA,
    invalid_path,
    is_within,
    validate_path,
)

INPUT_CONTAINERS = (BATCH, TRAINING_DATA)
OUTPUT_CONTAINERS = (BATCH,)


def check_paths(store: BlobStore, source: str, target: str) -> None:
    """Return when a job may read `source`, an object, a folder or a pattern, and write `target`.

    Raises:
        InvalidFields: a path is malformed or out of bounds, the input is not there, or the output
            is; the field is named.
    """
    _check("input_path", source, INPUT_CONTAINERS)
    _check("output_path", target, OUTPUT_CONTAINERS)
    for path in _written_paths(target):
        if overlaps(source, path):
            text = f"{path} lies within the input, or the other way; choose another"
            raise InvalidFields(FieldError("output_path", text))
    try:
        input_objects(store, source)
    except (InvalidData, InvalidPath) as error:
        raise InvalidFields(FieldError("input_path", str(error))) from error
    check_free(store, target)


def check_free(store: BlobStore, target: str) -> None:
    """Refuse (`InvalidFields`) an output or a side file that would replace what is there.

    The side file of a job that ended without its output may be replaced.
    """
    output, side = _written_paths(target)
    for path in (output, side):
        if _holds(store, path) and not (path == side and left_over(store, path)):
            text = f"{path} exists already; choose another or delete it"
            raise InvalidFields(FieldError("output_path", text))


def _holds(store: BlobStore, path: str) -> bool:
    """Say whether there is an object at `path`, or a folder of objects."""
    try:
        return store.exists(path) or next(iter(store.list(path)), None) is not None
    except InvalidPath as error:  # well-formed, but the store does not go there
        raise InvalidFields(FieldError("output_path", str(error))) from error


def _written_paths(target: str) -> tuple[str, str]:
    """Return where a job with the output `target` writes: there, and its invalid rows."""
    side = invalid_path(target)
    try:
        return target, validate_path(side)
    except InvalidPath as error:
        text = f"its name is too long for its list of invalid rows: {error}"
        raise InvalidFields(FieldError("output_path", text)) from error


def _check(field: str, path: str, containers: tuple[str, ...]) -> None:
    try:
        validate_input(path) if containers is INPUT_CONTAINERS else validate_path(path)
    except InvalidPath as error:
        raise InvalidFields(FieldError(field, str(error))) from error
    container = path.partition("/")[0]
    if container not in containers:
        raise InvalidFields(
            FieldError(field, f"is in {container}/; it must be in {'/ or '.join(containers)}/")
        )
    if is_within(path, BATCH_JOBS):
        raise InvalidFields(FieldError(field, f"{BATCH_JOBS}/ is the platform's own"))
