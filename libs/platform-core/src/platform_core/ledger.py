"""The ledger: an append-only, hash-chained record per use case and environment.

Every entry is one object named by its sequence number, created only if it is not there:
two writers cannot both append after the same entry, on a local disk or in blob storage.

The chain shows an altered or missing entry, except when the last ones are gone. Anchors outside
the ledger show this as well.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Self

from pydantic import ValidationError

from platform_core.clock import Clock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus, LedgerEntry
from platform_core.contracts.serving_state import ServingRole, ServingState
from platform_core.errors import (
    BlobExists,
    BlobNotFound,
    LedgerConflict,
    PlatformError,
    ReleaseRefused,
)
from platform_core.hashing import sha256_json
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import (
    anchor_folder,
    anchor_path,
    ledger_entry_path,
    ledger_folder,
    parse_anchor,
)

GENESIS = "0" * 64
logger = logging.getLogger(__name__)


class LedgerAnchors:
    """Which entries were written, recorded outside the ledger's container.

    Anchors are objects of their own, in another container or another store, created once and never
    replaced, so a store that refuses changes can hold them. Their paths say everything; the
    objects are empty.
    """

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def last(self, use_case: str, environment: str) -> tuple[int, str] | None:
        """Return sequence and hash of the last anchored entry, `None` without one."""
        blobs = self._store.list(anchor_folder(use_case, environment))
        found = [anchor for blob in blobs if (anchor := parse_anchor(blob.path))]
        return found[-1] if found else None

    def add(self, entry: LedgerEntry) -> None:
        """Anchor an entry that was appended.

        A failure is logged: the entry is in the ledger already, and the next one is anchored again.
        """
        change = entry.change
        path = anchor_path(change.use_case, change.environment, entry.sequence, entry.hash)
        try:
            self._store.create(path, b"")
        except BlobExists:
            return
        except PlatformError as error:
            logger.warning("the ledger entry %s is not anchored: %s", path, error)


@dataclass(frozen=True)
class _VerifiedChain:
    """Entries whose chain was verified, oldest first, and path and etag of the object of each."""

    objects: tuple[tuple[str, str], ...] = ()
    entries: tuple[LedgerEntry, ...] = ()

    def unchanged(self, objects: Sequence[tuple[str, str]]) -> Self:
        """Return the part from the oldest entry on whose objects are also in `objects`."""
        pairs = zip(self.objects, objects, strict=False)
        count = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
        return type(self)(self.objects[:count], self.entries[:count])


class Ledger:
    """Reads and appends entries; the serving state is that of the last applied change.

    An entry is read and hashed again only when its object, or one before it, has changed. With
    `anchors`, reading checks that no entry was removed at the end, and appending anchors the new
    entry. Threads may share a ledger.
    """

    def __init__(
        self, store: BlobStore, clock: Clock, anchors: LedgerAnchors | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._anchors = anchors
        self._verified: dict[str, _VerifiedChain] = {}
        self._broken: set[str] = set()

    def entries(self, use_case: str, environment: Environment) -> list[LedgerEntry]:
        """Return all entries, oldest first. The object of each is checked for changes.

        Raises:
            ReleaseRefused: the chain is broken, so an entry was altered or removed.
        """
        folder = ledger_folder(use_case, environment)
        # First, so that an entry that is appended in between is not missed.
        anchored = self._anchors.last(use_case, environment) if self._anchors else None
        objects = tuple((blob.path, blob.etag) for blob in self._store.list(folder))
        try:
            chain = self._verify(objects, folder)
            if anchored is not None:
                _verify_anchor(chain.entries, anchored, folder)
        except ReleaseRefused:
            self._broken.add(folder)
            raise
        self._verified[folder] = chain
        self._broken.discard(folder)
        return list(chain.entries)

    def current_entries(self, use_case: str, environment: Environment) -> Sequence[LedgerEntry]:
        """Return all entries, oldest first, at a cost that does not grow with their number.

        If the last entry is the one that `entries` verified, and none follows it, the entries are
        the verified ones. The objects of the other entries are not checked: a program that uses
        this has to call `entries` now and then. As long as `entries` raises, this does as well.

        Raises:
            ReleaseRefused: the chain is broken.
        """
        folder = ledger_folder(use_case, environment)
        known = self._verified.get(folder)
        if known is None or folder in self._broken or self._anchors:
            return self.entries(use_case, environment)
        following = ledger_entry_path(use_case, environment, len(known.entries) + 1)
        if self._store.exists(following) or not self._is_last(known):
            return self.entries(use_case, environment)
        return known.entries

    def state(self, use_case: str, environment: Environment) -> ServingState:
        """Return the serving state: that of the last applied change, empty before the first."""
        return serving_state(self.entries(use_case, environment))

    def active(self, use_case: str, environment: Environment) -> str | None:
        """Return the stable release, `None` before the first."""
        return self.state(use_case, environment).stable

    def append(self, change: Change, sequence: int | None = None) -> LedgerEntry:
        """Add a change at the end; with `sequence`, only if it becomes the entry of that number.

        Raises:
            LedgerConflict: another change was written first.
        """
        entries = self.entries(change.use_case, change.environment)
        if sequence not in (None, len(entries) + 1):
            raise _conflict(change)
        previous = entries[-1].hash if entries else GENESIS
        body = {
            "sequence": len(entries) + 1,
            "time": self._clock.now(),
            "change": change,
            "previous_hash": previous,
        }
        entry = LedgerEntry(**body, hash="")
        entry = entry.model_copy(update={"hash": _hash(entry)})
        path = ledger_entry_path(change.use_case, change.environment, entry.sequence)
        try:
            self._store.create(path, entry.model_dump_json(indent=1).encode())
        except BlobExists as error:
            raise _conflict(change) from error
        if self._anchors:
            self._anchors.add(entry)
        return entry

    def _verify(self, objects: tuple[tuple[str, str], ...], folder: str) -> _VerifiedChain:
        """Return the chain of all objects; those that were verified before are not read again."""
        known = self._verified.get(folder, _VerifiedChain()).unchanged(objects)
        new = objects[len(known.objects) :]
        if not new:
            return known
        try:
            read = [LedgerEntry.model_validate_json(self._store.read(path)) for path, _ in new]
        except ValidationError as error:
            raise _broken(
                folder, f"an entry is not readable ({error.error_count()} errors)"
            ) from error
        _verify_chain(known.entries, read, folder)
        return _VerifiedChain(objects, (*known.entries, *read))

    def _is_last(self, chain: _VerifiedChain) -> bool:
        """Return whether the object of the last entry is still the verified one."""
        if not chain.objects:
            return True
        path, etag = chain.objects[-1]
        try:
            return self._store.info(path).etag == etag
        except BlobNotFound:
            return False


def role_entries(entries: Sequence[LedgerEntry]) -> dict[ServingRole, LedgerEntry]:
    """Return, for each role that is filled after `entries` (oldest first), the change since which
    its release has had it; a change of the percent does not count.
    """
    found: dict[ServingRole, LedgerEntry] = {}
    for role, release in serving_state(entries).releases.items():
        for entry in reversed(entries):
            if entry.change.status is not ChangeStatus.APPLIED:
                continue
            if entry.change.to_state.releases.get(role) != release:
                break
            found[role] = entry
    return found


def stable_at(entries: Sequence[LedgerEntry], time: datetime) -> LedgerEntry | None:
    """Return the change that made the release stable that was it at `time`; `None` if nothing had
    been served by then.
    """
    return role_entries(entries_until(entries, time)).get(ServingRole.STABLE)


def serving_state(entries: Sequence[LedgerEntry]) -> ServingState:
    """Return the serving state after `entries` (oldest first)."""
    for entry in reversed(entries):
        if entry.change.status is ChangeStatus.APPLIED:
            return entry.change.to_state
    return ServingState()


def stable_since(entries: Sequence[LedgerEntry]) -> datetime | None:
    """Return since when the stable release has been it without a break, `None` without one."""
    stable, since = serving_state(entries).stable, None
    for entry in entries:
        if entry.change.status is not ChangeStatus.APPLIED:
            continue
        if entry.change.to_release != stable:
            since = None
        elif since is None:
            since = entry.time
    return None if stable is None else since


def rollback_targets(entries: Sequence[LedgerEntry]) -> list[str]:
    """Return the releases that a rollback can return to, latest first, each once.

    The first is the one that was served before the current one was first deployed. Two rollbacks
    go two releases back; a rollback never goes forward to a release that was rolled back.
    """
    served: list[str] = []
    for change in (entry.change for entry in entries):
        release = change.to_release
        if change.status is not ChangeStatus.APPLIED or release is None:
            continue
        if change.action is Action.ROLLBACK and release in served:
            del served[_last_index(served, release) + 1 :]
        elif not served or served[-1] != release:
            served.append(release)
    return [one for one in dict.fromkeys(reversed(served[:-1])) if one != served[-1]]


def entries_until(entries: Sequence[LedgerEntry], time: datetime) -> Sequence[LedgerEntry]:
    """Return those of `entries` (oldest first) that were written by `time`."""
    return [entry for entry in entries if entry.time <= time]


def _last_index(values: Sequence[str], value: str) -> int:
    return len(values) - 1 - values[::-1].index(value)


def _conflict(change: Change) -> LedgerConflict:
    return LedgerConflict(
        f"{change.use_case} {change.environment} was changed by another process "
        "at the same time; look at `mlplatform release list` and try again"
    )


def _hash(entry: LedgerEntry) -> str:
    return sha256_json(entry.model_dump(mode="json", exclude={"hash"}))


def _verify_chain(
    verified: Sequence[LedgerEntry], added: Sequence[LedgerEntry], where: str
) -> None:
    """Check that the entries `added` continue the chain of `verified`."""
    previous = verified[-1].hash if verified else GENESIS
    for number, entry in enumerate(added, start=len(verified) + 1):
        follows = entry.sequence == number and entry.previous_hash == previous
        if not follows or entry.hash != _hash(entry):
            raise _broken(where, f"entry {number} was altered, or one before it is missing")
        previous = entry.hash


def _verify_anchor(entries: Sequence[LedgerEntry], anchored: tuple[int, str], where: str) -> None:
    sequence, entry_hash = anchored
    if len(entries) < sequence:
        raise _broken(where, f"it ends with entry {len(entries)}, and entry {sequence} was written")
    if entries[sequence - 1].hash != entry_hash:
        raise _broken(where, f"entry {sequence} is not the one that was written first")


def _broken(where: str, reason: str) -> ReleaseRefused:
    return ReleaseRefused(
        f"the ledger {where} is broken: {reason}; restore it from the store's version history"
    )
