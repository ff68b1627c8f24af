"""A model registry in memory: a working fake that behaves like the real one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import RLock

from platform_core.errors import InvalidInput, NotFound, ReleaseNotFound
from platform_core.ports.registry import ModelVersion


class MemoryRegistry:
    """Versions and aliases in dictionaries."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._versions: dict[str, list[ModelVersion]] = {}
        self._aliases: dict[tuple[str, str], str] = {}

    def register(
        self,
        use_case: str,
        release_id: str,
        release_uri: str,
        model: Path,
        run_id: str | None,
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Register the file `model` as a new version; see the port."""
        if not model.is_file():
            raise InvalidInput(f"there is no model at {model}")
        with self._lock:
            known = self._versions.setdefault(use_case, [])
            if all(version.release_id != release_id for version in known):
                number = str(len(known) + 1)
                known.append(
                    ModelVersion(use_case, number, release_id, release_uri, run_id, dict(tags))
                )
        return self.find(use_case, release_id)

    def versions(self, use_case: str) -> list[ModelVersion]:
        """Return all versions, newest first; an unknown use case has none."""
        with self._lock:
            known = self._versions.get(use_case, [])
            return [replace(version, aliases=self._names(version)) for version in reversed(known)]

    def find(self, use_case: str, release_id: str) -> ModelVersion:
        """Return the version of a release; `ReleaseNotFound` when it was never registered."""
        for version in self.versions(use_case):
            if version.release_id == release_id:
                return version
        raise ReleaseNotFound(f"release {release_id} of {use_case} is not registered")

    def alias(self, use_case: str, environment: str) -> ModelVersion | None:
        """Return the version an alias points at, `None` when it is not set."""
        number = self._aliases.get((use_case, environment))
        return next((v for v in self.versions(use_case) if v.version == number), None)

    def set_alias(self, use_case: str, environment: str, version: str | None) -> None:
        """Point the alias at a version; `None` removes it."""
        with self._lock:
            if version is None:
                self._aliases.pop((use_case, environment), None)
                return
            if all(known.version != version for known in self.versions(use_case)):
                raise NotFound(f"{use_case} has no version {version}")
            self._aliases[use_case, environment] = version

    def _names(self, version: ModelVersion) -> tuple[str, ...]:
        pointing = (
            environment
            for (use_case, environment), number in self._aliases.items()
            if (use_case, number) == (version.use_case, version.version)
        )
        return tuple(sorted(pointing))
