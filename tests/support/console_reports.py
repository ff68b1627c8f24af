"""A day of quality and drift reports of a use case that a console shows."""

from collections.abc import Container
from datetime import datetime, timedelta

from platform_core.contracts.drift_report import ColumnDrift, DriftReport, DriftVerdict, ShareChange
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import (
    MetricQuality,
    QualityEstimate,
    QualityMethod,
    QualityReport,
    QualityVerdict,
    SliceQuality,
)
from platform_core.contracts.serving_state import ServingRole
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import drift_report_path, quality_report_path

PRODUCTION = Environment.PRODUCTION
HOUR = timedelta(hours=1)
GATE = 0.85
FIRST, SECOND = "1" * 32, "2" * 32
NOT_ENOUGH, ESTIMATED, BELOW, MISSING = 2, 3, 5, 8
"""Windows, counted back from the newest: too few labels, no labels, below the gate, no report."""
DRIFTED = range(4)
HOSTILE_COLUMN = "<b>sender</b>"


def write_reports(
    store: BlobStore,
    use_case: str,
    now: datetime,
    hours: int = 24,
    harmful: Container[int] = (1,),
    release_id: str | None = None,
) -> None:
    """Write the reports of the last `hours` windows; the newest ends at `now`.

    `harmful` are windows that are harmful if they are drifted, counted back from the newest. All
    are about `release_id`, by default about two releases in turn.
    """
    for back in range(hours):
        end = now - back * HOUR
        drift = _drift(use_case, end, back, back in harmful)
        if release_id is not None:
            drift = drift.model_copy(update={"release_id": release_id})
        store.write(
            drift_report_path(use_case, PRODUCTION, end, drift.report_id, "json"),
            drift.model_dump_json().encode(),
        )
        if back == MISSING:
            continue
        quality = _quality(use_case, end, back)
        store.write(
            quality_report_path(use_case, PRODUCTION, end, quality.report_id),
            quality.model_dump_json().encode(),
        )


def _quality(use_case: str, end: datetime, back: int) -> QualityReport:
    value = _value("f1", back)
    below = back == BELOW
    return QualityReport(
        report_id=f"{back:032x}",
        revision=1,
        use_case=use_case,
        environment=PRODUCTION,
        release_id=_release(back),
        role=ServingRole.STABLE,
        start=end - HOUR,
        end=end,
        created_at=end,
        mature=False,
        rows=1000,
        labelled=value.labelled,
        calibrated_on=0,
        verdict=QualityVerdict.BELOW_GATE if below else QualityVerdict.OK,
        gates=(
            QualityEstimate(
                metric="f1", estimate=value.estimate, low=value.low, high=value.high, limit=GATE
            ),
        ),
        metrics=(value, _value("recall", back)),
        slices=(
            SliceQuality(
                kind="plan", name="<i>basic</i>", rows=300, labelled=9, metrics=(_value("f1", 2),)
            ),
        ),
    )


def _value(metric: str, back: int) -> MetricQuality:
    if back == NOT_ENOUGH:
        return MetricQuality(
            metric=metric, method=QualityMethod.NOT_ENOUGH, rows=1000, labelled=3, needed=47
        )
    guess = back == ESTIMATED
    estimate = 0.7 if back == BELOW else 0.9
    return MetricQuality(
        metric=metric,
        method=QualityMethod.ESTIMATED if guess else QualityMethod.LABELS,
        estimate=estimate,
        low=estimate - 0.05,
        high=estimate + 0.05,
        rows=1000,
        labelled=0 if guess else 500,
        needed=50 if guess else 0,
    )


def _drift(use_case: str, end: datetime, back: int, harmful: bool) -> DriftReport:
    drifted = None if back == NOT_ENOUGH else back in DRIFTED
    harmful = drifted and harmful
    moved = ColumnDrift(
        column=HOSTILE_COLUMN,
        kind="categorical",
        verdict=DriftVerdict.DRIFT if drifted else DriftVerdict.OK,
        rows=1000,
        psi=0.4,
        drifted=drifted,
        moved=(ShareChange(values="known", baseline_share=0.75, share=0.2),) if drifted else (),
        bins=("known", "other"),
        baseline_counts=(3000, 1000),
        counts=(200, 800),
    )
    still = moved.model_copy(
        update={"column": "length", "verdict": DriftVerdict.OK, "drifted": False, "moved": ()}
    )
    return DriftReport(
        report_id=f"{back:032x}",
        use_case=use_case,
        environment=PRODUCTION,
        release_id=_release(back),
        start=end - HOUR,
        end=end,
        created_at=end,
        rows=1000,
        verdict=DriftVerdict.DRIFT if drifted else DriftVerdict.OK,
        drifted=drifted,
        harmful=harmful,
        harm=("f1 is 0.7, below 0.85",) if harmful else (),
        role=ServingRole.STABLE,
        score=0.4,
        columns=(moved, still),
        class_shares={"yes": 0.3, "no": 0.7},
        alarms=(f"drift:{HOSTILE_COLUMN}",) if drifted else (),
    )


def _release(back: int) -> str:
    """Return the release that was stable: another one twelve hours ago."""
    return SECOND if back < 12 else FIRST
