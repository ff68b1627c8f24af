"""Finding use cases: whatever installed packages offer under `mlplatform.use_cases`."""

from functools import cache
from importlib.metadata import entry_points

from platform_core.errors import UnknownUseCase
from use_cases.interface import UseCase

GROUP = "mlplatform.use_cases"


@cache
def use_case(name: str) -> UseCase:
    """Return the use case called `name`; `UnknownUseCase` lists what there is."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    if name not in found:
        raise UnknownUseCase(
            f"there is no use case {name!r:.100}; installed are {', '.join(sorted(found))}. "
            f"A package offers one by the entry point group {GROUP!r}"
        )
    case: UseCase = found[name].load()()
    return case


@cache
def use_case_names() -> tuple[str, ...]:
    """Return the names of all installed use cases, sorted."""
    return tuple(sorted({entry.name for entry in entry_points(group=GROUP)}))
