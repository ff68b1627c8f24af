"""Find the use cases that installed packages offer under `mlplatform.use_cases`.

A package that is installed while a process runs is found without a restart: by `discover`, which
long-running programs call from time to time, and when a name is asked for that is not known yet.
"""

import importlib
import logging
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from platform_core.errors import ConfigurationError, UnknownUseCase
from use_cases.interface import UseCase

GROUP = "mlplatform.use_cases"
logger = logging.getLogger(__name__)

Stamp = tuple[tuple[str, int], ...]


class _Installed:
    """The entry points of the environment as they were read last, and use cases made of them."""

    def __init__(self) -> None:
        self._stamp: Stamp = ()
        self._offered: Mapping[str, tuple[EntryPoint, ...]] = {}
        self._names: tuple[str, ...] = ()
        self._made: dict[str, UseCase] = {}

    @property
    def names(self) -> tuple[str, ...]:
        if not self._stamp:
            self.discover()
        return self._names

    def discover(self) -> bool:
        stamp = _stamp()
        if stamp == self._stamp:
            return False
        importlib.invalidate_caches()
        _follow_path_files()
        self._offered, self._stamp = _offered(), _stamp()
        if self._names == tuple(self._offered):
            return False
        self._names = tuple(self._offered)
        return True

    def use_case(self, name: str) -> UseCase:
        if name not in self._made:
            if name not in self.names:
                self.discover()
            self._made[name] = self._load(name)
        return self._made[name]

    def _load(self, name: str) -> UseCase:
        offered = self._offered.get(name, ())
        if not offered:
            raise UnknownUseCase(
                f"there is no use case {name!r:.100}; installed are {', '.join(self.names)}. "
                f"A package provides one through the entry point group {GROUP!r}"
            )
        if len(offered) > 1:
            raise ConfigurationError(
                f"the use case {name!r} is offered by {len(offered)} packages: "
                f"{' and '.join(map(_package, offered))}; uninstall or rename one of them"
            )
        case: UseCase = offered[0].load()()
        if case.name != name:
            raise ConfigurationError(
                f"{_package(offered[0])} offers the use case {case.name!r} under the name "
                f"{name!r}; use the same name in its entry point"
            )
        return case


_installed = _Installed()


def use_case(name: str) -> UseCase:
    """Return the use case called `name`.

    Raises:
        UnknownUseCase: no package provides it; the message lists those that are installed.
        ConfigurationError: two packages offer it, or its entry point has another name.
    """
    return _installed.use_case(name)


def use_case_names() -> tuple[str, ...]:
    """Return the names of all installed use cases, sorted: the same object until they change."""
    return _installed.names


def discover() -> bool:
    """Look for packages that were installed or removed; return whether the names have changed.

    As long as no folder of `sys.path` has changed, it costs a few calls of the operating system.
    """
    return _installed.discover()


class InstalledUseCases(Mapping[str, UseCase]):
    """The installed use cases by name, as they are at the time of each access. One that cannot be
    loaded is left out and logged.
    """

    def __getitem__(self, name: str) -> UseCase:
        """Return a use case; `KeyError` if it is not installed."""
        try:
            return use_case(name)
        except UnknownUseCase as error:
            raise KeyError(name) from error

    def __iter__(self) -> Iterator[str]:
        """Yield the names of the use cases that can be loaded, sorted."""
        discover()
        for name in use_case_names():
            try:
                use_case(name)
            except Exception:  # one broken package must not affect the others
                logger.exception("the use case %s cannot be loaded", name)
            else:
                yield name

    def __len__(self) -> int:
        """Return the number of use cases that can be loaded."""
        return sum(1 for _ in self)


def _offered() -> dict[str, tuple[EntryPoint, ...]]:
    """Return what is offered by name, sorted; a package that is found twice counts once."""
    found: dict[str, dict[tuple[str, str], EntryPoint]] = {}
    for entry in entry_points(group=GROUP):
        distribution = entry.dist.name.lower() if entry.dist else ""
        found.setdefault(entry.name, {})[distribution, entry.value] = entry
    return {name: tuple(found[name].values()) for name in sorted(found)}


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value


def _stamp() -> Stamp:
    """Return when each folder of `sys.path` last changed."""
    found = []
    for folder in sys.path:
        try:
            found.append((folder, Path(folder or ".").stat().st_mtime_ns))
        except OSError:
            continue
    return tuple(found)


def _follow_path_files() -> None:
    """Take in the folders that `.pth` files name, as Python does when it starts: an editable
    installation is one.
    """
    for folder in [path for path in sys.path if Path(path).name == "site-packages"]:
        for file in sorted(Path(folder).glob("*.pth")):
            lines = (line.strip() for line in file.read_text(errors="replace").splitlines())
            for line in lines:
                if line and not line.startswith(("#", "import ")):
                    path = str(Path(folder, line))
                    if path not in sys.path and Path(path).is_dir():
                        sys.path.append(path)
