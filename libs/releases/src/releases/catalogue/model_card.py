"""The model card: purpose, metrics and limits of a release.

It is stored with the release and is not part of its id.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from evaluation import MetricEstimate, SliceMetrics
from platform_core.contracts.base import Contract
from platform_core.contracts.release import Lineage, Rule
from platform_core.contracts.tasks import Task
from platform_core.storage import MODEL_CARD_FILE, MODEL_CARD_PAGE_FILE

CARD_JSON, CARD_HTML = MODEL_CARD_FILE, MODEL_CARD_PAGE_FILE


class TrialSummary(Contract):
    """One trial of the search.

    `score` is the metric over all out-of-fold predictions, `folds` that of each fold, `ranking`
    their average precision (for numbers their R2), `seconds` the time to fit and `threshold` the
    chosen one, if any; `excluded` says why the trial could not win.
    """

    number: int
    candidate: str
    parameters: dict[str, Any]
    score: float
    folds: tuple[float, ...]
    ranking: float
    seconds: float
    threshold: float | None = None
    excluded: str | None = None


class DataSummary(Contract):
    """Figures of the dataset version that a release was trained on.

    `warnings` are those of the data report, `None` without a report.
    """

    dataset_version: str
    parents: tuple[str, ...] = ()
    rows: int
    train_rows: int
    test_rows: int
    classes: dict[str, int]
    split: str
    split_why: str
    boundaries: dict[str, datetime] = Field(default_factory=dict)
    near_duplicates: int
    duplicates: int
    quarantined: int
    reasons: dict[str, int] = Field(default_factory=dict)
    sources: dict[str, int] = Field(default_factory=dict)
    warnings: tuple[str, ...] | None = None
    report: str | None = None


class ModelCard(Contract):
    """`model_card.json`. `limits` are sentences about what the metrics do not cover, `unseen` the
    metrics of each of several sources under models that have not seen it.

    `confusion` counts the test rows by label, then by answer, in the order of `classes`; it is
    empty for numbers. `graph_bytes` is the size of the ONNX graph, `fit_seconds` the time to fit
    the model, `None` for an imported one. Without `data` the model was judged on no rows.
    """

    format: Literal[1] = 1
    title: str
    use_case: str
    task: Task
    classes: tuple[str, ...]
    positive: str | None
    metric: str
    metrics: dict[str, MetricEstimate]
    decision: Rule
    decision_why: str
    slices: tuple[SliceMetrics, ...]
    unseen: tuple[SliceMetrics, ...] = ()
    data: DataSummary | None
    trials: tuple[TrialSummary, ...]
    search_complete: bool
    lineage: Lineage
    limits: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...] = ()
    graph_bytes: int | None = None
    fit_seconds: float | None = None
