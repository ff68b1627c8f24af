"""The pictures of an evaluation."""

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay, PrecisionRecallDisplay, RocCurveDisplay

from use_cases import UseCase


def evaluation_plots(
    case: UseCase, labels: list[str], probabilities: np.ndarray, predictions: list[str]
) -> dict[str, Figure]:
    """Return figures by file name: the confusion matrix, and ROC and precision-recall curves
    of each class against the others. `probabilities` is [N, C] in the order of the classes.
    """
    figures = {"confusion_matrix.png": Figure(figsize=(5, 4), layout="constrained")}
    axes = figures["confusion_matrix.png"].subplots()
    ConfusionMatrixDisplay.from_predictions(
        labels, predictions, labels=list(case.classes), ax=axes, colorbar=False
    )
    curves = {
        "roc_curve.png": RocCurveDisplay,
        "precision_recall_curve.png": PrecisionRecallDisplay,
    }
    watched = [case.positive] if case.positive else list(case.classes)
    for name, display in curves.items():
        figures[name] = Figure(figsize=(5, 4), layout="constrained")
        axes = figures[name].subplots()
        for label in watched:
            truth = np.asarray(labels) == label
            column = probabilities[:, case.classes.index(label)]
            display.from_predictions(truth, column, name=label, ax=axes)
    return figures
