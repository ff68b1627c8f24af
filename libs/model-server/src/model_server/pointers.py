"""The release that an environment serves of each use case, as one small file each."""

import re
from pathlib import Path

from pydantic import ValidationError

from platform_core.contracts.environments import Environment
from platform_core.contracts.release import ReleasePointer
from platform_core.errors import ReleaseNotFound, ReleaseRefused

_NAME = re.compile(r"[a-z0-9_]+")


class ReleasePointers:
    """The pointers of one environment."""

    def __init__(self, repository: Path, environment: Environment) -> None:
        self._folder = repository / environment

    def names(self) -> list[str]:
        """Return the use cases that have a pointer, sorted; an empty file does not count."""
        return sorted(file.stem for file in self._folder.glob("*.json") if file.stat().st_size)

    def read(self, use_case: str) -> ReleasePointer:
        """Return the current pointer of `use_case`.

        Raises:
            ReleaseNotFound: there is no pointer.
            ReleaseRefused: the pointer is unreadable or belongs to another use case.
        """
        file = self._folder / f"{use_case}.json"
        # The name comes from a URL: it must not lead out of the folder.
        if not _NAME.fullmatch(use_case) or not file.is_file():
            raise ReleaseNotFound(
                f"nothing is deployed of {use_case!r:.100}: {self._folder} has no such pointer"
            )
        try:
            pointer = ReleasePointer.model_validate_json(file.read_bytes())
        except ValidationError as error:
            raise ReleaseRefused(f"the pointer {file} is unreadable: {error}") from error
        if pointer.use_case != use_case:
            raise ReleaseRefused(f"the pointer {file} belongs to {pointer.use_case!r}")
        return pointer
