"""The releases that a server is to serve, as one small file each."""

import re
from pathlib import Path

from pydantic import ValidationError

from platform_core.contracts.release import ReleasePointer
from platform_core.contracts.serving_state import model_name
from platform_core.errors import ReleaseNotFound, ReleaseRefused
from platform_core.storage.model_repository import pointer_names

_NAME = re.compile(r"[a-z0-9_]+(-[a-z0-9]+)?")


def use_case_of(name: str) -> str:
    """Return the use case of a model name: `spam` of `spam` and of `spam-0a1b2c3d`."""
    return name.partition("-")[0]


def release_name(pointer: ReleasePointer) -> str:
    """Return the model name of a pointer's release, whatever the pointer is named."""
    return model_name(pointer.use_case, pointer.release_id)


class ReleasePointers:
    """The pointers in one folder; see `platform_core.storage.model_repository`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """Return the model names that have a pointer, sorted; an empty file does not count."""
        return pointer_names(self._folder)

    def read(self, name: str) -> ReleasePointer:
        """Return the current pointer of a model name.

        Raises:
            ReleaseNotFound: there is no pointer.
            ReleaseRefused: the pointer is unreadable or belongs under another name.
        """
        file = self._folder / f"{name}.json"
        # The name comes from a URL: it must not lead out of the folder.
        if not _NAME.fullmatch(name) or not file.is_file():
            raise ReleaseNotFound(
                f"no release of {name!r:.100} is deployed: {self._folder} has no such pointer"
            )
        try:
            pointer = ReleasePointer.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise ReleaseRefused(f"the pointer {file} is unreadable: {error}") from error
        own = release_name(pointer)
        if name not in {pointer.use_case, own}:
            raise ReleaseRefused(
                f"the pointer {file} names release {pointer.release_id} of {pointer.use_case!r}; "
                f"its name must be {pointer.use_case}.json or {own}.json"
            )
        return pointer
