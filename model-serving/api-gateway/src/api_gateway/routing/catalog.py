"""What the ledger says is served, and the latest drift reports, kept fresh in the background.

Requests read what is in memory: none of them lists the blob store.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from api_gateway.routing.upstream import Place
from platform_core.clock import Clock
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.contracts.release import Lineage, ReleaseManifest
from platform_core.drift_reports import latest_reports
from platform_core.errors import BlobNotFound, PlatformError
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobInfo, BlobStore
from platform_core.storage import LINEAGE_FILE, RELEASE_FILE, release_path
from use_cases import use_case_names

logger = logging.getLogger(__name__)

Value = TypeVar("Value")
Document = TypeVar("Document", ReleaseManifest, Lineage)


@dataclass(frozen=True)
class ActiveRelease:
    """The release an environment serves by the ledger; what cannot be read of it is `None`.

    A `canary` answers a share of the requests beside it.
    """

    release_id: str
    manifest: ReleaseManifest | None
    lineage: Lineage | None
    canary: str | None = None


class Catalog:
    """The last that was read. `loaded` says whether anything was; `failure` why not lately."""

    def __init__(self, store: BlobStore, clock: Clock) -> None:
        self._immutable = _ReadOnce(store)
        self._store = store
        self._ledger = Ledger(self._immutable, clock)
        self._active: dict[Place, ActiveRelease | None] = {}
        self._reports: dict[Place, DriftReport] = {}
        self._refreshing = asyncio.Lock()
        self._failures: list[str] = []
        self._outdated = asyncio.Event()

    @property
    def loaded(self) -> bool:
        """Say whether the ledger of every environment has been read once."""
        return len(self._active) == len(list(places()))

    @property
    def failure(self) -> str | None:
        """Why the last refresh was not complete, `None` when it was."""
        return "; ".join(self._failures) or None

    def active(self, place: Place) -> ActiveRelease | None:
        """Return what is served there, `None` for nothing."""
        return self._active.get(place)

    def report(self, place: Place) -> DriftReport | None:
        """Return the latest drift report, `None` before the first."""
        return self._reports.get(place)

    @property
    def reports(self) -> tuple[DriftReport, ...]:
        """The latest report of each use case and environment that has one."""
        return tuple(self._reports.values())

    def outdated(self) -> None:
        """Ask for a refresh soon: something does not fit what was read last."""
        self._outdated.set()

    async def keep_fresh(self, seconds: float) -> None:
        """Refresh every `seconds`, and when somebody asks for it, until cancelled."""
        while True:
            self._outdated.clear()
            try:
                await self.refresh()
            except Exception:  # the task must outlive whatever happens
                logger.exception("the catalog was not refreshed; what was known before stays")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._outdated.wait(), seconds)

    async def refresh(self) -> None:
        """Read everything again. What cannot be read stays as it was."""
        async with self._refreshing:
            await asyncio.to_thread(self._read)

    def _read(self) -> None:
        failures: list[str] = []
        for place in places():
            active = _attempt(lambda p=place: (self._read_active(p),), failures)
            if active is not None:
                self._active[place] = active[0]
        reports = _attempt(lambda: latest_reports(self._store), failures)
        if reports is not None:
            self._reports = {(r.use_case, r.environment): r for r in reports}
        self._failures = failures

    def _read_active(self, place: Place) -> ActiveRelease | None:
        release_id = self._ledger.active(*place)
        if release_id is None:
            return None
        return ActiveRelease(
            release_id,
            self._document(release_path(place[0], release_id, RELEASE_FILE), ReleaseManifest),
            self._document(release_path(place[0], release_id, LINEAGE_FILE), Lineage),
            self._ledger.canary(*place),
        )

    def _document(self, path: str, kind: type[Document]) -> Document | None:
        try:
            return kind.model_validate_json(self._immutable.read(path))
        except (BlobNotFound, ValidationError) as error:
            logger.warning("%s is not readable: %s", path, error)
            return None


class _ReadOnce:
    """The two methods a ledger reads with; an object that never changes is fetched once."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._objects: dict[str, bytes] = {}

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        return self._store.list(prefix)

    def read(self, path: str) -> bytes:
        if path not in self._objects:
            self._objects[path] = self._store.read(path)
        return self._objects[path]


def places() -> Iterator[Place]:
    """Yield every use case with every environment."""
    for name in use_case_names():
        for environment in Environment:
            yield name, environment


def _attempt(read: Callable[[], Value], failures: list[str]) -> Value | None:
    try:
        return read()
    except PlatformError as error:
        failures.append(str(error))
        logger.warning("not refreshed: %s", error)
        return None
