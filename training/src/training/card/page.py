"""The model card as a page."""

from collections.abc import Iterator, Mapping

from evaluation import MetricEstimate, slice_metric_names
from platform_core.contracts.release import IntervalRule
from platform_core.pages import render
from releases.catalogue.model_card import ModelCard
from use_cases import UseCase

# What each metric is, in the order in which they are shown.
EXPLAINED = {
    "f1": "harmonic mean of precision and recall",
    "f1_macro": "mean over the classes of the harmonic mean of precision and recall",
    "roc_auc": "chance that a positive row scores above a negative one",
    "false_positive_rate": "share of negatives that are called positive",
    "recall": "share of positives that are found",
    "precision": "share of the rows called positive that are positive",
    "accuracy": "share of correct answers",
    "average_precision": "area below the precision-recall curve",
    "brier": "mean squared error of the probabilities; lower is better",
    "calibration_error": "mean gap between probability and observed frequency; lower is better",
    "mae": "mean absolute error, in units of the label; lower is better",
    "rmse": "root of the mean squared error, in units of the label; lower is better",
    "r2": "share of the variance of the labels that is explained (R²); 0 is the mean label",
    "interval_coverage": "share of labels within their prediction interval",
    "interval_width": "mean width of the prediction intervals, in units of the label",
    "log_loss": "mean negative log-likelihood of the label, natural logarithm; lower is better",
}
UPPER = ("mae", "rmse", "r2")
CAPTIONS = {
    "confusion_matrix.svg": "Confusion matrix at the decision rule",
    "roc_curve.svg": "ROC curve: true positive rate against false positive rate",
    "precision_recall_curve.svg": "Precision and recall at every threshold",
    "calibration.svg": "Calibration curve, with the number of rows per point",
    "predicted_actual.svg": "Label against prediction, with the ends of the prediction intervals",
    "residuals.svg": "Residual (label minus prediction) against prediction",
    "residual_distribution.svg": "Distribution of the residuals, with the ends of the intervals",
    "scores.svg": "Distribution of scores by label (counts, logarithmic above 10)",
    "thresholds.svg": "Recall and false positive rate at every threshold",
}


def card_page(case: UseCase, card: ModelCard, pictures: Mapping[str, str]) -> bytes:
    """Return the page of `card` with the pictures of its evaluation (see `pages.svg`)."""
    return render(
        "training",
        "model_card.html",
        title=f"{card.title}: release {card.lineage.release_id:.12}",
        card=card,
        failed=[gate.name for gate in card.lineage.gates if not gate.passed],
        metric=_words(card.metric),
        value=measure(card.metrics[card.metric]) if card.metric in card.metrics else "",
        metrics=list(_metric_rows(card)),
        figures=[(CAPTIONS[name], picture) for name, picture in pictures.items()],
        slice_names=[_words(name) for name in slice_metric_names(case.training().metric)],
        slices=list(_slice_rows(case, card)),
        unseen_names=[_words(name) for name in _unseen_metrics(card)],
        unseen=list(_unseen_rows(card)),
        rule=_rule(card),
    )


def measure(found: MetricEstimate) -> str:
    """Return a metric with its 95 % interval: `0.9908 [0.9870, 0.9930]`."""
    text = _short(found.value)
    if found.low is None or found.high is None:
        return text
    return f"{text} [{_short(found.low)}, {_short(found.high)}]"


def _short(value: float) -> str:
    return f"{value:.4f}"


def _metric_rows(card: ModelCard) -> Iterator[tuple[str, str, str, str]]:
    for name, meaning in EXPLAINED.items():
        if name in card.metrics:
            found = card.metrics[name]
            interval = ""
            if found.low is not None and found.high is not None:
                interval = f"{_short(found.low)} to {_short(found.high)}"
            yield _words(name), _short(found.value), interval, meaning


def _slice_rows(case: UseCase, card: ModelCard) -> Iterator[list[object]]:
    for one in card.slices:
        cells: list[object] = [_words(one.kind), one.name, one.rows]
        for name in slice_metric_names(case.training().metric):
            found = one.metrics.get(name)
            cells.append(one.note or "not defined" if found is None else measure(found))
        yield cells


def _unseen_metrics(card: ModelCard) -> list[str]:
    return list(dict.fromkeys(name for one in card.unseen for name in one.metrics))


def _unseen_rows(card: ModelCard) -> Iterator[list[object]]:
    for one in card.unseen:
        found = (one.metrics.get(name) for name in _unseen_metrics(card))
        yield [one.name, one.rows, *("-" if m is None else measure(m) for m in found)]


def _rule(card: ModelCard) -> str:
    rule = card.decision
    if isinstance(rule, IntervalRule):
        return (
            f"a number p, and the interval from p - {rule.below:.4g} to p + {rule.above:.4g}, "
            f"which is to hold {rule.coverage:.0%} of the labels"
        )
    if rule.kind == "costs":
        return "the class with the lowest expected cost"
    if rule.kind == "threshold":
        return (
            f"{rule.positive} when its probability is at or above {rule.threshold:.4f}, "
            f"else {rule.negative}"
        )
    return "the most probable class"


def _words(name: str) -> str:
    if name in UPPER:
        return name.upper()
    return name.replace("_", " ").replace("roc auc", "ROC AUC").replace("f1", "F1")
