"""Which objects a batch job reads: one, those of a folder, or those that fit a pattern.

In a pattern `*`, `?` and `[...]` stand for parts of a name and never for `/`; `**` stands for any
number of folders. As in a folder, only `.parquet` objects count, and names that begin with `_` or
`.` are found only by a pattern whose own name begins so.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import takewhile

from platform_core.errors import InvalidData, InvalidPath
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import BATCH_JOBS, PARQUET, is_within, part_path, validate_path

HIDDEN = ("_", ".")
ANY_FOLDERS = "**"
_MAGIC = frozenset("*?[")
# No name of an object has these, whereas brackets may be part of one.
_ONLY_MAGIC = frozenset("*?")
_AS_NAME = str.maketrans({"*": "x", "?": "x"})


def is_pattern(path: str) -> bool:
    """Say whether a path has characters that stand for others."""
    return not _MAGIC.isdisjoint(path)


def validate_input(path: str) -> str:
    """Return `path` when it is a well-formed path or pattern.

    Raises:
        InvalidPath: it is no `<container>/<path>`, or a pattern that leaves the container open.
    """
    if not is_pattern(path):
        return validate_path(path)
    if is_pattern(path.partition("/")[0]):
        raise InvalidPath(f"{path!r:.200} must name its container; patterns begin behind it")
    try:
        validate_path(path.translate(_AS_NAME))
    except InvalidPath as error:
        raise InvalidPath(
            f"{path!r:.200} is not a pattern of the form <container>/<path>, in which '*', '?' and "
            f"'[...]' stand for parts of a name and '**' for folders: {error}"
        ) from error
    return path


def input_objects(store: BlobStore, path: str) -> list[str]:
    """Return the objects a job with this input reads, in order of path.

    Raises:
        InvalidData: there are none.
        InvalidPath: the path leads out of the store.
    """
    found = [] if _ONLY_MAGIC & set(path) else _named(store, path)
    if not found and is_pattern(path):
        found = [name for name in _parquet(store, literal_folder(path)) if matches(path, name)]
    if not found:
        raise InvalidData(_absent(path))
    return found


def literal_folder(pattern: str) -> str:
    """Return the folder, or the container, below which everything lies that can fit."""
    return "/".join(takewhile(lambda name: not is_pattern(name), pattern.split("/")))


def matches(pattern: str, path: str) -> bool:
    """Say whether the path of an object fits a pattern."""
    wanted = pattern.split("/")
    reached = set(_past_folders(wanted, 0))
    for name in path.split("/"):
        behind = {after for at in reached for after in _after(wanted, at, name)}
        reached = {further for at in behind for further in _past_folders(wanted, at)}
    return len(wanted) in reached


def overlaps(source: str, target: str) -> bool:
    """Say whether a job that reads `source` would find there what it writes to `target`."""
    if is_within(source, target) or is_within(target, source):
        return True
    found = (target, part_path(target, 0))
    return is_pattern(source) and (
        is_within(literal_folder(source), target) or any(matches(source, name) for name in found)
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


def _after(wanted: list[str], at: int, name: str) -> Iterator[int]:
    """Yield where in the pattern one may be once `name` has been read at `at`."""
    if at == len(wanted):
        return
    seen = not name.startswith(HIDDEN)
    if wanted[at] == ANY_FOLDERS:
        if seen:
            yield at
    elif (seen or wanted[at][:1] == name[:1]) and fnmatchcase(name, wanted[at]):
        yield at + 1


def _past_folders(wanted: list[str], at: int) -> Iterator[int]:
    """Yield `at` and what follows it when `**` stands for no folder."""
    yield at
    while at < len(wanted) and wanted[at] == ANY_FOLDERS:
        at += 1
        yield at


def _absent(path: str) -> str:
    if is_pattern(path):
        return (
            f"no {PARQUET} object fits the pattern {path}; a pattern names objects, so end it with "
            f"'/*{PARQUET}' or '/**' to read folders"
        )
    return f"there is no input at {path}: neither an object nor a folder with {PARQUET} objects"
