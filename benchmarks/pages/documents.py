"""Documents of the usual size: model cards, reports, comparisons, inference records."""

from datetime import datetime, timedelta
from typing import Any

from platform_core.contracts.comparison import (
    Comparison,
    ComparisonVerdict,
    CriterionResult,
    EvidenceHistory,
    EvidenceInterval,
    EvidencePoint,
)
from platform_core.contracts.drift_report import ColumnDrift, DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.inference_record import InferenceRecord, Purpose
from platform_core.contracts.quality_report import (
    CalibrationCell,
    MetricQuality,
    QualityEstimate,
    QualityMethod,
    QualityReport,
    QualityVerdict,
    SliceQuality,
)
from platform_core.contracts.serving_state import ServingRole

PRODUCTION = Environment.PRODUCTION
HOUR = timedelta(hours=1)
ROWS = 4000
COLUMNS, SLICES, BINS, POINTS = 12, 8, 10, 60
METRICS = ("f1", "precision", "recall", "roc_auc", "accuracy")
CRITERIA = ("errors", "latency_p50", "latency_p95", "outputs", "quality")


def model_card(release_id: str) -> dict[str, Any]:
    """Return a model card as training writes it."""
    value = {"value": 0.9, "low": 0.88, "high": 0.92}
    return {
        "format": 1,
        "title": "E-mail spam",
        "use_case": "spam",
        "task": "binary",
        "classes": ["ham", "spam"],
        "positive": "spam",
        "metric": "f1",
        "metrics": dict.fromkeys(METRICS, value),
        "decision_why": "the false positive rate on held-out rows is at most 0.02",
        "slices": [
            {"kind": "language", "name": f"part {n}", "rows": 300, "metrics": {"f1": value}}
            for n in range(SLICES)
        ],
        "confusion": [[500, 20], [15, 265]],
        "data": {"dataset_version": "0" * 16, "rows": 4000, "test_rows": 800, "warnings": []},
        "limits": ["trained on generated mail"],
        "lineage": {"release_id": release_id},
    }


def quality_report(use_case: str, end: datetime, release_id: str) -> QualityReport:
    """Return the quality of one hour, with slices and the cells that calibrate later ones."""
    metrics = tuple(map(_metric, METRICS))
    return QualityReport(
        report_id=f"{int(end.timestamp()):032x}",
        revision=1,
        use_case=use_case,
        environment=PRODUCTION,
        release_id=release_id,
        role=ServingRole.STABLE,
        start=end - HOUR,
        end=end,
        created_at=end,
        mature=False,
        rows=ROWS,
        labelled=500,
        calibrated_on=1000,
        verdict=QualityVerdict.OK,
        gates=(QualityEstimate(metric="f1", estimate=0.9, low=0.88, high=0.92, limit=0.85),),
        metrics=metrics,
        slices=tuple(
            SliceQuality(kind="language", name=f"part {n}", rows=300, labelled=60, metrics=metrics)
            for n in range(SLICES)
        ),
        calibration=tuple(
            CalibrationCell(output=name, bin=n, rows=50, predicted=20.5, observed=20, squares=20)
            for name in ("ham", "spam")
            for n in range(BINS)
        ),
    )


def drift_report(use_case: str, end: datetime, release_id: str) -> DriftReport:
    """Return the drift of one hour, in which nothing moved."""
    return DriftReport(
        report_id=f"{int(end.timestamp()):032x}",
        use_case=use_case,
        environment=PRODUCTION,
        release_id=release_id,
        start=end - HOUR,
        end=end,
        created_at=end,
        rows=ROWS,
        verdict=DriftVerdict.OK,
        drifted=False,
        harmful=False,
        role=ServingRole.STABLE,
        score=0.02,
        columns=tuple(_column(f"column_{n}") for n in range(COLUMNS)),
        class_shares={"ham": 0.7, "spam": 0.3},
        alarms=(),
    )


def comparison(
    use_case: str, now: datetime, stable: str, candidate: str, change_id: str
) -> Comparison:
    """Return the evidence about a canary after five hours."""
    return Comparison(
        use_case=use_case,
        environment=PRODUCTION,
        change_id=change_id,
        role=ServingRole.CANARY,
        stable_release=stable,
        candidate_release=candidate,
        started=now - 5 * HOUR,
        updated=now,
        stable_answers=18_000,
        candidate_answers=2_000,
        paired=0,
        criteria=tuple(map(_criterion, CRITERIA)),
        verdict=ComparisonVerdict.UNDECIDED,
        needed=1234,
    )


def evidence(found: Comparison, now: datetime) -> EvidenceHistory:
    """Return how this evidence grew."""
    named = found.model_dump(
        include={
            "use_case", "environment", "change_id", "role", "stable_release", "candidate_release",
            "started",
        }
    )  # fmt: skip
    fields = set(EvidenceInterval.model_fields)
    criteria = tuple(EvidenceInterval(**one.model_dump(include=fields)) for one in found.criteria)
    points = tuple(
        EvidencePoint(
            updated=now - n * timedelta(minutes=5),
            stable_answers=18_000 - 300 * n,
            candidate_answers=2_000 - 30 * n,
            criteria=criteria,
            verdict=found.verdict,
        )
        for n in reversed(range(POINTS))
    )
    return EvidenceHistory(**named, points=points)


def record(
    use_case: str, prediction_id: str, time: datetime, release_id: str, given: dict[str, Any]
) -> InferenceRecord:
    """Return a live answer to the record `given`."""
    return InferenceRecord(
        prediction_id=prediction_id,
        request_id=prediction_id,
        time=time,
        use_case=use_case,
        environment=PRODUCTION,
        release_id=release_id,
        input=given,
        features=[0.5] * COLUMNS,
        probabilities={"ham": 0.1, "spam": 0.9},
        prediction="spam",
        degraded=False,
        purpose=Purpose.LIVE,
        latency_ms=4.2,
    )


def _metric(name: str) -> MetricQuality:
    return MetricQuality(
        metric=name,
        method=QualityMethod.LABELS,
        estimate=0.9,
        low=0.88,
        high=0.92,
        rows=ROWS,
        labelled=500,
    )


def _column(name: str) -> ColumnDrift:
    return ColumnDrift(
        column=name,
        kind="numeric",
        verdict=DriftVerdict.OK,
        rows=ROWS,
        missing_share=0.0,
        baseline_missing_share=0.0,
        psi=0.02,
        psi_limit=0.2,
        ks=0.01,
        ks_p_value=0.4,
        jensen_shannon=0.01,
        drifted=False,
        e_value=0.8,
        bins=tuple(f"{n} to {n + 1}" for n in range(BINS)),
        baseline_counts=(ROWS // BINS,) * BINS,
        counts=(ROWS // BINS,) * BINS,
        design_effect=1.0,
    )


def _criterion(name: str) -> CriterionResult:
    return CriterionResult(
        name=name,
        estimate=0.001,
        lower=-0.02,
        upper=0.03,
        lower_error=0.0125,
        upper_error=0.05,
        margin=0.01,
        candidate_records=2_000,
        stable_records=18_000,
        verdict=ComparisonVerdict.UNDECIDED,
        needed=1234,
    )
