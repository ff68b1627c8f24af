"""The paths that blob stores accept."""

import re

from platform_core.errors import InvalidPath
from platform_core.storage import CONTAINERS

MAX_PATH_CHARACTERS = 1000
MAX_SEGMENT_BYTES = 200
_SEGMENT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff/\\%?#*:|<>\"]+")


def validate_path(path: str) -> str:
    """Return `path` when it is a well-formed `<container>/<path>`.

    Raises:
        InvalidPath: absolute, empty or `..` segments, other schemes, control or
            percent-encoded characters, over-long names, or a container the platform
            does not have.
    """
    segments = path.split("/")
    fits = len(path) <= MAX_PATH_CHARACTERS and len(segments) >= 2  # noqa: PLR2004
    if not fits or not all(_well_formed(segment) for segment in segments):
        raise InvalidPath(
            f"{path!r:.200} is not a path of the form <container>/<path>; "
            "use plain names without '..', empty or encoded parts"
        )
    if segments[0] not in CONTAINERS:
        raise InvalidPath(
            f"unknown container {segments[0]!r:.100}; the containers are {', '.join(CONTAINERS)}"
        )
    return path


def validate_folder(folder: str) -> str:
    """Return `folder` when it is a container or a well-formed path; `InvalidPath` otherwise."""
    validate_path(folder if "/" in folder else f"{folder}/_")
    return folder


def _well_formed(segment: str) -> bool:
    """Return whether every store can keep a name: no `..`, no dot or space at its ends that
    Azure or Windows would drop, and short enough for a file name.
    """
    plain = _SEGMENT.fullmatch(segment) is not None and segment == segment.strip()
    return plain and not segment.endswith(".") and len(segment.encode()) <= MAX_SEGMENT_BYTES
