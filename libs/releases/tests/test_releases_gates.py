"""Gates on real releases and unseen rows."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from rents_release import RENTS, flats, records, rents_release

from platform_core.contracts.release import DecisionRule, GateCheck, Lineage
from platform_core.errors import GateRefused, InvalidData
from platform_core.parquet import write_table
from releases.gates import (
    admit,
    all_passed,
    failure_reasons,
    load_test_rows,
    rows_unseen_by,
    run_gates,
)
from scoring import build_release, load_lineage, load_release
from use_cases import Gates, assemble, use_case
from use_cases.testing import variant

IRIS, SPAM = use_case("iris"), use_case("spam")


def features(case, rows, seed=99):
    """Generated rows as a dataset version's features, all of the test split."""
    table = case.training().generate(rows, seed).combine_chunks()
    batch = assemble(case, table.select(case.record_schema.names).to_batches()[0])
    labels = table[case.training().label.column].combine_chunks()
    return pa.Table.from_batches([batch]).append_column("label", labels)


def shuffled(table):
    """The same rows with labels that belong to others."""
    order = np.random.default_rng(0).permutation(table.num_rows)
    labels = table["label"].take(pa.array(order))
    return table.set_column(table.schema.get_field_index("label"), "label", labels)


def results(checks):
    return {check.name: check.passed for check in checks}


@pytest.mark.parametrize("case", [IRIS, SPAM], ids=lambda case: case.name)
def test_a_good_first_release_passes_every_gate(case, blob_store, make_release):
    release = make_release(blob_store, case.name)
    checks = run_gates(case, release, features(case, 200), 1e-7, None)
    assert all_passed(checks)
    assert len(checks) == 5
    assert {c.name.split()[0] for c in checks} == {
        "rows", "parity", "signature", "minimum", "champion",
    }  # fmt: skip
    champion = next(c for c in checks if c.name == "champion")
    assert "nothing to compare with" in champion.detail
    assert champion.value is None


def test_a_release_below_the_minimum_is_refused(blob_store, make_release):
    checks = run_gates(IRIS, make_release(blob_store), shuffled(features(IRIS, 200)), 0.0, None)
    assert results(checks)["minimum accuracy"] is False
    assert "minimum accuracy 0." in failure_reasons(checks)
    assert "limit 0.85" in failure_reasons(checks)


def test_onnx_that_differs_from_the_original_is_refused(blob_store, make_release):
    checks = run_gates(IRIS, make_release(blob_store), features(IRIS, 100), 0.01, None)
    assert [c.name for c in checks if not c.passed] == ["parity"]


def test_parity_that_is_not_a_number_is_refused(blob_store, make_release):
    checks = run_gates(IRIS, make_release(blob_store), features(IRIS, 100), float("nan"), None)
    assert results(checks)["parity"] is False


def test_the_champion_is_compared_on_the_same_rows(blob_store, make_release):
    good = make_release(blob_store, "spam")
    rows = features(SPAM, 300)
    strict = DecisionRule(kind="threshold", positive="spam", negative="ham", threshold=0.999)
    worse = build_release(SPAM, good.model, b"", None, strict)
    checks = run_gates(SPAM, worse, rows, 0.0, good)
    champion = next(c for c in checks if c.name == "champion")
    assert not champion.passed
    assert champion.value < champion.limit
    assert good.id[:12] in champion.detail
    assert "(the probability that these rows show the margin to be kept" in champion.detail
    assert all_passed(run_gates(SPAM, good, rows, 0.0, worse))
    assert all_passed(run_gates(SPAM, good, rows, 0.0, good)), (
        "as good as production is good enough"
    )


def test_a_champion_of_incompatible_code_is_not_compared_and_blocks_nothing(
    blob_store, make_release
):
    release = make_release(blob_store)
    manifest = release.manifest.model_copy(update={"classes": ("a", "b", "c")})
    old = replace(release, manifest=manifest)
    checks = run_gates(IRIS, release, features(IRIS, 100), 0.0, old)
    champion = next(c for c in checks if c.name == "champion")
    assert champion.passed
    assert "cannot be scored any more" in champion.detail


@pytest.mark.parametrize("field", ["inputs", "outputs", "features", "classes"])
def test_a_signature_that_is_not_the_use_cases_is_refused(field, blob_store, make_release):
    release = make_release(blob_store)
    part = getattr(release.manifest, field)
    part = part.model_copy(update={"numbers": ()}) if field == "features" else part[1:]
    wrong = replace(release, manifest=release.manifest.model_copy(update={field: part}))
    checks = run_gates(IRIS, wrong, features(IRIS, 100), 0.0, None)
    assert results(checks)["signature"] is False
    assert "minimum accuracy" not in results(checks), (
        "a release that cannot be loaded has no metrics"
    )


@pytest.mark.parametrize(("rows", "enough", "reported"), [(19, False, True), (50, True, True)])
def test_few_rows_are_reported_and_too_few_are_refused(
    rows, enough, reported, blob_store, make_release
):
    checks = run_gates(IRIS, make_release(blob_store), features(IRIS, rows), 0.0, None)
    assert results(checks)["rows"] is enough
    assert ("underpowered" in checks[0].detail) is reported


def test_a_test_split_without_a_class_is_refused(blob_store, make_release):
    rows = features(SPAM, 100)
    ham = rows.filter(pa.compute.equal(rows["label"], "ham"))
    checks = run_gates(SPAM, make_release(blob_store, "spam"), ham, 0.0, None)
    assert results(checks) == {
        "rows": False, "parity": True, "signature": True, "minimum f1": False, "champion": True,
    }  # fmt: skip
    assert "none of them spam" in failure_reasons(checks)


def test_no_rows_at_all_are_refused(blob_store, make_release):
    checks = run_gates(IRIS, make_release(blob_store), features(IRIS, 30).slice(0, 0), 0.0, None)
    assert results(checks)["rows"] is False
    assert results(checks)["minimum accuracy"] is False


def test_rows_without_the_features_are_an_error(blob_store, make_release):
    rows = features(IRIS, 30).drop_columns(["numbers"])
    with pytest.raises(InvalidData, match="numbers"):
        run_gates(IRIS, make_release(blob_store), rows, 0.0, None)


def lineage(release, *checks, run="run-1"):
    return Lineage(
        release_id=release.id,
        created_at=datetime(2026, 1, 5, tzinfo=UTC),
        dataset_version="1" * 16,
        data_source="generated",
        pipeline_run=run,
        candidate="first",
        parameters={},
        metrics={},
        gates=checks,
    )


GOOD = GateCheck(name="minimum", passed=True, detail="fine")
BAD = GateCheck(name="minimum", passed=False, detail="f1 on 100 rows", value=0.5, limit=0.85)


def test_a_refused_release_is_stored_separately_with_its_gates(blob_store, trained):
    release = build_release(IRIS, trained("iris", 0), b"", None)
    with pytest.raises(GateRefused, match=r"minimum 0\.5 \(limit 0\.85\): f1 on 100 rows"):
        admit(blob_store, release, lineage(release, BAD))
    kept = blob_store.read(f"models/iris/refused/{release.id}/lineage.json")
    assert Lineage.model_validate_json(kept).gates == (BAD,)
    assert not blob_store.exists(f"models/iris/{release.id}/release.json")


def test_a_release_that_was_never_judged_is_refused(blob_store, trained):
    release = build_release(IRIS, trained("iris", 0), b"", None)
    with pytest.raises(GateRefused, match="never judged"):
        admit(blob_store, release, lineage(release))


def test_admitting_again_repairs_the_files_and_keeps_the_first_lineage(blob_store, trained):
    release = build_release(IRIS, trained("iris", 0), b"", None)
    admit(blob_store, release, lineage(release, GOOD))
    blob_store.write(f"models/iris/{release.id}/model/iris/1/model.onnx", b"damaged")
    kept = admit(blob_store, release, lineage(release, GOOD, run="run-2"))
    assert kept.pipeline_run == "run-1"
    assert load_lineage(blob_store, "iris", release.id) == kept
    assert load_release(blob_store, "iris", release.id).id == release.id


def test_only_the_test_split_is_loaded(blob_store):

    table = features(IRIS, 30)
    part = pa.array(["test" if row % 3 == 0 else "train" for row in range(30)])
    path = "training-data/iris/abc/features.parquet"
    write_table(blob_store, path, table.append_column("part", part))
    assert load_test_rows(blob_store, "iris", "abc").num_rows == 10


def with_ids(table, first=0):
    """The rows of `table` with ids of their own, each alone in its cluster."""
    ids = pa.array([f"{first + n:016x}" for n in range(table.num_rows)])
    return table.append_column("row_id", ids).append_column("cluster", ids)


def trained_on(store, rows, part="train", version="0" * 16):
    """Leave the index of the dataset version that `make_release` names."""
    index = rows.select(["row_id", "cluster"])
    index = index.append_column("part", pa.repeat(part, rows.num_rows))
    write_table(store, f"training-data/iris/{version}/index.parquet", index)


def test_a_champion_is_not_compared_on_rows_it_was_trained_on(blob_store, make_release):
    champion, candidate = (make_release(blob_store, "iris", seed) for seed in (1, 0))
    seen, new = with_ids(features(IRIS, 100)), with_ids(features(IRIS, 60, seed=5), 1000)
    test = pa.concat_tables([seen, new])
    trained_on(blob_store, seen)
    unseen = rows_unseen_by(champion, test, blob_store, "iris")
    assert unseen.known
    assert unseen.rows["row_id"].to_pylist() == new["row_id"].to_pylist()
    (gate,) = (
        c for c in run_gates(IRIS, candidate, test, 0.0, champion, unseen) if c.name == "champion"
    )
    assert "on the same 60 rows, which neither was trained on" in gate.detail


def test_near_duplicates_of_training_rows_count_as_seen(blob_store, make_release):
    champion = make_release(blob_store, "iris", 1)
    test = with_ids(features(IRIS, 30))
    cluster = pa.array(["c"] * 10 + ["known"] * 5 + test["cluster"].to_pylist()[15:])
    test = test.set_column(test.column_names.index("cluster"), "cluster", cluster)
    seen = pa.table({"row_id": [test["row_id"][0].as_py(), "x"], "cluster": ["other", "known"]})
    trained_on(blob_store, seen)
    unseen = rows_unseen_by(champion, test, blob_store, "iris")
    assert unseen.known
    assert unseen.rows["row_id"].to_pylist() == test["row_id"].to_pylist()[15:]


def test_within_a_chain_of_versions_no_row_is_dropped(blob_store, make_release):
    champion = make_release(blob_store, "iris", 1)
    test = with_ids(features(IRIS, 30))
    trained_on(blob_store, test, part="test")
    for release in (champion, None):
        unseen = rows_unseen_by(release, test, blob_store, "iris")
        assert unseen.rows.equals(test)
        assert unseen.known


@pytest.mark.parametrize("known", [90, 100])
def test_too_few_rows_that_are_new_to_the_champion_give_no_comparison(
    blob_store, make_release, known
):
    champion, candidate = (make_release(blob_store, "iris", seed) for seed in (1, 0))
    test = with_ids(features(IRIS, 100))
    trained_on(blob_store, test.slice(0, known))
    unseen = rows_unseen_by(champion, test, blob_store, "iris")
    checks = run_gates(IRIS, candidate, test, 0.0, champion, unseen)
    (gate,) = (c for c in checks if c.name == "champion")
    assert gate.passed
    assert gate.value is None
    assert f"only {100 - known} test rows" in gate.detail
    assert "underpowered" in gate.detail


def test_without_the_champions_dataset_version_all_rows_count(blob_store, make_release):
    champion = make_release(blob_store, "iris", 1)
    test = with_ids(features(IRIS, 30))
    unseen = rows_unseen_by(champion, test, blob_store, "iris")
    assert unseen.rows.equals(test)
    assert not unseen.known
    checks = run_gates(IRIS, make_release(blob_store, "iris", 0), test, 0.0, champion, unseen)
    assert "may have been trained on some" in checks[-1].detail


def with_gates(*minimums):
    """Iris with other gates, and slices by the length of the petals."""
    gates = Gates(minimums, margin=0.05)
    return variant(IRIS, training={"gates": gates})


def test_every_gate_is_a_check_and_a_slice_can_fail_alone(blob_store, make_release):
    rows = features(IRIS, 300)
    mixed = pa.concat_tables([rows.slice(0, 200), shuffled(rows.slice(200))])
    petals = pa.array(["short"] * 200 + ["long"] * 90 + [None] * 10)
    slices = pa.record_batch([petals], names=["petals"])
    case = with_gates(
        "accuracy >= 0.5",
        "roc_auc >= 0.5",
        "false_positive_rate <= 0.3",
        "accuracy >= 0.9 where petals = short",
        "accuracy >= 0.9 where petals = long",
        "accuracy >= 0.1 where petals = none",
        "accuracy >= 0.1 where colour = red",
    )
    checks = run_gates(case, make_release(blob_store), mixed, 0.0, None, None, slices)
    stated = {c.name: c for c in checks[3:-1]}
    assert [c.passed for c in stated.values()] == [True, True, True, True, False, False, False]
    failed = stated["minimum accuracy where petals = long"]
    assert failed.detail.startswith("on 90 rows of the test split, 90 % interval 0.")
    assert failed.comparison.verdict == "worse"
    assert failed.comparison.reference_release is None
    assert failed.value < failed.limit == 0.9
    assert "maximum false_positive_rate" in stated
    assert "0 rows of this slice" in stated["minimum accuracy where petals = none"].detail
    assert "no slices by colour" in stated["minimum accuracy where colour = red"].detail


def nearly_equal(store, make):
    """A release and one with another threshold, which disagree on few rows."""
    good = make(store, "spam")
    other = DecisionRule(kind="threshold", positive="spam", negative="ham", threshold=0.55)
    return build_release(SPAM, good.model, b"", None, other), good


def judged(case, candidate, rows, champion):
    checks = run_gates(case, candidate, rows, 0.0, champion)
    return next(c for c in checks if c.name == "champion")


def test_a_gate_that_cannot_tell_passes_with_a_warning_that_says_how_many_rows_it_needs(
    blob_store, make_release
):
    candidate, good = nearly_equal(blob_store, make_release)
    gate = judged(SPAM, candidate, features(SPAM, 60), good)
    assert gate.passed
    assert gate.comparison.verdict == "undecided"
    assert gate.comparison.reference_release == good.id
    assert gate.warning == f"underpowered, needs {gate.comparison.rows_needed:,} rows"
    assert gate.detail.endswith(f"{gate.warning}, judged by the estimate alone")
    assert "power" in gate.detail


def test_a_use_case_may_refuse_what_cannot_be_told(blob_store, make_release):
    candidate, good = nearly_equal(blob_store, make_release)
    gates = Gates(["f1 >= 0.1"], margin=0.01, underpowered="refuse")
    strict = variant(SPAM, training={"gates": gates})
    gate = judged(strict, candidate, features(SPAM, 60), good)
    assert not gate.passed
    assert "underpowered, needs" in failure_reasons((gate,))
    assert not judged(strict, candidate, features(SPAM, 10), good).passed
    wide = variant(SPAM, training={"gates": Gates(["f1 >= 0.1"], 0.4, underpowered="refuse")})
    enough = judged(wide, candidate, features(SPAM, 300), good)
    assert enough.passed
    assert enough.comparison.verdict == "equivalent"
    assert enough.warning == ""


def test_a_minimum_that_is_close_is_uncertain(blob_store, make_release):
    case, release = with_gates("accuracy >= 0.95"), make_release(blob_store)
    checks = run_gates(case, release, features(IRIS, 40), 0.0, None)
    (close,) = (c for c in checks if c.name == "minimum accuracy")
    (far,) = (
        c
        for c in run_gates(with_gates("accuracy >= 0.2"), release, features(IRIS, 40), 0.0, None)
        if c.name == "minimum accuracy"
    )
    assert "underpowered" in close.detail
    assert far.comparison.verdict == "better"
    assert "90 % interval" in far.detail


def numbers(rows, seed=5):
    table = flats(rows, seed)
    batch = assemble(RENTS, records(table))
    return pa.Table.from_batches([batch]).append_column("label", table["rent"])


def test_gates_of_numbers_are_maximums_and_the_champion_has_the_lower_error():
    rows, release = numbers(200), rents_release()
    slices = RENTS.training().slices(records(flats(200)))
    checks = run_gates(RENTS, release, rows, 1e-7, None, None, slices)
    assert all_passed(checks), failure_reasons(checks)
    assert {c.name for c in checks} >= {
        "minimum r2", "maximum mae", "maximum rmse where district = centre",
    }  # fmt: skip
    strict = variant(RENTS, training={"gates": Gates(["mae <= 1"], margin=5)})
    (failed,) = (c for c in run_gates(strict, release, rows, 0.0, None) if not c.passed)
    assert (failed.name, failed.limit) == ("maximum mae", 1)
    wrong = rows.set_column(rows.schema.get_field_index("label"), "label", pa.array([3.0] * 200))
    assert "all labels are the same number" in failure_reasons(
        run_gates(RENTS, release, wrong, 0.0, None, None, slices)
    )
    champion = next(
        c for c in run_gates(RENTS, release, rows, 0.0, release) if c.name == "champion"
    )
    assert champion.passed
    assert champion.limit == pytest.approx(champion.value + 5)
