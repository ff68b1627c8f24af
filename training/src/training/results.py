"""What each step of the pipeline returns, as it is stored next to the files of the step.

The `result.json` in the folder of a step is one of these models. Fields called `…_path` are paths
in blob storage.
"""

from collections.abc import Mapping
from typing import Any

from evaluation import SliceMetrics
from platform_core.contracts.base import Contract
from platform_core.contracts.release import ImportedModel, Rule
from releases.catalogue.model_card import TrialSummary


class StepResult(Contract):
    """The result of a step, and what the artifacts of KFP show of it."""

    def location(self) -> str:
        """Return the path of what a `Dataset` or `Model` artifact stands for."""
        raise TypeError(f"{type(self).__name__} is neither data nor a model")

    def scores(self) -> Mapping[str, float]:
        """Return the values of a `Metrics` artifact; infinite ones are left out."""
        return {}

    def page(self) -> str:
        """Return the path of the page of an `HTML` artifact."""
        raise TypeError(f"{type(self).__name__} has no page")

    def summary(self) -> Mapping[str, Any]:
        """Return the values that the KFP page shows with the artifact: text and numbers."""
        values = self.model_dump(mode="json")
        return {k: v for k, v in values.items() if isinstance(v, str | int | float) and v != ""}


class DatasetResult(StepResult):
    """A frozen dataset version."""

    dataset_version: str
    dataset_path: str
    rows: int
    test_rows: int

    def location(self) -> str:
        """Return the folder of the dataset version."""
        return self.dataset_path


class FeaturesResult(StepResult):
    """The features of a dataset version; `feature_view_version` only with entity features."""

    dataset_version: str
    feature_view_version: str | None = None
    features_path: str
    report_path: str

    def location(self) -> str:
        """Return the path of the features."""
        return self.features_path

    def page(self) -> str:
        """Return the path of the data report."""
        return self.report_path


class ModelResult(StepResult):
    """A fitted model: `run_id` is its MLflow run, `libraries` the versions of what it was made
    with, `complete` whether its search was, `unseen` the metrics of each of several sources under
    models that have not seen it.
    """

    run_id: str
    candidate: str
    parameters: dict[str, Any]
    seed: int
    decision: Rule
    decision_why: str
    complete: bool
    trials: tuple[TrialSummary, ...]
    unseen: tuple[SliceMetrics, ...] = ()
    libraries: dict[str, str]
    imported: ImportedModel | None = None


class TrainResult(ModelResult):
    """The best model of a search; `cross_validated` is its score."""

    cross_validated: float
    fit_seconds: float
    model_path: str

    def location(self) -> str:
        """Return the path of the fitted model."""
        return self.model_path

    def scores(self) -> Mapping[str, float]:
        """Return the score of the search, its trials and the seconds of fitting."""
        trials = len(self.trials)
        return {
            "cross_validated": self.cross_validated,
            "trials": trials,
            "fit_seconds": self.fit_seconds,
        }


class RocCurve(Contract):
    """Points of a ROC curve, from the highest threshold to the lowest."""

    false_positive_rate: tuple[float, ...]
    true_positive_rate: tuple[float, ...]
    thresholds: tuple[float, ...]


class EvaluationResult(StepResult):
    """The ONNX graph of the model with its metrics on the test split.

    `largest_difference` is the one between the graph's and the original's probabilities, `None`
    for a graph that was not converted;
    `confusion` counts rows by label, then by prediction, in the order of `classes`; `roc` only
    with a positive class. For regression there are neither.
    """

    graph_path: str
    graph_bytes: int
    largest_difference: float | None
    metrics: dict[str, float]
    slices: tuple[SliceMetrics, ...]
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    roc: RocCurve | None = None
    answers_path: str

    def location(self) -> str:
        """Return the path of the graph."""
        return self.graph_path

    def scores(self) -> Mapping[str, float]:
        """Return the metrics."""
        return self.metrics


class ReleaseResult(StepResult):
    """A release that passed its gates; `dataset_version` is empty when it was judged on no rows."""

    release_id: str
    release_path: str
    card_path: str
    candidate: str
    run_id: str
    dataset_version: str
    metrics: dict[str, float]
    figure_paths: dict[str, str]

    def location(self) -> str:
        """Return the folder of the release."""
        return self.release_path

    def page(self) -> str:
        """Return the path of the model card."""
        return self.card_path


class StageResult(StepResult):
    """A release that staging serves, its version in MLflow, and the largest difference between the
    gateway's and offline probabilities.
    """

    release_id: str
    release_path: str
    model_version: str
    largest_difference: float

    def location(self) -> str:
        """Return the folder of the release."""
        return self.release_path

    def scores(self) -> Mapping[str, float]:
        """Return the largest difference."""
        return {"largest_difference": self.largest_difference}
