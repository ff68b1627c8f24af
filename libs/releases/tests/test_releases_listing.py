"""What `make releases` prints."""

from datetime import UTC, datetime

import pytest

from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.release import GateCheck
from platform_core.contracts.serving_state import ServingState
from platform_core.ledger import Ledger
from platform_core.storage import release_path
from releases.catalogue.listing import ReleaseListing
from releases.gates import admit
from scoring import load_lineage


@pytest.fixture
def ledger(blob_store):
    return Ledger(blob_store, ManualClock(datetime(2026, 1, 6, 9, 30, tzinfo=UTC)))


@pytest.fixture
def registry():
    return MemoryRegistry()


@pytest.fixture
def listing(blob_store, registry, ledger):
    return ReleaseListing(blob_store, registry, ledger)


def changed(ledger, release, status=ChangeStatus.APPLIED, **more):
    change = {
        "use_case": "iris",
        "environment": Environment.PRODUCTION,
        "action": Action.PROMOTE,
        "actor": "ada",
        "change_id": "c",
        "from_state": ServingState(),
        "to_state": ServingState(stable=release),
        "reason": "monthly",
        "status": status,
    }
    ledger.append(Change(**change | more))


def test_without_releases_it_names_the_command_to_run(listing):
    assert list(listing.lines("iris")) == [
        "iris: no releases yet; `make run-pipeline USE_CASE=iris` trains one"
    ]


def test_each_release_is_listed_with_the_environments_that_serve_it(
    listing, registry, ledger, blob_store, make_release, tmp_path
):
    release = make_release(blob_store)
    other = make_release(blob_store, seed=1)
    model = tmp_path / "model.onnx"
    model.write_bytes(release.model)
    registry.register("iris", release.id, "file:///x", model, None, {})
    changed(ledger, release.id)
    changed(ledger, other.id, ChangeStatus.FAILED, detail="smoke test:\nno answer " * 20)
    lines = list(listing.lines("iris"))
    text = "\n".join(lines)
    assert lines[0] == "iris: 2 admitted, 0 refused"
    row = next(line for line in lines if line.startswith(release.id[:12]))
    assert row.split() == [
        release.id[:12], "2026-01-05", "12:00", "accuracy", "1.0000", "passed", "1", "production",
    ]  # fmt: skip
    assert "staging: nothing served yet" in text
    assert f"2026-01-06 09:30  promote   applied  nothing → {release.id[:12]}  ada: monthly" in text
    assert "failed   nothing" in text
    assert text.count("smoke test: no answer") >= 15, "the whole reason can be read"
    assert max(map(len, lines)) <= 100


def test_refused_releases_are_listed_with_the_failed_gate(listing, blob_store, make_release):
    release = make_release(blob_store)
    lineage = load_lineage(blob_store, "iris", release.id)
    gates = (GateCheck(name="minimum", passed=False, detail="too low"),)
    for blob in list(blob_store.list(release_path("iris", release.id))):
        blob_store.delete(blob.path)
    with pytest.raises(Exception, match="too low"):
        admit(blob_store, release, lineage.model_copy(update={"gates": gates, "metrics": {}}))
    lines = list(listing.lines("iris"))
    assert lines[0] == "iris: 0 admitted, 1 refused"
    assert lines[2].endswith("accuracy no data           refused        -  refused: minimum")


def test_a_missing_lineage_is_shown_as_no_data(listing, blob_store, make_release):
    release = make_release(blob_store)
    blob_store.write(f"models/iris/{release.id}/lineage.json", b"{")
    assert any(
        line.startswith(release.id[:12]) and "no data" in line for line in listing.lines("iris")
    )


def test_a_long_history_shows_the_newest_entries(listing, ledger, blob_store, make_release):
    release = make_release(blob_store)
    for number in range(12):
        changed(ledger, release.id, reason=f"change {number}")
    text = "\n".join(listing.lines("iris"))
    assert "the last 10 of 12" in text
    assert "change 11" in text
    assert "ada: change 1\n" not in text


def test_it_needs_no_registry(world):
    release = world.release()
    world.promote(release)
    world.registry.down = True
    lines = list(ReleaseListing(world.store, world.registry, world.ledger).lines("iris"))
    assert lines[0] == "no versions: the registry does not answer"
    assert lines[-1].endswith(f"nothing → {release[:12]}  tester: because")


def test_canaries_and_shadows_are_listed_with_their_percent(world):
    stable, canary, shadow = (world.release(seed) for seed in range(3))
    world.promote(stable)
    world.apply(Action.CANARY, canary, percent=10)
    world.apply(Action.SHADOW, shadow)
    lines = list(ReleaseListing(world.store, world.registry, world.ledger).lines("iris"))
    serves = {line[:12]: line for line in lines}
    assert serves[canary[:12]].endswith("production canary 10 %")
    assert serves[shadow[:12]].endswith("production shadow 100 %")
    assert serves[stable[:12]].endswith("  production")
    world.apply(Action.ABORT)
    lines = list(ReleaseListing(world.store, world.registry, world.ledger).lines("iris"))
    assert "no canary, no shadow  tester" in lines[-4]
    assert f"shadow {shadow[:12]} 100 %  tester" in lines[-3]
    assert f"canary {canary[:12]} 10 %  tester" in lines[-2]
