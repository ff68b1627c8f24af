"""Which services an environment needs: those of its state, and those that may still be called."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from pydantic import ValidationError

from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import ChangeStatus, LedgerEntry
from platform_core.contracts.serving_state import GatewayState, ServingRole, ServingState, entry_key
from platform_core.errors import BlobNotFound
from platform_core.ledger import serving_state
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import GATEWAYS
from releases.deployers import Assignment

SILENT = timedelta(minutes=2)
"""A gateway that has not written its state for so long does not count."""


class NeededServices:
    """Computes the services that must not be removed.

    `warm` is how long the previous stable release is kept, so that a rollback starts nothing.
    """

    def __init__(self, store: BlobStore, clock: Clock, warm: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._warm = warm

    def __call__(
        self, use_case: str, environment: Environment, entries: Sequence[LedgerEntry]
    ) -> set[Assignment]:
        """Return the services of the current state, of the states that gateways may still route
        by, and of the warm release.
        """
        key, now = entry_key(use_case, environment), self._clock.now()
        states = live_gateways(self._store, now)
        read = [state.entries[key] for state in states if key in state.entries]
        return needed(entries, min(read, default=len(entries)), now - self._warm)


def live_gateways(store: BlobStore, now: datetime) -> Iterator[GatewayState]:
    """Yield what each running gateway has read."""
    for blob in store.list(GATEWAYS):
        try:
            state = GatewayState.model_validate_json(store.read(blob.path))
        except (BlobNotFound, ValidationError):
            continue  # it has ended, or is of another version
        if now - state.time <= SILENT:
            yield state


def needed(entries: Sequence[LedgerEntry], read: int, warm_since: datetime) -> set[Assignment]:
    """Return the services that may be called when every gateway has read the first `read` entries.

    The previous stable release is among them if it was replaced after `warm_since`.
    """
    found = set(assignments(serving_state(entries[:read])))
    for entry in entries[read:]:
        if entry.change.status is ChangeStatus.APPLIED:
            found.update(assignments(entry.change.to_state))
    found.update(assignments(serving_state(entries)))
    previous = _previous_stable(entries, warm_since)
    return found | ({(previous, ServingRole.STABLE)} if previous else set())


def assignments(state: ServingState) -> list[Assignment]:
    """Return the releases of a state with their roles, the stable one first."""
    return [(release_id, role) for role, release_id in state.releases.items()]


def _previous_stable(entries: Sequence[LedgerEntry], since: datetime) -> str | None:
    """Return the stable release before the current one if it was replaced after `since`."""
    for entry in _newest_first(entries):
        change = entry.change
        if change.to_state.stable != change.from_state.stable:
            return change.from_state.stable if entry.time > since else None
    return None


def _newest_first(entries: Sequence[LedgerEntry]) -> Iterable[LedgerEntry]:
    return (e for e in reversed(entries) if e.change.status is ChangeStatus.APPLIED)
