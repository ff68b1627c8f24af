"""The ledger, on a local folder, in memory and in blob storage."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import pytest

from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.serving_state import ServingState
from platform_core.errors import LedgerConflict, ReleaseRefused, UpstreamUnavailable
from platform_core.ledger import GENESIS, Ledger, LedgerAnchors
from platform_core.ports.blob_store import BlobStore

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
WRITERS = 4


def change(use_case: str, release: str | None, **changes: object) -> Change:
    values = {
        "use_case": use_case,
        "environment": Environment.STAGING,
        "action": Action.DEPLOY,
        "actor": "tester",
        "change_id": "c",
        "from_state": ServingState(),
        "to_state": ServingState(stable=release),
        "reason": "a test",
        "status": ChangeStatus.APPLIED,
    }
    return Change(**{**values, **changes})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def ledger(store: BlobStore, clock: ManualClock) -> Ledger:
    return Ledger(store, clock)


def test_entries_are_a_chain(ledger: Ledger, clock: ManualClock, use_case: str) -> None:
    changes = [change(use_case, release) for release in ("r1", "r2", "r3")]
    for each in changes:
        ledger.append(each)
        clock.advance(timedelta(hours=1))
    entries = ledger.entries(use_case, Environment.STAGING)
    assert [entry.change for entry in entries] == changes
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert [entry.time for entry in entries] == [START + timedelta(hours=n) for n in range(3)]
    assert [entry.previous_hash for entry in entries] == [GENESIS, entries[0].hash, entries[1].hash]


def test_only_what_is_served_is_active(ledger: Ledger, use_case: str) -> None:
    assert ledger.active(use_case, Environment.STAGING) is None
    ledger.append(change(use_case, "r1"))
    ledger.append(change(use_case, "r2", status=ChangeStatus.REFUSED))
    ledger.append(change(use_case, "r3", status=ChangeStatus.FAILED))
    assert ledger.active(use_case, Environment.STAGING) == "r1"
    ledger.append(change(use_case, "r4"))
    ledger.append(change(use_case, "r1", action=Action.ROLLBACK))
    assert ledger.active(use_case, Environment.STAGING) == "r1"


def test_environments_are_apart(ledger: Ledger, use_case: str) -> None:
    ledger.append(change(use_case, "r1"))
    assert ledger.entries(use_case, Environment.PRODUCTION) == []
    assert ledger.entries(f"{use_case}_other", Environment.STAGING) == []


@pytest.mark.parametrize("field", ["actor", "action", "reason"])
def test_an_altered_entry_is_noticed(
    ledger: Ledger, store: BlobStore, use_case: str, field: str
) -> None:
    ledger.append(change(use_case, "r1"))
    ledger.append(change(use_case, "r2"))
    path = f"models/{use_case}/_ledger/staging/00000001.json"
    entry = json.loads(store.read(path))
    entry["change"][field] = "abort"
    store.write(path, json.dumps(entry).encode())
    for call in (ledger.entries, ledger.active, ledger.state):
        with pytest.raises(ReleaseRefused, match="entry 1"):
            call(use_case, Environment.STAGING)
    with pytest.raises(ReleaseRefused):
        ledger.append(change(use_case, "r3"))


@pytest.mark.parametrize(("gone", "noticed"), [(1, 1), (2, 2)])
def test_a_missing_entry_is_noticed(
    ledger: Ledger, store: BlobStore, use_case: str, gone: int, noticed: int
) -> None:
    for release in ("r1", "r2", "r3"):
        ledger.append(change(use_case, release))
    store.delete(f"models/{use_case}/_ledger/staging/{gone:08d}.json")
    with pytest.raises(ReleaseRefused, match=f"entry {noticed}"):
        ledger.entries(use_case, Environment.STAGING)


class LateStore:
    """A store whose reader is paused between looking and writing, as a slow network is."""

    def __init__(self, store: BlobStore, barrier: Barrier) -> None:
        self._store = store
        self._barrier = barrier

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def create(self, path: str, data: bytes) -> None:
        self._barrier.wait()
        self._store.create(path, data)


def test_one_of_many_writers_wins(store: BlobStore, clock: ManualClock, use_case: str) -> None:
    ledger = Ledger(store, clock)
    ledger.append(change(use_case, "r1"))
    late = Ledger(LateStore(store, Barrier(WRITERS, timeout=30)), clock)

    def append(number: int) -> bool:
        try:
            late.append(change(use_case, f"from-{number}"))
        except LedgerConflict:
            return False
        return True

    with ThreadPoolExecutor(WRITERS) as pool:
        won = list(pool.map(append, range(WRITERS)))
    assert won.count(True) == 1
    assert ledger.active(use_case, Environment.STAGING) == f"from-{won.index(True)}"


def test_the_current_entries_have_what_another_process_appended(
    ledger: Ledger, store: BlobStore, clock: ManualClock, use_case: str
) -> None:
    assert not ledger.current_entries(use_case, Environment.STAGING)
    other = Ledger(store, clock)
    for number in range(1, 4):
        other.append(change(use_case, f"r{number}"))
        found = ledger.current_entries(use_case, Environment.STAGING)
        assert list(found) == other.entries(use_case, Environment.STAGING)
        assert len(found) == number


def current_entry(
    ledger: Ledger, store: BlobStore, use_case: str, number: int
) -> tuple[str, bytes]:
    """Append two entries, verify them, and return the path and content of one."""
    for release in ("r1", "r2"):
        ledger.append(change(use_case, release))
    assert len(ledger.current_entries(use_case, Environment.STAGING)) == 2
    path = f"models/{use_case}/_ledger/staging/{number:08d}.json"
    return path, store.read(path)


def test_the_current_entries_end_where_the_ledger_does(
    ledger: Ledger, store: BlobStore, use_case: str
) -> None:
    path, entry = current_entry(ledger, store, use_case, 2)
    store.delete(path)
    assert len(ledger.current_entries(use_case, Environment.STAGING)) == 1
    store.write(path, entry.replace(b'"r2"', b'"r3"'))
    with pytest.raises(ReleaseRefused, match="entry 2"):
        ledger.current_entries(use_case, Environment.STAGING)
    store.write(path, entry)
    assert len(ledger.current_entries(use_case, Environment.STAGING)) == 2


def test_there_are_no_current_entries_while_the_chain_is_known_to_be_broken(
    ledger: Ledger, store: BlobStore, use_case: str
) -> None:
    path, entry = current_entry(ledger, store, use_case, 1)
    store.write(path, entry.replace(b'"r1"', b'"r9"'))
    with pytest.raises(ReleaseRefused, match="entry 1"):
        ledger.entries(use_case, Environment.STAGING)
    with pytest.raises(ReleaseRefused, match="entry 1"):
        ledger.current_entries(use_case, Environment.STAGING)
    store.write(path, entry)
    assert len(ledger.current_entries(use_case, Environment.STAGING)) == 2


@pytest.fixture
def anchored(store: BlobStore, clock: ManualClock) -> Ledger:
    return Ledger(store, clock, LedgerAnchors(MemoryBlobStore()))


def test_a_cut_tail_is_noticed(anchored: Ledger, store: BlobStore, use_case: str) -> None:
    for release in ("r1", "r2", "r3"):
        anchored.append(change(use_case, release))
    assert anchored.active(use_case, Environment.STAGING) == "r3"
    for number in (3, 2):
        store.delete(f"models/{use_case}/_ledger/staging/{number:08d}.json")
        for call in (anchored.entries, anchored.current_entries):
            with pytest.raises(ReleaseRefused, match=f"ends with entry {number - 1}, and entry 3"):
                call(use_case, Environment.STAGING)
        with pytest.raises(ReleaseRefused):
            anchored.append(change(use_case, "r4"))


def test_a_tail_that_was_written_again_is_noticed(
    anchored: Ledger, ledger: Ledger, store: BlobStore, use_case: str
) -> None:
    for release in ("r1", "r2"):
        anchored.append(change(use_case, release))
    store.delete(f"models/{use_case}/_ledger/staging/{2:08d}.json")
    ledger.append(change(use_case, "r3"))
    with pytest.raises(ReleaseRefused, match="entry 2 is not the one"):
        anchored.entries(use_case, Environment.STAGING)


def test_anchors_may_lag_behind(anchored: Ledger, ledger: Ledger, use_case: str) -> None:
    anchored.append(change(use_case, "r1"))
    ledger.append(change(use_case, "r2"))
    assert anchored.active(use_case, Environment.STAGING) == "r2"
    anchored.append(change(use_case, "r3"))
    assert len(anchored.entries(use_case, Environment.STAGING)) == 3


class NoAnchors(MemoryBlobStore):
    def create(self, path: str, data: bytes) -> str:
        del path, data
        raise UpstreamUnavailable("the anchors' store does not answer")


def test_an_entry_counts_although_its_anchor_cannot_be_written(
    store: BlobStore, clock: ManualClock, use_case: str, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(store, clock, LedgerAnchors(NoAnchors()))
    ledger.append(change(use_case, "r1"))
    assert ledger.active(use_case, Environment.STAGING) == "r1"
    assert "is not anchored" in caplog.text
