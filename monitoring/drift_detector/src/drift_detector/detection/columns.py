"""Statistics of one column in one window."""

from collections.abc import Mapping

import numpy as np

from baseline import Reference, jensen_shannon, ks_two_sample, occupied_bins, psi, psi_critical
from drift_detector.detection.policy import DriftPolicy
from drift_detector.traffic import Tally
from evaluation.drift import design_effect, events
from platform_core.contracts.drift_report import ColumnDrift, DriftVerdict
from use_cases import MonitoredColumn


def column_drift(
    policy: DriftPolicy,
    column: MonitoredColumn,
    tally: Tally,
    reference: Reference | None,
    columns: int,
) -> ColumnDrift:
    """Return the statistics of a column, one of `columns`, without the sequential test."""
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
        drift = drift.model_copy(update={**update, **_evidence(reference, tally)})
    return _with_missing(policy, drift) if tally.rows >= policy.min_rows else drift


def missing_increased(policy: DriftPolicy, drift: ColumnDrift) -> bool:
    """Return whether more values are missing than in the baseline and the policy allow."""
    if drift.missing_share is None or drift.baseline_missing_share is None:
        return False
    return drift.missing_share - drift.baseline_missing_share > policy.max_missing_increase


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
    significant = ks is None or ks[1] < alpha
    exceeded = index > max(policy.psi_warning, critical) and significant
    return {
        "verdict": DriftVerdict.WARNING if exceeded else DriftVerdict.OK,
        "psi": index,
        "psi_limit": max(policy.psi_drift, critical),
        "ks": ks[0] if ks else None,
        "ks_p_value": ks[1] if ks else None,
        "jensen_shannon": jensen_shannon(expected, actual),
    }


def _evidence(reference: Reference, tally: Tally) -> Mapping[str, object]:
    if tally.counts is None or tally.blocks is None:
        return {}
    blocks = tally.blocks.counts
    return {
        "counts": tuple(reference.bins(tally.counts).tolist()),
        "bins": reference.bin_names,
        "baseline_counts": tuple(reference.bins(reference.cells).tolist()),
        "design_effect": design_effect(events(reference.kind, blocks), blocks.sum(axis=1)),
    }


def _with_missing(policy: DriftPolicy, drift: ColumnDrift) -> ColumnDrift:
    if not missing_increased(policy, drift):
        return drift
    text = (
        f"{drift.missing_share:.0%} of the values are missing, "
        f"{drift.baseline_missing_share:.0%} in the baseline"
    )
    detail = "; ".join(filter(None, [drift.detail, text]))
    return drift.model_copy(update={"verdict": DriftVerdict.WARNING, "detail": detail})


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
