"""The verdict on the counted traffic of one release in one window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baseline import monitored_columns
from drift_detector.detection.columns import column_drift, missing_increased
from drift_detector.detection.harm import CLASS_SHARE_ALARM
from drift_detector.detection.policy import DriftPolicy
from drift_detector.detection.sequence import with_sequential_test
from drift_detector.traffic import ReleaseTraffic
from platform_core.contracts.drift_report import ColumnDrift, DriftReport, DriftVerdict
from use_cases import UseCase

DRIFT_ALARM = "drift"
MISSING_ALARM = "missing"
UNTESTED: Mapping[str, object] = {"counts": None, "design_effect": None}


@dataclass(frozen=True)
class TrafficVerdict:
    """The verdict on the records of one release in one window."""

    verdict: DriftVerdict
    score: float | None
    columns: tuple[ColumnDrift, ...]
    class_shares: dict[str, float]
    alarms: tuple[str, ...]
    drifted: bool | None = None
    looks: int = 0
    detail: str = ""


def traffic_verdict(
    policy: DriftPolicy,
    use_case: UseCase,
    traffic: ReleaseTraffic,
    earlier: Sequence[DriftReport] | None,
) -> TrafficVerdict:
    """Return the verdict on `traffic`: insufficient data with fewer than `min_rows` rows.

    `earlier` are the release's reports that the sequential test continues, the oldest first;
    `None` leaves the test out, and nothing is said about drift.
    """
    monitored = monitored_columns(use_case)
    columns = tuple(
        column_drift(
            policy, c, traffic.tallies[c.name], traffic.references.get(c.name), len(monitored)
        )
        for c in monitored
    )
    if traffic.rows < policy.min_rows:
        detail = f"{traffic.rows} rows, at least {policy.min_rows} are needed"
        return insufficient_data(detail, columns)
    if earlier is None:
        columns = tuple(column.model_copy(update=UNTESTED) for column in columns)
    else:
        columns = with_sequential_test(policy, traffic.references, columns, earlier)
    shares = {name: traffic.predictions.get(name, 0) / traffic.rows for name in use_case.classes}
    alarms = (
        *(f"{DRIFT_ALARM}:{c.column}" for c in columns if c.drifted),
        *(f"{MISSING_ALARM}:{c.column}" for c in columns if missing_increased(policy, c)),
        *(f"{CLASS_SHARE_ALARM}:{name}" for name in _dominant_classes(policy, traffic, shares)),
    )
    scores = [getattr(column, use_case.drift_score) for column in columns]
    drifted = _drifted(policy, columns)
    return TrafficVerdict(
        verdict=_window_verdict(drifted, columns, alarms),
        score=max((score for score in scores if score is not None), default=None),
        columns=columns,
        class_shares=shares,
        alarms=alarms,
        drifted=drifted,
        looks=0 if drifted is None else 1 + len(earlier or ()),
    )


def insufficient_data(detail: str, columns: tuple[ColumnDrift, ...] = ()) -> TrafficVerdict:
    """Return the verdict that drift could not be determined."""
    return TrafficVerdict(DriftVerdict.INSUFFICIENT_DATA, None, columns, {}, (), detail=detail)


def _drifted(policy: DriftPolicy, columns: Sequence[ColumnDrift]) -> bool | None:
    tested = [column.drifted for column in columns if column.drifted is not None]
    return sum(tested) >= policy.min_columns if tested else None


def _window_verdict(
    drifted: bool | None, columns: Sequence[ColumnDrift], alarms: Sequence[str]
) -> DriftVerdict:
    if drifted:
        return DriftVerdict.DRIFT
    verdicts = [c.verdict for c in columns if c.verdict is not DriftVerdict.INSUFFICIENT_DATA]
    if alarms or any(verdict is not DriftVerdict.OK for verdict in verdicts):
        return DriftVerdict.WARNING
    return DriftVerdict.OK if verdicts else DriftVerdict.INSUFFICIENT_DATA


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
