"""The model repository: the pointer files that tell the inference services what to serve.

<MODEL_REPOSITORY>/<environment>/<model name>.json             stable and warm releases
<MODEL_REPOSITORY>/<environment>-candidates/<model name>.json  canaries and shadows

A model name is that of one release (`model_name` in `contracts.serving_state`), or the plain use
case for the stable one. A server that waits imports this package, so it must need little memory.
"""

from enum import StrEnum
from pathlib import Path

from platform_core.contracts.environments import Environment


class ServerPool(StrEnum):
    """The releases of an environment that one server holds."""

    STABLE = "stable"
    CANDIDATES = "candidates"


def pointer_folder(
    repository: Path, environment: Environment, pool: ServerPool = ServerPool.STABLE
) -> Path:
    """Return the folder of the pointers of one server."""
    return repository / (environment if pool is ServerPool.STABLE else f"{environment}-{pool}")


def pointer_names(folder: Path) -> list[str]:
    """Return the model names that have a pointer, sorted; an empty file does not count."""
    return sorted(file.stem for file in folder.glob("*.json") if _has_content(file))


def _has_content(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:  # deleted since it was listed
        return False
