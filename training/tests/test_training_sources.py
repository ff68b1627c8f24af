"""Rows of several sources: who judges whom, what is reported, what a weight does."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from platform_core.errors import InvalidData, InvalidInput
from training.parameters import RunParameters
from training.search.fitting import fitted
from training.search.folds import folds
from training.search.live import LIVE, live_decision, with_live_rows
from training.search.sources import ORIGIN, WEIGHT, source_folds, with_origins
from training.search.trials import Trial
from training.search.unseen import unseen_sources
from use_cases import use_case

SPAM = use_case("spam")


def rows(*parts: tuple[str, str], clusters: list[str | None] | None = None) -> pa.Table:
    """Return rows of files with labels, one character each: `s` is spam, `h` ham."""
    labels = [{"s": "spam", "h": "ham"}[one] for _, given in parts for one in given]
    files = [file for file, given in parts for _ in given]
    clusters = [str(n) for n in range(len(labels))] if clusters is None else clusters
    return pa.table({"label": labels, "source": files, "cluster": pa.array(clusters, pa.string())})


def pooled(*parts: tuple[str, str], names=("a", "b", "c"), weights=None, **given) -> pa.Table:
    return with_origins(rows(*parts, **given), names, weights or {})


def test_the_origin_of_a_row_is_the_source_before_the_first_slash():
    table = pooled(("a", "s"), ("b/a/x.eml", "h"), ("before.csv", "h"))
    assert table[ORIGIN].to_pylist() == ["a", "b", "other rows"]
    assert ORIGIN not in with_origins(rows(("a", "s")), (), {}).column_names


def test_live_rows_count_more_on_top_of_the_weight_of_their_source():
    table = rows(("a", "shs")).append_column("row_id", pa.array(["1", "2", "3"]))
    live = pa.array(["2", "9", None])
    found = with_live_rows(table, live, 10.0)
    assert found[LIVE].to_pylist() == [False, True, False]
    assert found[WEIGHT].to_pylist() == [1.0, 10.0, 1.0]
    weighed = with_origins(table, ["a"], {"a": 0.5})
    assert with_live_rows(weighed, live, 10.0)[WEIGHT].to_pylist() == [0.5, 5.0, 0.5]
    assert WEIGHT not in with_live_rows(table, live, 1.0).column_names
    assert with_live_rows(table, pa.array(["9"]), 10.0) is table


def test_live_records_that_are_all_near_duplicates_choose_no_threshold():
    table = rows(("a", "s" * 200 + "h" * 20), clusters=["1"] * 200 + ["2"] * 20)
    ids = pa.array([str(n) for n in range(220)])
    live = with_live_rows(table.append_column("row_id", ids), ids, 10.0)
    assert live_decision(SPAM, live, Trial(0, "logistic", {}), seed=0) is None


def test_each_source_is_judged_by_models_that_have_not_seen_it():
    table = pooled(("a", "shsh"), ("b", "sh"), ("c", "shh"))
    made = folds(SPAM, table, seed=0)
    assert [held.tolist() for _, held in made] == [[0, 1, 2, 3], [6, 7, 8], [4, 5]]
    assert [fit.tolist() for fit, _ in made] == [
        [4, 5, 6, 7, 8],
        [0, 1, 2, 3, 4, 5],
        [0, 1, 2, 3, 6, 7, 8],
    ]


def test_a_source_without_every_class_is_left_out_with_the_smallest_other_one():
    made = source_folds(SPAM, pooled(("a", "shshsh"), ("b", "hhh"), ("c", "sh")))
    assert [held.tolist() for _, held in made] == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_one_source_with_every_class_is_not_enough():
    assert source_folds(SPAM, pooled(("a", "shshsh"), ("b", "hhh"))) == []


def test_near_duplicates_of_judged_rows_are_not_fitted_on():
    clusters = ["x", "y", None, "x", "z", "w"]
    table = pooled(("a", "shs"), ("b", "shs"), clusters=clusters)
    assert [fit.tolist() for fit, _ in source_folds(SPAM, table)] == [[4, 5], [1, 2]]


def test_the_decision_on_a_source_is_chosen_on_the_others():
    table = pooled(("a", "sshh" * 50), ("b", "sshh" * 50))
    # In b all scores are higher, so the threshold of a finds all spam and half of the ham.
    score = np.r_[np.tile([0.9, 0.9, 0.1, 0.2], 50), np.tile([0.98, 0.98, 0.95, 0.3], 50)]
    answers = np.stack([1 - score, score], axis=1)
    first, second = unseen_sources(SPAM, table, source_folds(SPAM, table), answers)
    assert (first.name, first.rows, second.name) == ("a", 200, "b")
    assert first.metrics["recall"].value == 0.0
    assert first.metrics["roc_auc"].value == 1.0
    assert second.metrics["recall"].value == 1.0
    assert second.metrics["false_positive_rate"].value == 0.5


def test_rows_count_in_a_fit_by_the_weight_of_their_source():
    table = pooled(("a", "ss"), ("b", "hhh"), weights={"a": 2.0})
    assert table[WEIGHT].to_pylist() == [2.0, 2.0, 1.0, 1.0, 1.0]
    inputs = np.array([[1.0], [2.0], [0.0], [1.0], [3.0]])
    twice = np.r_[inputs, inputs[:2]]
    model = make_pipeline(LogisticRegression())
    labels = table["label"].to_pylist()
    weighted = fitted(model, inputs, table)
    repeated = make_pipeline(LogisticRegression()).fit(twice, labels + labels[:2])
    assert weighted[-1].coef_ == pytest.approx(repeated[-1].coef_, abs=1e-3)
    plain = fitted(make_pipeline(LogisticRegression()), inputs, table.drop_columns(WEIGHT))
    assert weighted[-1].intercept_ != pytest.approx(plain[-1].intercept_, abs=1e-2)


def test_a_model_that_cannot_weigh_rows_is_refused():
    model = Pipeline([("scale", StandardScaler()), ("near", KNeighborsClassifier())])
    with pytest.raises(InvalidInput, match="KNeighborsClassifier cannot weigh rows"):
        fitted(model, np.zeros((2, 1)), pooled(("a", "s"), ("b", "h"), weights={"a": 2.0}))


def test_weights_are_given_by_the_names_of_the_sources():
    given = RunParameters(data="x/a.csv b.mbox", weights="b.mbox=0.5")
    assert given.source_weights == {"b.mbox": 0.5}
    assert RunParameters(data="new.csv", base="latest", weights="a.csv=2").source_weights


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("c.csv=2", "names c.csv; the sources of DATA are a.csv, b.mbox"),
        ("a.csv", "cannot parse 'a.csv' in WEIGHTS"),
        ("a.csv=0", "number above 0"),
        ("a.csv=-1", "number above 0"),
        ("a.csv=nan", "number above 0"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights, message):
    with pytest.raises(InvalidData, match=message):
        RunParameters(data="a.csv b.mbox", weights=weights)
