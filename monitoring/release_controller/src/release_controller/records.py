"""Keeps the registry as the ledger says; no change waits for it."""

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from threading import Lock

from platform_core.clock import Clock
from platform_core.errors import PlatformError
from releases.changes import ReleaseService

logger = logging.getLogger(__name__)

RETRY = timedelta(seconds=15)
"""How long after a failure the registry is asked again."""


class RegistryUpdater:
    """Updates the registry's versions and aliases of the use cases that have changed."""

    def __init__(self, service: ReleaseService, clock: Clock, use_cases: Iterable[str]) -> None:
        self._service = service
        self._clock = clock
        self._due = {use_case: clock.now() for use_case in use_cases}
        self._failed: set[str] = set()
        self._lock = Lock()

    def changed(self, use_case: str) -> None:
        """Have a use case updated by the next step; `step` may run at the same time."""
        with self._lock:
            self._due[use_case] = self._clock.now()

    def step(self) -> None:
        """Update the use cases that are due; one that fails is tried again later."""
        for use_case, due in self._take():
            try:
                for line in self._service.update_records(use_case):
                    logger.info(line)
                self._failed.discard(use_case)
            except PlatformError as error:
                if use_case not in self._failed:  # once, not at every attempt
                    logger.warning("the registry is not up to date: %s", error)
                self._failed.add(use_case)
                with self._lock:
                    self._due.setdefault(use_case, due + RETRY)

    def _take(self) -> list[tuple[str, datetime]]:
        now = self._clock.now()
        with self._lock:
            due = {name: now for name, time in self._due.items() if time <= now}
            self._due = {name: time for name, time in self._due.items() if name not in due}
        return list(due.items())
