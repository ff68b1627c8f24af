"""The model registry: versions of a use case's model and the aliases that name them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ModelVersion:
    """One registered version; `version` counts from "1" per use case."""

    use_case: str
    version: str
    release_id: str
    release_uri: str
    run_id: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()


class ModelRegistry(Protocol):
    """Registered model versions; the registered model is named like the use case."""

    def register(
        self,
        use_case: str,
        release_id: str,
        release_uri: str,
        model: Path,
        run_id: str | None,
        tags: Mapping[str, str],
    ) -> ModelVersion:
        """Register the ONNX file `model` as a new version with its signature.

        Registering a release that is there already returns the version it has. The
        signature is read back afterwards.

        Raises:
            Refused: the signature was lost on the way.
            UpstreamUnavailable: the registry cannot be reached.
        """
        ...

    def versions(self, use_case: str) -> list[ModelVersion]:
        """Return all versions, newest first; an unknown use case has none."""
        ...

    def find(self, use_case: str, release_id: str) -> ModelVersion:
        """Return the version of a release; `ReleaseNotFound` when it was never registered."""
        ...

    def alias(self, use_case: str, environment: str) -> ModelVersion | None:
        """Return the version an alias points at, `None` when it is not set."""
        ...

    def set_alias(self, use_case: str, environment: str, version: str | None) -> None:
        """Point the alias (`staging`, `production`) at a version; `None` removes it."""
        ...
