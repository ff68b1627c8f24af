"""The model card: what a release is for, how good it is, and what nobody has measured.

It lies beside the release and does not enter its id.
"""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from evaluation import MetricEstimate, SliceMetrics
from platform_core.contracts.base import Contract
from platform_core.contracts.release import DecisionRule, Lineage

CARD_JSON, CARD_HTML = "model_card.json", "model_card.html"


class TrialSummary(Contract):
    """One trial of the search: its score over all out-of-fold answers, that of each fold, their
    average precision, and the threshold that went with it, if one was chosen.
    """

    number: int
    candidate: str
    parameters: dict[str, Any]
    score: float
    folds: tuple[float, ...]
    ranking: float
    seconds: float
    threshold: float | None = None


class DataSummary(Contract):
    """The dataset version a release was made from, in figures; `warnings` are those of the data
    report, `None` where there is no report.
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
    """`model_card.json`. `limits` are sentences on what the figures do not say."""

    format: Literal[1] = 1
    title: str
    use_case: str
    classes: tuple[str, ...]
    positive: str | None
    metric: str
    metrics: dict[str, MetricEstimate]
    decision: DecisionRule
    decision_why: str
    slices: tuple[SliceMetrics, ...]
    data: DataSummary
    trials: tuple[TrialSummary, ...]
    search_complete: bool
    lineage: Lineage
    limits: tuple[str, ...]
