"""Rollback targets, and finding releases by the first digits of their id."""

import pytest

from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, ChangeStatus
from platform_core.contracts.serving_state import ServingState
from platform_core.errors import GateRefused, InvalidInput, LedgerConflict, ReleaseNotFound
from platform_core.ledger import Ledger, rollback_targets, serving_state
from releases.catalogue.lookup import release_ids, resolve_release

STEPS = {
    "": "",
    "A": "",
    "A B": "A",
    "A B B": "A",
    "A B !C": "A",
    "A B C": "BA",
    "A B C <B": "A",
    "A B C <A": "",
    "A B C <B <A": "",
    "A B <A B": "A",
    "A B A": "B",
    "A B A <B": "A",
    "A B C <B D": "BA",
    "A B C <B D <B": "A",
}


def write(store, steps):
    """Append changes: `A` promoted, `<A` rolled back to, `!A` refused."""
    ledger = Ledger(store, SystemClock())
    for step in steps.split():
        change = Change(
            use_case="iris",
            environment=Environment.PRODUCTION,
            action=Action.ROLLBACK if step.startswith("<") else Action.PROMOTE,
            actor="tester",
            change_id="c",
            from_state=ServingState(),
            to_state=ServingState(stable=step[-1]),
            reason="",
            status=ChangeStatus.REFUSED if step.startswith("!") else ChangeStatus.APPLIED,
        )
        ledger.append(change)
    return ledger.entries("iris", Environment.PRODUCTION)


@pytest.mark.parametrize(("steps", "expected"), STEPS.items())
def test_a_rollback_goes_back_and_never_forward(steps, expected, blob_store):
    entries = write(blob_store, steps)
    assert "".join(rollback_targets(entries)) == expected
    assert serving_state(entries).stable == Ledger(blob_store, SystemClock()).active(
        "iris", Environment.PRODUCTION
    )


def test_an_entry_with_a_taken_sequence_number_conflicts(blob_store):
    (entry,) = write(blob_store, "A")
    ledger = Ledger(blob_store, SystemClock())
    with pytest.raises(LedgerConflict):
        ledger.append(entry.change, sequence=1)
    assert ledger.append(entry.change, sequence=2).sequence == 2


def test_the_first_digits_of_an_id_are_enough(blob_store, make_release):
    releases = [make_release(blob_store, seed=seed).id for seed in (0, 1)]
    assert release_ids(blob_store, "iris") == sorted(releases)
    for release in releases:
        assert resolve_release(blob_store, "iris", release) == release
        assert resolve_release(blob_store, "iris", release[:8]) == release


def test_an_ambiguous_or_unknown_id_is_refused(blob_store, make_release):
    release = make_release(blob_store).id
    manifest = blob_store.read(f"models/iris/{release}/release.json")
    twin = release[:3] + "0" * 29
    blob_store.write(f"models/iris/{twin}/release.json", manifest)
    with pytest.raises(InvalidInput, match="several"):
        resolve_release(blob_store, "iris", release[:3])
    with pytest.raises(InvalidInput, match="hexadecimal"):
        resolve_release(blob_store, "iris", "../spam")
    with pytest.raises(ReleaseNotFound, match="make releases"):
        resolve_release(blob_store, "spam", release)


def test_a_refused_release_is_reported_with_its_gates(blob_store, make_release):
    release = make_release(blob_store).id
    for name in ("lineage.json", "release.json"):
        path = f"models/iris/{release}/{name}"
        data = blob_store.read(path).replace(b'"passed": true', b'"passed": false')
        blob_store.write(f"models/iris/refused/{release}/{name}", data)
        blob_store.delete(path)
    assert release_ids(blob_store, "iris") == []
    with pytest.raises(GateRefused, match="is refused: minimum"):
        resolve_release(blob_store, "iris", release[:6])
