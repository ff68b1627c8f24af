"""Documents stored with a release."""

import pytest

from platform_core.contracts.release import GateCheck
from platform_core.errors import GateRefused
from platform_core.storage import refused_path, release_path
from releases.gates import admit
from scoring import load_lineage, load_release

CARD = "model_card.html"


def test_documents_do_not_change_the_release_id(blob_store, make_release):
    release = make_release(blob_store)
    lineage = load_lineage(blob_store, "iris", release.id)
    admit(blob_store, release, lineage, {CARD: b"first"})
    folder = release_path("iris", release.id)
    assert blob_store.read(f"{folder}/{CARD}") == b"first"
    assert load_release(blob_store, "iris", release.id).id == release.id
    admit(blob_store, release, lineage, {CARD: b"second", "more.txt": b"new"})
    assert blob_store.read(f"{folder}/{CARD}") == b"first"
    assert blob_store.read(f"{folder}/more.txt") == b"new"


def test_a_refused_release_keeps_its_documents(blob_store, make_release):
    release = make_release(blob_store)
    failed = GateCheck(name="minimum", passed=False, detail="too low")
    lineage = load_lineage(blob_store, "iris", release.id).model_copy(update={"gates": (failed,)})
    with pytest.raises(GateRefused):
        admit(blob_store, release, lineage, {CARD: b"why"})
    assert blob_store.read(f"{refused_path('iris', release.id)}/{CARD}") == b"why"
