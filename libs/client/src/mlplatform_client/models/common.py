"""The base of every document, and the values that fields may have.

A newer gateway may send fields and values that this version has no name for. They are kept, not
refused: unknown fields in `model_extra`, unknown values as they are.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Document(BaseModel):
    """A part of a response; immutable."""

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


Action = Literal["deploy", "promote", "rollback", "canary", "shadow", "abort", "retrain"] | str
ChangeStatus = Literal["suggested", "rejected", "requested", "applied", "refused", "failed"] | str
ComparisonVerdict = Literal["better", "worse", "equivalent", "undecided"] | str
DriftVerdict = Literal["ok", "warning", "drift", "insufficient-data"] | str
Environment = Literal["staging", "production"] | str
PRODUCTION: Environment = "production"
JobStatus = Literal["submitted", "running", "succeeded", "failed", "cancelled"] | str
Purpose = Literal["live", "smoke", "drill", "try"] | str
QualityMethod = Literal["labels", "prediction-powered", "estimated", "not-enough"] | str
QualityVerdict = Literal["ok", "undecided", "below-gate", "not-enough"] | str
Rejection = (
    Literal[
        "invalid-label",
        "no-prediction-id",
        "unknown-class",
        "not-a-number",
        "in-the-future",
        "other-use-case",
        "expired",
        "erased",
    ]
    | str
)
RetrainingStatus = (
    Literal["suggested", "rejected", "waiting", "running", "finished", "failed", "unchanged"] | str
)
RunStatus = Literal["unfinished", "finished", "failed"] | str
ServingRole = Literal["stable", "canary", "shadow"] | str
MetricName = (
    Literal[
        "accuracy",
        "average_precision",
        "f1",
        "f1_macro",
        "false_positive_rate",
        "mae",
        "precision",
        "r2",
        "recall",
        "rmse",
        "roc_auc",
    ]
    | str
)
