"""The packages a model was made with, and their versions."""

import io
import pickle
import platform
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points, packages_distributions, version
from typing import Any

from platform_core.contracts.release import PackageVersion
from use_cases.registry import GROUP

LIBRARIES = (
    "kfp",
    "mlflow",
    "numpy",
    "onnx",
    "onnxruntime",
    "optuna",
    "pyarrow",
    "ray",
    "scikit-learn",
    "skl2onnx",
)
"""What every run of the pipeline is made with."""


def libraries(model: object = None) -> dict[str, str]:
    """Return the versions that a run was made with: Python, the libraries of the pipeline, and
    those that the parts of a fitted `model` come from.
    """
    used = libraries_of(model) if model is not None else {}
    versions = used | {name: version(name) for name in LIBRARIES}
    return {"python": platform.python_version(), **dict(sorted(versions.items()))}


def libraries_of(model: object) -> dict[str, str]:
    """Return the versions of the libraries that the parts of a fitted model come from."""
    return {name: version(name) for name in sorted(_distributions(modules_of(model)))}


def use_case_package(name: str) -> PackageVersion | None:
    """Return the installed package that offers a use case; `None` when none of this name is."""
    for entry in entry_points(group=GROUP):
        if entry.name == name and entry.dist is not None:
            return PackageVersion(name=entry.dist.name, version=entry.dist.version)
    return None


def modules_of(model: object) -> set[str]:
    """Return the top-level modules that define the classes and functions within `model`."""
    found = _Modules()
    found.dump(model)
    return found.names


class _Modules(pickle.Pickler):
    """Visits everything that an object consists of."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO())
        self.names: set[str] = set()

    def reducer_override(self, value: Any) -> Any:
        """Note the module, and leave the pickling as it is."""
        module = getattr(value, "__module__", None) or type(value).__module__
        self.names.add(module.partition(".")[0])
        return NotImplemented


def _distributions(modules: Iterable[str]) -> set[str]:
    owners = _owners()
    return {name for module in modules for name in owners.get(module, ())}


@cache
def _owners() -> dict[str, list[str]]:
    """Return, by top-level module, the distributions that provide it."""
    found = packages_distributions()
    return {name: owners for name, owners in found.items() if name not in sys.stdlib_module_names}
