"""The registry's records of releases: versions and aliases, derived from releases and the ledger.

The registry is never needed to change what is served. A server that does not answer costs a change
at most `LOOKUP_SECONDS`.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import TypeVar

from platform_core.contracts.environments import Environment
from platform_core.contracts.release import Lineage
from platform_core.errors import InvalidInput, NotFound, PlatformError
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.ports.registry import ModelRegistry, ModelVersion
from platform_core.storage import release_path
from scoring import load_lineage, load_release

LOOKUP_SECONDS = 10.0
Result = TypeVar("Result")


class RegistryRecords:
    """Reads and repairs the records of releases in `registry`."""

    def __init__(self, store: BlobStore, registry: ModelRegistry, ledger: Ledger) -> None:
        self._store = store
        self._registry = registry
        self._ledger = ledger

    def versions(
        self, use_case: str, releases: Iterable[str], seconds: float = LOOKUP_SECONDS
    ) -> Mapping[str, str] | None:
        """Return the version numbers by release id; versions of `releases` that are missing are
        registered. `None` when the registry does not answer within `seconds`.
        """
        found = _within(seconds, lambda: self._registry.versions(use_case))
        if found is None:
            return None
        numbers = _numbers(found)
        for release_id in releases:
            if release_id not in numbers:
                with suppress(PlatformError):  # it is served without a version; `repair` says why
                    numbers[release_id] = self._register(use_case, release_id)
        return numbers

    def repair(self, use_case: str, releases: Iterable[str] = ()) -> Iterator[str]:
        """Register the missing versions of `releases` and of those the ledger names, and set the
        aliases; yield what was changed.

        Raises:
            UpstreamUnavailable: the registry does not answer.
            ReleaseRefused: the files of a release are damaged.
        """
        active = {e: self._ledger.active(use_case, e) for e in Environment}
        numbers = _numbers(self._registry.versions(use_case))
        for release_id in dict.fromkeys([*releases, *active.values()]):
            if release_id and release_id not in numbers:
                numbers[release_id] = self._register(use_case, release_id)
                yield f"registered {use_case} {release_id} as version {numbers[release_id]}"
        for environment, serving in active.items():
            alias = self._registry.alias(use_case, environment)
            expected = numbers[serving] if serving else None
            if (alias.version if alias else None) != expected:
                self._registry.set_alias(use_case, environment, expected)
                yield f"set the alias {environment} of {use_case} to version {expected or 'none'}"

    def _register(self, use_case: str, release_id: str) -> str:
        """Register a release from its files; they are verified first."""
        release = load_release(self._store, use_case, release_id)
        lineage = load_lineage(self._store, use_case, release_id)
        with tempfile.TemporaryDirectory() as folder:
            model = Path(folder) / "model.onnx"
            model.write_bytes(release.model)
            try:
                return self._version(lineage, use_case, model, lineage.run_id)
            except (NotFound, InvalidInput):
                if lineage.run_id is None:
                    raise
                return self._version(lineage, use_case, model, None)  # the run was deleted

    def _version(self, lineage: Lineage, use_case: str, model: Path, run_id: str | None) -> str:
        uri = self._store.uri(release_path(use_case, lineage.release_id))
        tags = {"pipeline_run": lineage.pipeline_run, "candidate": lineage.candidate}
        registered = self._registry.register(use_case, lineage.release_id, uri, model, run_id, tags)
        return registered.version


def _numbers(versions: Iterable[ModelVersion]) -> dict[str, str]:
    return {version.release_id: version.version for version in versions}


def _within(seconds: float, read: Callable[[], Result]) -> Result | None:
    """Return what `read` returns, `None` if it fails or takes longer."""
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(read())
        except BaseException as error:
            outcome.set_exception(error)

    # A thread of a pool would keep the program from ending until the server answers.
    Thread(target=run, daemon=True).start()
    try:
        return outcome.result(seconds)
    except (PlatformError, TimeoutError):
        return None
