"""Drift statistics and verdicts of the counted traffic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from baseline import Reference, ks_two_sample, monitored_columns, occupied_bins, psi, psi_critical
from drift_detector.traffic import ReleaseTraffic, Tally
from platform_core.contracts.drift_report import ColumnDrift, DriftVerdict
from use_cases import MonitoredColumn, UseCase

_SEVERITY = (DriftVerdict.OK, DriftVerdict.WARNING, DriftVerdict.DRIFT)
DRIFT_ALARM = "drift"
MISSING_ALARM = "missing"
CLASS_SHARE_ALARM = "class-share"


@dataclass(frozen=True)
class DriftPolicy:
    """When a difference counts as drift.

    The PSI must exceed `psi_warning` or `psi_drift`, and its critical value at level `alpha`,
    which is divided among the columns (Bonferroni 1936). For a numeric column the KS test must be
    significant as well. The window drifts if at least `min_columns` columns do.
    """

    min_rows: int
    psi_warning: float
    psi_drift: float
    alpha: float
    min_columns: int
    max_class_share: float
    max_missing_increase: float


@dataclass(frozen=True)
class TrafficVerdict:
    """The verdict on the records of one release in one window."""

    verdict: DriftVerdict
    score: float | None
    columns: tuple[ColumnDrift, ...]
    class_shares: dict[str, float]
    alarms: tuple[str, ...]
    detail: str = ""


def traffic_verdict(
    policy: DriftPolicy, use_case: UseCase, traffic: ReleaseTraffic
) -> TrafficVerdict:
    """Return the verdict on `traffic`: insufficient data with fewer than `min_rows` rows."""
    columns = tuple(
        _column_drift(policy, column, traffic, len(monitored_columns(use_case)))
        for column in monitored_columns(use_case)
    )
    if traffic.rows < policy.min_rows:
        detail = f"{traffic.rows} rows, at least {policy.min_rows} are needed"
        return insufficient_data(detail, columns)
    shares = {name: traffic.predictions.get(name, 0) / traffic.rows for name in use_case.classes}
    alarms = (
        *(f"{DRIFT_ALARM}:{c.column}" for c in columns if c.verdict is DriftVerdict.DRIFT),
        *(f"{MISSING_ALARM}:{c.column}" for c in columns if _missing_increased(policy, c)),
        *(f"{CLASS_SHARE_ALARM}:{name}" for name in _dominant_classes(policy, traffic, shares)),
    )
    measured = [column.psi for column in columns if column.psi is not None]
    return TrafficVerdict(
        verdict=_window_verdict(policy, columns, alarms),
        score=max(measured, default=None),
        columns=columns,
        class_shares=shares,
        alarms=alarms,
    )


def insufficient_data(detail: str, columns: tuple[ColumnDrift, ...] = ()) -> TrafficVerdict:
    """Return the verdict that drift could not be determined."""
    return TrafficVerdict(DriftVerdict.INSUFFICIENT_DATA, None, columns, {}, (), detail)


def _window_verdict(
    policy: DriftPolicy, columns: Sequence[ColumnDrift], alarms: Sequence[str]
) -> DriftVerdict:
    verdicts = [c.verdict for c in columns if c.verdict is not DriftVerdict.INSUFFICIENT_DATA]
    if verdicts.count(DriftVerdict.DRIFT) >= policy.min_columns:
        return DriftVerdict.DRIFT
    if alarms or any(verdict is not DriftVerdict.OK for verdict in verdicts):
        return DriftVerdict.WARNING
    return DriftVerdict.OK if verdicts else DriftVerdict.INSUFFICIENT_DATA


def _column_drift(
    policy: DriftPolicy, column: MonitoredColumn, traffic: ReleaseTraffic, columns: int
) -> ColumnDrift:
    tally = traffic.tallies[column.name]
    reference = traffic.references.get(column.name)
    drift = ColumnDrift(
        column=column.name,
        kind=column.kind,
        verdict=DriftVerdict.INSUFFICIENT_DATA,
        rows=tally.present,
        missing_share=_share(tally.missing, tally.rows),
        baseline_missing_share=_share(reference.missing, reference.rows) if reference else None,
    )
    reason = _insufficient(policy, tally, reference)
    if reason or reference is None or tally.counts is None:
        drift = drift.model_copy(update={"detail": reason})
    else:
        update = _compare(policy, reference, tally.counts, policy.alpha / columns)
        drift = drift.model_copy(update=update)
    return _with_missing(policy, drift) if tally.rows >= policy.min_rows else drift


def _insufficient(policy: DriftPolicy, tally: Tally, reference: Reference | None) -> str:
    if reference is None or tally.counts is None:
        return "the baseline has no such column"
    if reference.rows == reference.missing:
        return "the baseline has no values of it"
    if tally.present < policy.min_rows:
        return f"{tally.present} values, at least {policy.min_rows} are needed"
    return ""


def _compare(
    policy: DriftPolicy, reference: Reference, counts: np.ndarray, alpha: float
) -> Mapping[str, object]:
    expected, actual = reference.bins(reference.cells), reference.bins(counts)
    index = psi(expected, actual) or 0.0  # both sides have rows
    rows = reference.rows - reference.missing
    critical = psi_critical(occupied_bins(expected, actual), rows, int(counts.sum()), alpha)
    ks = ks_two_sample(reference.cells, counts) if reference.kind == "numeric" else None
    limits = {
        DriftVerdict.DRIFT: max(policy.psi_drift, critical),
        DriftVerdict.WARNING: max(policy.psi_warning, critical),
    }
    significant = ks is None or ks[1] < alpha
    exceeded = [verdict for verdict, limit in limits.items() if index > limit and significant]
    return {
        "verdict": exceeded[0] if exceeded else DriftVerdict.OK,
        "psi": index,
        "psi_limit": limits[DriftVerdict.DRIFT],
        "ks": ks[0] if ks else None,
        "ks_p_value": ks[1] if ks else None,
    }


def _with_missing(policy: DriftPolicy, drift: ColumnDrift) -> ColumnDrift:
    if not _missing_increased(policy, drift):
        return drift
    text = (
        f"{drift.missing_share:.0%} of the values are missing, "
        f"{drift.baseline_missing_share:.0%} in the baseline"
    )
    verdict = drift.verdict if drift.verdict in _SEVERITY else DriftVerdict.WARNING
    return drift.model_copy(
        update={
            "verdict": max(verdict, DriftVerdict.WARNING, key=_SEVERITY.index),
            "detail": "; ".join(filter(None, [drift.detail, text])),
        }
    )


def _missing_increased(policy: DriftPolicy, drift: ColumnDrift) -> bool:
    if drift.missing_share is None or drift.baseline_missing_share is None:
        return False
    return drift.missing_share - drift.baseline_missing_share > policy.max_missing_increase


def _dominant_classes(
    policy: DriftPolicy, traffic: ReleaseTraffic, shares: Mapping[str, float]
) -> list[str]:
    """Return the classes whose share exceeds the limit in the window but not in the baseline."""
    reference = traffic.references.get("prediction")
    baseline_shares = {}
    if reference is not None and reference.kind == "categorical":
        counts = zip(reference.categories, reference.counts.tolist(), strict=False)
        baseline_shares = {name: count / max(reference.rows, 1) for name, count in counts}
    limit = policy.max_class_share
    return [
        name for name, share in shares.items() if share > limit >= baseline_shares.get(name, 0.0)
    ]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
