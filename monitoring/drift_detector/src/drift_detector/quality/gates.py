"""How the metrics of a report compare with the gates of the use case."""

from collections.abc import Sequence

from platform_core.contracts.quality_report import (
    MetricQuality,
    QualityEstimate,
    QualityReport,
    QualityVerdict,
    SliceQuality,
)
from platform_core.contracts.tasks import ERROR_METRICS
from use_cases import Gates


def estimated_quality(report: QualityReport, gates: Gates) -> QualityEstimate | None:
    """Return the estimate that speaks most clearly against the release; `None` without a value.

    That is the one furthest on the wrong side of its gate, measured from the end of its interval
    that is nearer to the right side: if this one is not below its gate, none is.
    """
    estimates = gate_estimates(report.metrics, report.slices, gates)
    known = [one for one in estimates if one.estimate is not None]
    return max(known, key=_shortfall, default=None)


def gate_estimates(
    metrics: Sequence[MetricQuality], slices: Sequence[SliceQuality], gates: Gates
) -> tuple[QualityEstimate, ...]:
    """Return for each gate what is known of its metric, over all rows or in its slice."""
    known = {("", one.metric): one for one in metrics}
    for part in slices:
        known |= {(f"{part.kind}={part.name}", one.metric): one for one in part.metrics}
    estimates = []
    for gate in gates.minimums:
        place = "=".join(gate.slice_of) if gate.slice else ""
        found = known.get((place, gate.metric))
        value = (None, None, None) if found is None else (found.estimate, found.low, found.high)
        method = None if found is None or found.estimate is None else found.method
        estimates.append(QualityEstimate(gate.metric, *value, gate.limit, place, method))
    return tuple(estimates)


def verdict_of(estimates: Sequence[QualityEstimate]) -> QualityVerdict:
    """Return how a release compares with all its gates."""
    if any(one.is_below_gate for one in estimates):
        return QualityVerdict.BELOW_GATE
    if all(one.estimate is None for one in estimates):
        return QualityVerdict.NOT_ENOUGH
    if all(one.is_above_gate for one in estimates):
        return QualityVerdict.OK
    return QualityVerdict.UNDECIDED


def _shortfall(one: QualityEstimate) -> float:
    """Return by how much the better end of the interval misses the limit; negative if it does not.

    Metrics of different units are compared relative to their limits.
    """
    low, high = one.low or 0.0, one.high or 0.0
    missing = low - one.limit if one.metric in ERROR_METRICS else one.limit - high
    return missing / (abs(one.limit) or 1.0)
