"""Metrics against their formulas."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.errors import InvalidData
from releases.metrics import chosen, evaluate
from use_cases import use_case

SPAM, IRIS = use_case("spam"), use_case("iris")
SCORES = st.floats(1 / 64, 63 / 64, width=32)


def binary(rows):
    """Rows of (is spam, probability of spam) as the arguments of `evaluate`."""
    labels = pa.array(["spam" if spam else "ham" for spam, _ in rows], pa.string())
    p = np.array([score for _, score in rows], np.float32)
    predictions = pa.array(["spam" if value >= 0.5 else "ham" for value in p], pa.string())
    return labels, np.stack([1 - p, p], axis=1), predictions


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.booleans(), SCORES), min_size=1, max_size=40))
def test_binary_metrics_are_their_formulas(rows):
    metrics = evaluate(SPAM, *binary(rows))
    y = np.array([spam for spam, _ in rows])
    p = np.array([score for _, score in rows])
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
def test_metrics_of_several_classes_are_means_of_each_against_the_rest(rows):
    truth, said = np.array(rows).T
    labels, predictions = (pa.array([IRIS.classes[i] for i in v]) for v in (truth, said))
    probabilities = np.full((len(rows), 3), 0.2, np.float32)
    probabilities[np.arange(len(rows)), said] = 0.6
    metrics = evaluate(IRIS, labels, probabilities, predictions)
    y, z = np.eye(3)[truth], np.eye(3)[said]
    assert metrics["accuracy"] == pytest.approx((truth == said).mean())
    brier = ((probabilities - y) ** 2).sum(axis=1).mean()
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


def test_no_rows_give_no_metric():
    metrics = evaluate(SPAM, *binary([]))
    assert metrics == {"rows": 0.0}
    with pytest.raises(InvalidData, match="a class is missing"):
        chosen(SPAM, metrics)


def test_the_chosen_metric_is_the_use_cases():
    assert chosen(SPAM, {"f1": 0.9, "accuracy": 0.8}) == 0.9
    assert chosen(IRIS, {"f1": 0.9, "accuracy": 0.8}) == 0.8


def test_a_label_that_is_no_class_is_refused():
    labels, probabilities, predictions = binary([(True, 0.9), (False, 0.1)])
    with pytest.raises(InvalidData, match="'maybe'"):
        evaluate(SPAM, pa.array(["maybe", "ham"]), probabilities, predictions)
    with pytest.raises(InvalidData, match="do not belong together"):
        evaluate(SPAM, labels[:1], probabilities, predictions)
