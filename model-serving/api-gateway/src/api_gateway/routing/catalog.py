"""What the ledger says is served, and the latest reports, refreshed in the background.

Requests read from memory: none of them lists the blob store.
"""

import asyncio
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, cast

from pydantic import ValidationError

from api_gateway.routing.target import ServingTarget, all_targets
from platform_core.clock import Clock
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.ledger import ChangeStatus, LedgerEntry
from platform_core.contracts.quality_report import QualityReport
from platform_core.contracts.release import Lineage, ReleaseManifest
from platform_core.contracts.serving_state import ServingRole
from platform_core.drift_reports import latest_reports
from platform_core.errors import BlobNotFound, PlatformError
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobInfo, BlobStore
from platform_core.reports.quality import latest_quality
from platform_core.storage import LINEAGE_FILE, RELEASE_FILE, release_path
from use_cases import discover

logger = logging.getLogger(__name__)

Document = TypeVar("Document", ReleaseManifest, Lineage)


@dataclass(frozen=True)
class ActiveRelease:
    """The release that an environment serves according to the ledger.

    A document that cannot be read is `None`.
    """

    release_id: str
    manifest: ReleaseManifest | None
    lineage: Lineage | None


class Catalog:
    """The state that was read last."""

    def __init__(self, store: BlobStore, clock: Clock) -> None:
        self._immutable = _ReadOnce(store)
        self._store = store
        self._ledger = Ledger(cast(BlobStore, self._immutable), clock)  # it only reads
        self._active: dict[ServingTarget, ActiveRelease | None] = {}
        self._reports: dict[ServingTarget, DriftReport] = {}
        self._quality: dict[tuple[ServingTarget, ServingRole], QualityReport] = {}
        self._loaded = False
        self._refreshing = asyncio.Lock()
        self._failures: list[str] = []
        self._outdated = asyncio.Event()

    @property
    def loaded(self) -> bool:
        """Whether the ledger of every environment has been read at least once."""
        return self._loaded

    @property
    def failure(self) -> str | None:
        """Why the last refresh was incomplete, `None` if it was complete."""
        return "; ".join(self._failures) or None

    def active(self, target: ServingTarget) -> ActiveRelease | None:
        """Return the release that is served, `None` if there is none."""
        return self._active.get(target)

    def candidate(self, target: ServingTarget, release_id: str) -> str | None:
        """Return the kind of model of a release that is served, `None` where it is unknown."""
        active = self._active.get(target)
        if active is None or active.release_id != release_id or active.lineage is None:
            return None
        return active.lineage.candidate

    def report(self, target: ServingTarget) -> DriftReport | None:
        """Return the latest drift report, `None` before the first one."""
        return self._reports.get(target)

    def quality(self, target: ServingTarget) -> dict[ServingRole, QualityReport]:
        """Return the latest quality report of each role that has one."""
        return {role: one for (where, role), one in self._quality.items() if where == target}

    def served_at(self, target: ServingTarget, at: datetime) -> LedgerEntry | None:
        """Return the change that decided what an environment served at a time. It may block.

        `None` means that nothing had been served by then.

        Raises:
            ReleaseRefused: the ledger was altered.
            UpstreamUnavailable: it cannot be read.
        """
        before = (entry for entry in self._ledger.entries(*target) if entry.time <= at)
        served = [entry for entry in before if entry.change.status is ChangeStatus.APPLIED]
        return served[-1] if served else None

    def lineage(self, use_case: str, release_id: str) -> Lineage | None:
        """Return where a release came from, `None` where that cannot be read. It may block."""
        path = release_path(use_case, release_id, LINEAGE_FILE)
        found = self._document(path, Lineage)
        return None if found is None else found.model_copy(update={"calibration": ()})

    @property
    def reports(self) -> tuple[DriftReport, ...]:
        """The latest report of each use case and environment that has one."""
        return tuple(self._reports.values())

    @property
    def quality_reports(self) -> tuple[QualityReport, ...]:
        """The latest quality report of each use case, environment and role that has one."""
        return tuple(self._quality.values())

    def outdated(self) -> None:
        """Request a refresh: something does not match the state that was read last."""
        self._outdated.set()

    async def keep_fresh(self, seconds: float) -> None:
        """Refresh every `seconds`, and when `outdated` is called, until cancelled."""
        while True:
            self._outdated.clear()
            try:
                await self.refresh()
            except Exception:  # the task must survive any failure
                logger.exception("the catalog was not refreshed; the previous state is kept")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._outdated.wait(), seconds)

    async def refresh(self) -> None:
        """Read everything again, newly installed use cases included. What cannot be read keeps its
        previous state.
        """
        async with self._refreshing:
            await asyncio.to_thread(self._read)

    def _read(self) -> None:
        failures: list[str] = []
        discover()
        targets = list(all_targets())
        for target in targets:
            try:
                self._active[target] = self._read_active(target)
            except PlatformError as error:
                failures.append(str(error))
        self._loaded = self._loaded or all(target in self._active for target in targets)
        try:
            reports = latest_reports(self._store)
            self._reports = {ServingTarget(r.use_case, r.environment): r for r in reports}
        except PlatformError as error:
            failures.append(str(error))
        try:
            quality = latest_quality(self._store)
            self._quality = {(ServingTarget(r.use_case, r.environment), r.role): r for r in quality}
        except PlatformError as error:
            failures.append(str(error))
        for failure in failures:
            logger.warning("the catalog was not refreshed completely: %s", failure)
        self._failures = failures

    def _read_active(self, target: ServingTarget) -> ActiveRelease | None:
        release_id = self._ledger.active(*target)
        if release_id is None:
            return None
        name = target.use_case
        return ActiveRelease(
            release_id,
            self._document(release_path(name, release_id, RELEASE_FILE), ReleaseManifest),
            self.lineage(name, release_id),
        )

    def _document(self, path: str, kind: type[Document]) -> Document | None:
        try:
            return kind.model_validate_json(self._immutable.read(path))
        except (BlobNotFound, ValidationError) as error:
            logger.warning("%s cannot be read: %s", path, error)
            return None


class _ReadOnce:
    """The two methods that the ledger reads with; immutable objects are fetched once."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._objects: dict[str, bytes] = {}

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        return self._store.list(prefix)

    def read(self, path: str) -> bytes:
        if path not in self._objects:
            self._objects[path] = self._store.read(path)
        return self._objects[path]
