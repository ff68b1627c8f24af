"""Metrics against their formulas and against scikit-learn."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from evaluation import (
    LabelledPredictions,
    prediction_metrics,
    require_metric,
    weighted_metrics,
)
from platform_core.errors import InvalidData

BINARY, SPECIES = ("ham", "spam"), ("setosa", "versicolor", "virginica")
SCORES = st.floats(1 / 64, 63 / 64, width=32)
# Few distinct scores, so that ties are common.
TIED_SCORES = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
WEIGHTS = st.one_of(st.integers(0, 3).map(float), st.floats(0.01, 5))
# Less than scikit-learn's own rounding: it adds up differences where counts are exact.
TOLERANCE = 1e-12


def binary(spam, score):
    labels = pa.array(np.where(spam, "spam", "ham"), pa.string())
    predictions = pa.array(np.where(score >= 0.5, "spam", "ham"), pa.string())
    probabilities = np.stack([1 - score, score], axis=1)
    return LabelledPredictions.from_arrow(BINARY, "spam", labels, probabilities, predictions)


def multiclass(truth, predicted, probabilities=None):
    labels, predictions = (
        pa.array([SPECIES[i] for i in v], pa.string()) for v in (truth, predicted)
    )
    if probabilities is None:
        probabilities = np.full((len(truth), 3), 0.2, np.float32)
        probabilities[np.arange(len(truth)), predicted] = 0.6
    return LabelledPredictions.from_arrow(SPECIES, None, labels, probabilities, predictions)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=40))
def test_binary_metrics_are_their_formulas(rows):
    y, p = np.array([spam for spam, _ in rows]), np.array([score for _, score in rows], np.float32)
    metrics = prediction_metrics(binary(y, p))
    p = p.astype(float)
    said = p >= 0.5
    tp, fp, fn, tn = (y & said).sum(), (~y & said).sum(), (y & ~said).sum(), (~y & ~said).sum()
    assert metrics["rows"] == len(rows)
    assert metrics["accuracy"] == pytest.approx((tp + tn) / len(rows))
    assert metrics["brier"] == pytest.approx(((p - y) ** 2).mean(), rel=1e-5)
    loss = -np.log(np.where(y, p, 1 - p)).mean()
    assert metrics["log_loss"] == pytest.approx(loss, rel=1e-4)
    if not y.any() or y.all():
        assert set(metrics) == {"rows", "accuracy", "brier", "log_loss"}
        return
    wins = p[y][:, None] - p[~y][None, :]
    assert metrics["roc_auc"] == pytest.approx(((wins > 0) + 0.5 * (wins == 0)).mean())
    assert metrics["f1"] == pytest.approx(2 * tp / (2 * tp + fp + fn))
    assert metrics["recall"] == pytest.approx(tp / (tp + fn))
    assert metrics["false_positive_rate"] == pytest.approx(fp / (fp + tn))
    assert ("precision" in metrics) == bool(said.any())
    if said.any():
        assert metrics["precision"] == pytest.approx(tp / (tp + fp))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_multiclass_metrics_are_means_of_each_class_against_the_rest(rows):
    truth, said = np.array(rows).T
    evaluated = multiclass(truth, said)
    metrics = prediction_metrics(evaluated)
    y, z = np.eye(3)[truth], np.eye(3)[said]
    assert metrics["accuracy"] == pytest.approx((truth == said).mean())
    brier = ((evaluated.probabilities - y) ** 2).sum(axis=1).mean()
    assert metrics["brier"] == pytest.approx(brier, rel=1e-5)
    if set(truth) != {0, 1, 2}:
        assert "f1_macro" not in metrics and "roc_auc" not in metrics
        return
    f1 = 2 * (y * z).sum(axis=0) / (y.sum(axis=0) + z.sum(axis=0))
    assert metrics["f1_macro"] == pytest.approx(f1.mean())
    assert metrics["recall"] == pytest.approx(((y * z).sum(axis=0) / y.sum(axis=0)).mean())
    rate = ((1 - y) * z).sum(axis=0) / (1 - y).sum(axis=0)
    assert metrics["false_positive_rate"] == pytest.approx(rate.mean())
    assert ("precision" in metrics) == (set(said) == {0, 1, 2})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), SCORES | TIED_SCORES), min_size=1, max_size=40))
def test_binary_metrics_equal_scikit_learns(rows):
    y, p = np.array([spam for spam, _ in rows]), np.array([score for _, score in rows])
    evaluated = binary(y, p)
    metrics, said, p = prediction_metrics(evaluated), p >= 0.5, evaluated.probabilities[:, 1]
    expected = {
        "rows": len(y),
        "accuracy": sk.accuracy_score(y, said),
        "brier": sk.brier_score_loss(y, p, labels=[False, True]),
        "log_loss": sk.log_loss(y, np.stack([1 - p, p], axis=1), labels=[False, True]),
    }
    if 0 < y.sum() < len(y):
        expected |= {
            "f1": sk.f1_score(y, said, zero_division=0),
            "recall": sk.recall_score(y, said),
            "roc_auc": sk.roc_auc_score(y, p),
            "average_precision": sk.average_precision_score(y, p),
            "false_positive_rate": 1 - sk.recall_score(~y, ~said),
        }
        if said.any():
            expected["precision"] = sk.precision_score(y, said)
    assert metrics == pytest.approx(expected, abs=TOLERANCE)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.tuples(TIED_SCORES, TIED_SCORES, TIED_SCORES)),
        min_size=1,
        max_size=40,
    )
)
def test_multiclass_metrics_equal_scikit_learns(rows):
    truth = np.array([label for label, _ in rows])
    scores = np.array([triple for _, triple in rows]) + 0.05
    scores /= scores.sum(axis=1, keepdims=True)
    said = scores.argmax(axis=1)
    evaluated = multiclass(truth, said, scores)
    # Scaled once more: the rounding must not decide ties differently.
    metrics, scores = prediction_metrics(evaluated), evaluated.probabilities
    expected = {
        "rows": len(truth),
        "accuracy": sk.accuracy_score(truth, said),
        "brier": np.square(scores - np.eye(3)[truth]).sum(axis=1).mean(),
        "log_loss": sk.log_loss(truth, scores, labels=[0, 1, 2]),
    }
    if set(truth) == {0, 1, 2}:
        y, z = np.eye(3, dtype=int)[truth], np.eye(3, dtype=int)[said]
        rates = [1 - sk.recall_score(1 - y[:, k], 1 - z[:, k]) for k in range(3)]
        expected |= {
            "f1_macro": sk.f1_score(y, z, average="macro", zero_division=0),
            "recall": sk.recall_score(y, z, average="macro"),
            "roc_auc": sk.roc_auc_score(y, scores),
            "average_precision": sk.average_precision_score(y, scores),
            "false_positive_rate": np.mean(rates),
        }
        if set(said) == {0, 1, 2}:
            expected["precision"] = sk.precision_score(y, z, average="macro")
    assert metrics == pytest.approx(expected, abs=TOLERANCE)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), TIED_SCORES, WEIGHTS), min_size=1, max_size=30))
def test_weighted_metrics_equal_scikit_learns(rows):
    y, p, weight = (np.array(column) for column in zip(*rows, strict=True))
    evaluated = binary(y, p)
    weighted = weighted_metrics(evaluated, weight[None, :])
    values = {name: value for name, (value,) in weighted.items()}
    given_, said, p = {"sample_weight": weight}, p >= 0.5, evaluated.probabilities[:, 1]
    if not weight.any():
        assert all(np.isnan(value) for value in values.values())
        return
    expected = {"accuracy": sk.accuracy_score(y, said, **given_)}
    if weight @ y and weight @ ~y:
        predicted = weight @ said
        expected |= {
            "f1": sk.f1_score(y, said, zero_division=0, **given_),
            "recall": sk.recall_score(y, said, **given_),
            "roc_auc": sk.roc_auc_score(y, p, **given_),
            "average_precision": sk.average_precision_score(y, p, **given_),
            "false_positive_rate": 1 - sk.recall_score(~y, ~said, **given_),
            "precision": sk.precision_score(y, said, **given_) if predicted else np.nan,
        }
    expected = {name: expected.get(name, np.nan) for name in values}
    assert values == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_no_rows_give_no_metric():
    metrics = prediction_metrics(binary(np.array([], bool), np.array([])))
    assert metrics == {"rows": 0.0}
    with pytest.raises(InvalidData, match="f1 is undefined on these 0 rows: a class is missing"):
        require_metric(metrics, "f1")


def test_a_required_metric_is_returned():
    assert require_metric({"f1": 0.9, "accuracy": 0.8}, "f1") == 0.9
    assert require_metric({"f1": 0.9, "accuracy": 0.8}, "accuracy") == 0.8


def test_a_label_outside_the_classes_is_refused():
    probabilities = np.array([[0.1, 0.9], [0.9, 0.1]])
    labels = pa.array(["spam", "ham"])
    with pytest.raises(InvalidData, match="'maybe'"):
        LabelledPredictions.from_arrow(
            BINARY, "spam", pa.array(["maybe", "ham"]), probabilities, labels
        )
    with pytest.raises(InvalidData, match="do not belong together"):
        LabelledPredictions.from_arrow(BINARY, "spam", labels[:1], probabilities, labels)
    with pytest.raises(InvalidData, match="None"):
        LabelledPredictions.from_arrow(
            BINARY, "spam", pa.array([None, "ham"]), probabilities, labels
        )
