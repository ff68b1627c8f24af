import json
from dataclasses import replace
from datetime import timedelta

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.release import DecisionRule
from platform_core.errors import InvalidPath, ReleaseNotFound, ReleaseRefused, UpstreamUnavailable
from platform_core.storage import RELEASE_FILE, release_path
from scoring import build_release, load_lineage, load_manifest, load_release, store_release
from use_cases import use_case

MODEL = "model/iris/1/model.onnx"


def test_the_same_inputs_give_the_same_release(trained):
    one, other = (build_release(use_case("spam"), trained("spam"), b"base", "v1") for _ in "ab")

    assert one.id == other.id
    assert one.manifest == other.manifest
    assert one.files == other.files
    assert len(one.id) == 32


@pytest.mark.parametrize(
    "change",
    [
        {"model": b"other graph"},
        {"baseline": b"other baseline"},
        {"feature_view_version": "v2"},
        {"feature_view_version": None},
        {"decision": DecisionRule(kind="argmax")},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_decides_behaviour_changes_the_id(change):
    inputs = {"model": b"graph", "baseline": b"baseline", "feature_view_version": "v1"}

    before = build_release(use_case("spam"), **inputs)
    after = build_release(use_case("spam"), **(inputs | change))

    assert before.id != after.id


def test_lineage_does_not_enter_the_id(blob_store, make_release):
    release = make_release(blob_store)
    lineage = load_lineage(blob_store, "iris", release.id)
    later = lineage.model_copy(update={"created_at": lineage.created_at + timedelta(days=9)})

    store_release(blob_store, release_path("iris", release.id), release, later)

    assert load_release(blob_store, "iris", release.id).id == release.id
    assert load_lineage(blob_store, "iris", release.id) == later


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_a_stored_release_comes_back_whole(blob_store, make_release, name):
    release = make_release(blob_store, name, feature_view_version="v1")

    loaded = load_release(blob_store, name, release.id)

    assert loaded.manifest == release.manifest
    assert loaded.files == release.files
    assert loaded.id == release.id


def test_feature_views_are_named_by_version_and_only_where_there_are_entities():
    spam = build_release(use_case("spam"), b"graph", b"", "v7").manifest.feature_views
    iris = build_release(use_case("iris"), b"graph", b"", "v7").manifest.feature_views

    assert [view.name for view in spam] == ["sender_domain_stats_v7"]
    assert iris == ()


def test_a_flipped_bit_in_the_graph_is_noticed(blob_store, make_release):
    release = make_release(blob_store)
    file = f"{release_path('iris', release.id)}/{MODEL}"
    data = bytearray(blob_store.read(file))
    data[len(data) // 2] ^= 1
    blob_store.write(file, bytes(data))

    with pytest.raises(ReleaseRefused, match=rf"{MODEL} does not hash"):
        load_release(blob_store, "iris", release.id)


def test_a_missing_file_is_noticed(blob_store, make_release):
    release = make_release(blob_store)
    blob_store.delete(f"{release_path('iris', release.id)}/{MODEL}")

    with pytest.raises(ReleaseRefused, match=r"model\.onnx is missing"):
        load_release(blob_store, "iris", release.id)


@pytest.mark.parametrize(
    "alter",
    [
        lambda m: m["classes"].reverse(),
        lambda m: m["decision"].update(kind="threshold", threshold=0.9),
        lambda m: m["golden"]["features"][0].update(petal_width=9.0),
        lambda m: m["files"].update({MODEL: "0" * 64}),
        lambda m: m.update(baseline_sha256="0" * 64),
    ],
)
def test_an_altered_manifest_is_refused(blob_store, make_release, alter):
    release = make_release(blob_store)
    path = f"{release_path('iris', release.id)}/{RELEASE_FILE}"
    manifest = json.loads(blob_store.read(path))
    alter(manifest)
    blob_store.write(path, json.dumps(manifest).encode())

    with pytest.raises(ReleaseRefused, match="altered after it was built"):
        load_release(blob_store, "iris", release.id)


@pytest.mark.parametrize("data", [b"", b"{", b'{"format": 2}', b"\xff\xfe", b"[]"])
def test_an_unreadable_manifest_is_refused(blob_store, make_release, data):
    release = make_release(blob_store)
    blob_store.write(f"{release_path('iris', release.id)}/{RELEASE_FILE}", data)

    with pytest.raises(ReleaseRefused, match="corrupt"):
        load_manifest(blob_store, "iris", release.id)


def test_layout_and_white_space_of_the_manifest_do_not_matter(blob_store, make_release):
    release = make_release(blob_store)
    path = f"{release_path('iris', release.id)}/{RELEASE_FILE}"
    blob_store.write(path, json.dumps(json.loads(blob_store.read(path)), sort_keys=True).encode())

    assert load_manifest(blob_store, "iris", release.id) == release.manifest


def test_a_release_under_the_name_of_another_is_refused(blob_store, make_release):
    release = make_release(blob_store)
    manifest = blob_store.read(f"{release_path('iris', release.id)}/{RELEASE_FILE}")
    blob_store.write(f"{release_path('iris', 'f' * 32)}/{RELEASE_FILE}", manifest)
    blob_store.write(f"{release_path('spam', release.id)}/{RELEASE_FILE}", manifest)

    for name, release_id in (("iris", "f" * 32), ("spam", release.id)):
        with pytest.raises(ReleaseRefused, match="does not hash"):
            load_manifest(blob_store, name, release_id)


def test_what_is_not_there_is_not_found(blob_store):
    with pytest.raises(ReleaseNotFound, match="make releases"):
        load_release(blob_store, "iris", "0" * 32)
    with pytest.raises(ReleaseNotFound, match="no lineage"):
        load_lineage(blob_store, "iris", "0" * 32)
    with pytest.raises(InvalidPath):
        load_release(blob_store, "iris", "../secrets")


class BreaksAtTheManifest(LocalBlobStore):
    def write(self, path, data):
        if path.endswith(RELEASE_FILE):
            raise UpstreamUnavailable("the connection broke")
        super().write(path, data)


def test_half_a_release_is_none(blob_store, make_release, tmp_path):
    """The manifest is written last, so an interrupted write leaves nothing to load."""
    release = make_release(blob_store)
    lineage = load_lineage(blob_store, "iris", release.id)
    half = BreaksAtTheManifest(tmp_path / "half")

    with pytest.raises(UpstreamUnavailable):
        store_release(half, release_path("iris", release.id), release, lineage)

    assert half.exists(f"{release_path('iris', release.id)}/{MODEL}")
    with pytest.raises(ReleaseNotFound):
        load_release(half, "iris", release.id)


def test_replaced_files_do_not_change_what_the_id_stands_for(trained):
    release = build_release(use_case("iris"), trained("iris"), b"", None)

    assert replace(release, files={}).id == release.id


def test_a_release_of_an_older_version_is_refused_with_the_reason(blob_store, make_release):
    release = make_release(blob_store)
    file = f"{release_path('iris', release.id)}/release.json"
    manifest = json.loads(blob_store.read(file)) | {"format": 1, "features": []}
    blob_store.write(file, json.dumps(manifest).encode())

    with pytest.raises(ReleaseRefused, match=r"has format 1, .*reads format 2; train a new"):
        load_release(blob_store, "iris", release.id)
