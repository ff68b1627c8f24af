"""Which objects a batch job reads: one, those of a folder, or those that match a pattern.

In a pattern `*`, `?` and `[...]` match parts of a name and never `/`; `**` matches any number of
folders. As in a folder, only `.parquet` objects count, and names that start with `_` or `.` are
matched only by a pattern whose own name starts with that character.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import takewhile

from platform_core.errors import InvalidData, InvalidPath
from platform_core.ports.blob_paths import validate_path
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import BATCH_JOBS, PARQUET, invalid_path, is_within, part_path

HIDDEN = ("_", ".")
ANY_FOLDERS = "**"
_WILDCARDS = frozenset("*?[")
# Object names never contain these, but may contain brackets.
_ONLY_WILDCARDS = frozenset("*?")
_AS_NAME = str.maketrans({"*": "x", "?": "x"})


def is_pattern(path: str) -> bool:
    """Return whether a path contains wildcards."""
    return not _WILDCARDS.isdisjoint(path)


def validate_input(path: str) -> str:
    """Return `path` when it is a well-formed path or pattern.

    Raises:
        InvalidPath: it is not a `<container>/<path>`, or a pattern without a plain container.
    """
    if not is_pattern(path):
        return validate_path(path)
    if is_pattern(path.partition("/")[0]):
        raise InvalidPath(f"{path!r:.200} must name its container without wildcards")
    try:
        validate_path(path.translate(_AS_NAME))
    except InvalidPath as error:
        raise InvalidPath(
            f"{path!r:.200} is not a pattern of the form <container>/<path>, in which '*', '?' and "
            f"'[...]' match parts of a name and '**' matches folders: {error}"
        ) from error
    return path


def input_objects(store: BlobStore, path: str) -> list[str]:
    """Return the objects a job with this input reads, ordered by path.

    Raises:
        InvalidData: there are none.
        InvalidPath: the path leads out of the store.
    """
    found = [] if _ONLY_WILDCARDS & set(path) else _named(store, path)
    if not found and is_pattern(path):
        found = [name for name in _parquet(store, literal_folder(path)) if matches(path, name)]
    if not found:
        raise InvalidData(_no_input(path))
    return found


def literal_folder(pattern: str) -> str:
    """Return the deepest folder, or the container, that contains every possible match."""
    return "/".join(takewhile(lambda name: not is_pattern(name), pattern.split("/")))


def matches(pattern: str, path: str) -> bool:
    """Return whether the path of an object matches a pattern."""
    parts = pattern.split("/")
    # How many parts of the pattern the names so far may have used up.
    used = set(_skip_folders(parts, 0))
    for name in path.split("/"):
        after = {n for count in used for n in _match_name(parts, count, name)}
        used = {n for count in after for n in _skip_folders(parts, count)}
    return len(parts) in used


def overlaps(source: str, target: str) -> bool:
    """Return whether a job that reads `source` would read what it writes to `target`."""
    if is_within(source, target) or is_within(target, source):
        return True
    found = (target, part_path(target, 0))
    return is_pattern(source) and (
        is_within(literal_folder(source), target) or any(matches(source, name) for name in found)
    )


def require_apart(source: str, target: str) -> None:
    """Check that a job with this input and output would not read what it writes.

    Raises:
        InvalidPath: the output or its side file lies within the input, or the other way round.
    """
    for path in (target, invalid_path(target)):
        if overlaps(source, path):
            raise InvalidPath(
                f"{path} lies within the input {source}, or the other way round: the job would "
                "overwrite or read its own rows; choose another output"
            )


def _named(store: BlobStore, path: str) -> list[str]:
    if store.exists(path):
        return [path]
    folder = f"{path}/"
    return [
        name
        for name in _parquet(store, path)
        if not any(part.startswith(HIDDEN) for part in name.removeprefix(folder).split("/"))
    ]


def _parquet(store: BlobStore, folder: str) -> Iterator[str]:
    for blob in store.list(folder):
        if blob.path.endswith(PARQUET) and not is_within(blob.path, BATCH_JOBS):
            yield blob.path


def _match_name(parts: list[str], count: int, name: str) -> Iterator[int]:
    """Yield how many parts may be used up after `name`, when `count` are used up before it."""
    if count == len(parts):
        return
    visible = not name.startswith(HIDDEN)
    if parts[count] == ANY_FOLDERS:
        if visible:
            yield count
    elif (visible or parts[count][:1] == name[:1]) and fnmatchcase(name, parts[count]):
        yield count + 1


def _skip_folders(parts: list[str], count: int) -> Iterator[int]:
    """Yield `count`, and the counts after it for each `**` that matches no folder."""
    yield count
    while count < len(parts) and parts[count] == ANY_FOLDERS:
        count += 1
        yield count


def _no_input(path: str) -> str:
    if is_pattern(path):
        return (
            f"no {PARQUET} object matches the pattern {path}; a pattern matches objects, so end it "
            f"with '/*{PARQUET}' or '/**' to read folders"
        )
    return f"there is no input at {path}: neither an object nor a folder with {PARQUET} objects"
