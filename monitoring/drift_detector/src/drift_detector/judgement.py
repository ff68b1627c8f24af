"""From counts to verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baseline import Reference, ks_two_sample, monitored_columns, occupied_bins, psi, psi_critical
from drift_detector.traffic import ReleaseTraffic, Tally
from platform_core.contracts.drift_report import ColumnDrift, DriftVerdict
from use_cases import MonitoredColumn, UseCase

_SEVERITY = (DriftVerdict.OK, DriftVerdict.WARNING, DriftVerdict.DRIFT)
DRIFT_ALARM = "drift"
MISSING_ALARM = "missing"
CLASS_SHARE_ALARM = "class-share"


@dataclass(frozen=True)
class Policy:
    """When a difference counts.

    A PSI counts when it is above `psi_warning` or `psi_drift` and above what chance gives in
    `alpha` of all windows, shared out among the columns (Bonferroni 1936). For a numeric column
    the KS test must find it significant as well. The window drifts when `min_columns` columns do.
    """

    min_rows: int
    psi_warning: float
    psi_drift: float
    alpha: float
    min_columns: int
    max_class_share: float
    max_missing_increase: float


@dataclass(frozen=True)
class Judgement:
    """What the records of one release in one window come to."""

    verdict: DriftVerdict
    score: float | None
    columns: tuple[ColumnDrift, ...]
    class_shares: dict[str, float]
    alarms: tuple[str, ...]
    detail: str = ""


def judge(policy: Policy, use_case: UseCase, traffic: ReleaseTraffic) -> Judgement:
    """Return the verdict on `traffic`; with fewer than `min_rows` rows there is none."""
    columns = tuple(
        _judge_column(policy, column, traffic, len(monitored_columns(use_case)))
        for column in monitored_columns(use_case)
    )
    if traffic.rows < policy.min_rows:
        detail = f"{traffic.rows} rows, at least {policy.min_rows} are needed"
        return Judgement(DriftVerdict.INSUFFICIENT_DATA, None, columns, {}, (), detail)
    shares = {name: traffic.predictions.get(name, 0) / traffic.rows for name in use_case.classes}
    alarms = (
        *(f"{DRIFT_ALARM}:{c.column}" for c in columns if c.verdict is DriftVerdict.DRIFT),
        *(f"{MISSING_ALARM}:{c.column}" for c in columns if _lost_values(policy, c)),
        *(f"{CLASS_SHARE_ALARM}:{name}" for name in _dominant(policy, traffic, shares)),
    )
    measured = [column.psi for column in columns if column.psi is not None]
    return Judgement(
        verdict=_window_verdict(policy, columns, alarms),
        score=max(measured, default=None),
        columns=columns,
        class_shares=shares,
        alarms=alarms,
    )


def _window_verdict(
    policy: Policy, columns: Sequence[ColumnDrift], alarms: Sequence[str]
) -> DriftVerdict:
    verdicts = [c.verdict for c in columns if c.verdict is not DriftVerdict.INSUFFICIENT_DATA]
    if verdicts.count(DriftVerdict.DRIFT) >= policy.min_columns:
        return DriftVerdict.DRIFT
    if alarms or any(verdict is not DriftVerdict.OK for verdict in verdicts):
        return DriftVerdict.WARNING
    return DriftVerdict.OK if verdicts else DriftVerdict.INSUFFICIENT_DATA


def _judge_column(
    policy: Policy, column: MonitoredColumn, traffic: ReleaseTraffic, columns: int
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
    reason = _cannot_be_measured(policy, tally, reference)
    if reason or reference is None:
        drift = drift.model_copy(update={"detail": reason})
    else:
        drift = drift.model_copy(update=_compare(policy, reference, tally, policy.alpha / columns))
    return _with_missing(policy, drift) if tally.rows >= policy.min_rows else drift


def _cannot_be_measured(policy: Policy, tally: Tally, reference: Reference | None) -> str:
    if reference is None or tally.counts is None:
        return "the baseline has no such column"
    if reference.rows == reference.missing:
        return "the baseline has no values of it"
    if tally.present < policy.min_rows:
        return f"{tally.present} values, at least {policy.min_rows} are needed"
    return ""


def _compare(
    policy: Policy, reference: Reference, tally: Tally, alpha: float
) -> Mapping[str, object]:
    expected, actual = reference.bins(reference.cells), reference.bins(tally.counts)
    index = psi(expected, actual)
    rows = reference.rows - reference.missing
    chance = psi_critical(occupied_bins(expected, actual), rows, tally.present, alpha)
    ks = ks_two_sample(reference.cells, tally.counts) if reference.kind == "numeric" else None
    limits = {
        DriftVerdict.DRIFT: max(policy.psi_drift, chance),
        DriftVerdict.WARNING: max(policy.psi_warning, chance),
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


def _with_missing(policy: Policy, drift: ColumnDrift) -> ColumnDrift:
    if not _lost_values(policy, drift):
        return drift
    said = (
        f"{drift.missing_share:.0%} of the values are missing, "
        f"{drift.baseline_missing_share:.0%} in the baseline"
    )
    verdict = drift.verdict if drift.verdict in _SEVERITY else DriftVerdict.WARNING
    return drift.model_copy(
        update={
            "verdict": max(verdict, DriftVerdict.WARNING, key=_SEVERITY.index),
            "detail": "; ".join(filter(None, [drift.detail, said])),
        }
    )


def _lost_values(policy: Policy, drift: ColumnDrift) -> bool:
    if drift.missing_share is None or drift.baseline_missing_share is None:
        return False
    return drift.missing_share - drift.baseline_missing_share > policy.max_missing_increase


def _dominant(policy: Policy, traffic: ReleaseTraffic, shares: Mapping[str, float]) -> list[str]:
    """Return the classes predicted too often, unless the baseline already had that share."""
    reference = traffic.references.get("prediction")
    usual = {}
    if reference is not None and reference.kind == "categorical":
        counts = zip(reference.categories, reference.counts.tolist(), strict=False)
        usual = {name: count / max(reference.rows, 1) for name, count in counts}
    limit = policy.max_class_share
    return [name for name, share in shares.items() if share > limit >= usual.get(name, 0.0)]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
