"""Which release a rollback goes to, and finding releases by the beginning of their id."""

import pytest

from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change, Verdict
from platform_core.errors import GateRefused, InvalidInput, LedgerConflict, ReleaseNotFound
from platform_core.ledger import Ledger
from releases.find import release_ids, resolve
from releases.history import active, previous

STEPS = {
    "": None,
    "A": None,
    "A B": "A",
    "A B B": "A",
    "A B !C": "A",
    "A B C <B": "A",
    "A B C <B <A": None,
    "A B <A B": "A",
    "A B A": "B",
    "A B A <B": "A",
    "A B C <B D": "B",
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
            from_release=None,
            to_release=step[-1],
            reason="",
            verdict=Verdict.REFUSED if step.startswith("!") else Verdict.SERVED,
        )
        ledger.append(change)
    return ledger.entries("iris", Environment.PRODUCTION)


@pytest.mark.parametrize(("steps", "expected"), STEPS.items())
def test_a_rollback_goes_back_and_never_forward(steps, expected, blob_store):
    entries = write(blob_store, steps)
    assert previous(entries) == expected
    assert active(entries) == Ledger(blob_store, SystemClock()).active(
        "iris", Environment.PRODUCTION
    )


def test_an_entry_may_insist_on_its_number(blob_store):
    (entry,) = write(blob_store, "A")
    ledger = Ledger(blob_store, SystemClock())
    with pytest.raises(LedgerConflict):
        ledger.append(entry.change, sequence=1)
    assert ledger.append(entry.change, sequence=2).sequence == 2


def test_the_beginning_of_an_id_is_enough(blob_store, make_release):
    releases = [make_release(blob_store, seed=seed).id for seed in (0, 1)]
    assert release_ids(blob_store, "iris") == sorted(releases)
    for release in releases:
        assert resolve(blob_store, "iris", release) == release
        assert resolve(blob_store, "iris", release[:8]) == release


def test_what_names_no_single_release_is_said(blob_store, make_release):
    release = make_release(blob_store).id
    manifest = blob_store.read(f"models/iris/{release}/release.json")
    twin = release[:3] + "0" * 29
    blob_store.write(f"models/iris/{twin}/release.json", manifest)
    with pytest.raises(InvalidInput, match="several"):
        resolve(blob_store, "iris", release[:3])
    with pytest.raises(InvalidInput, match="hexadecimal"):
        resolve(blob_store, "iris", "../spam")
    with pytest.raises(ReleaseNotFound, match="make releases"):
        resolve(blob_store, "spam", release)


def test_a_refused_release_is_not_found_but_explained(blob_store, make_release):
    release = make_release(blob_store).id
    for name in ("lineage.json", "release.json"):
        path = f"models/iris/{release}/{name}"
        data = blob_store.read(path).replace(b'"passed": true', b'"passed": false')
        blob_store.write(f"models/iris/refused/{release}/{name}", data)
        blob_store.delete(path)
    assert release_ids(blob_store, "iris") == []
    with pytest.raises(GateRefused, match="is refused: minimum"):
        resolve(blob_store, "iris", release[:6])
