"""Lists of what does not change show at once what another process has written or removed."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingState
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import dataset_path, ledger_entry_path, run_path


async def get(running, path: str, **query: str) -> Any:
    answer = await running.ask("GET", path, "viewer", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def other_store(tmp_path: Path, blob_store: LocalBlobStore) -> LocalBlobStore:
    """The store of the gateway, as another process opens it."""
    del blob_store
    return LocalBlobStore(tmp_path / "blob")


def write(store: BlobStore, path: str, **document: Any) -> None:
    store.write(path, json.dumps(document).encode())


async def test_an_entry_that_another_process_appended_is_in_the_next_answer(
    running, other_store, set_state
) -> None:
    known = len((await get(running, "/releases/spam"))["history"])
    for number in range(1, 3):
        at = running.clock.now() + timedelta(minutes=number)
        state = ServingState(stable=f"{number}" * 32)
        entry = set_state(other_store, "spam", Environment.STAGING, state, at)
        shown = await get(running, "/releases/spam")
        assert len(shown["history"]) == known + number
        assert shown["history"][0]["hash"] == entry.hash
        assert shown["stable"]["staging"]["release_id"] == state.stable
        asked = await get(running, "/releases/spam", at=at.isoformat())
        assert asked["staging"]["release_id"] == state.stable


async def test_an_altered_entry_is_noticed_by_the_next_refresh(running, set_state) -> None:
    state = ServingState(stable="1" * 32)
    set_state(running.store, "spam", Environment.STAGING, state)
    path = ledger_entry_path("spam", "staging", 1)
    intact = running.store.read(path)
    await running.gateway.catalog.refresh()
    await get(running, "/releases/spam")
    running.store.write(path, intact.replace(b'"reason"', b'"Reason"'))
    await running.gateway.catalog.refresh()
    answer = await running.ask("GET", "/releases/spam", "viewer")
    assert (answer.status_code, answer.json()["code"]) == (409, "release-refused")
    assert "staging is broken" in (running.gateway.catalog.failure or "")
    running.store.write(path, intact)
    assert len((await get(running, "/releases/spam"))["history"]) == 3


async def test_an_entry_that_was_removed_at_the_end_is_not_shown(running, set_state) -> None:
    ledger = Ledger(running.store, ManualClock(running.clock.now()))
    set_state(running.store, "spam", Environment.STAGING, ServingState(stable="1" * 32))
    assert len((await get(running, "/releases/spam"))["history"]) == 3
    running.store.delete(ledger_entry_path("spam", "staging", 2))
    shown = await get(running, "/releases/spam")
    assert shown["stable"]["staging"]["release_id"] == ledger.active("spam", Environment.STAGING)
    assert len(shown["history"]) == 2


async def test_a_run_that_another_process_continues_is_shown_as_it_is(running, other_store) -> None:
    for number in range(3):
        write(other_store, run_path("spam", f"r{number}", "train", "record.json"), seconds=1.0)
        runs = (await get(running, "/runs"))["runs"]
        assert {run["run_id"] for run in runs} == {f"r{one}" for one in range(number + 1)}
    before = (await get(running, "/runs", run_id="r1"))["runs"][0]
    assert (before["status"], len(before["steps"])) == ("unfinished", 1)
    write(other_store, run_path("spam", "r1", "stage", "record.json"), seconds=2.0)
    after = (await get(running, "/runs", run_id="r1"))["runs"][0]
    assert (after["status"], len(after["steps"])) == ("finished", 2)
    assert after["started_at"] == before["started_at"]
    write(other_store, run_path("spam", "r1", "train", "record.json"), seconds=9.0)
    again = (await get(running, "/runs", run_id="r1"))["runs"][0]
    assert {step["step"]: step["seconds"] for step in again["steps"]} == {
        "train": 9.0,
        "stage": 2.0,
    }
    other_store.delete(run_path("spam", "r1", "train", "record.json"))
    other_store.delete(run_path("spam", "r1", "stage", "record.json"))
    runs = (await get(running, "/runs"))["runs"]
    assert {run["run_id"] for run in runs} == {"r0", "r2"}


async def test_a_dataset_version_is_shown_once_it_has_its_manifest(running, other_store) -> None:
    other_store.write(dataset_path("spam", "d1", "records.parquet"), b"records")
    assert (await get(running, "/datasets"))["datasets"] == []
    write(
        other_store, dataset_path("spam", "d1", "manifest.json"), created_at="2026-01-01T00:00:00Z"
    )
    write(
        other_store, dataset_path("spam", "d2", "manifest.json"), created_at="2026-01-02T00:00:00Z"
    )
    shown = (await get(running, "/datasets"))["datasets"]
    assert [one["dataset_version"] for one in shown] == ["d2", "d1"]
    assert (await get(running, "/datasets", version="../d1"))["datasets"] == []
