"""The latest quality reports, as a response and as Prometheus metrics."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from prometheus_client.core import GaugeMetricFamily
from pydantic import BaseModel

from platform_core.contracts.quality_report import (
    MetricQuality,
    QualityEstimate,
    QualityReport,
    QualityVerdict,
    SliceQuality,
)
from platform_core.contracts.serving_state import ServingRole

_LABELS = ("use_case", "environment", "role")
_NOT_SHOWN = {"use_case", "environment", "calibration", "label_state", "mean_logits", "metrics"}


class QualityInfo(BaseModel):
    """The latest quality report of the stable release, and those of canary and shadow in
    `candidates`; before the first one only `status` (`no-report`).
    """

    status: QualityVerdict | Literal["no-report"]
    report_id: str | None = None
    revision: int | None = None
    release_id: str | None = None
    role: ServingRole | None = None
    start: datetime | None = None
    end: datetime | None = None
    created_at: datetime | None = None
    mature: bool | None = None
    rows: int | None = None
    labelled: int | None = None
    calibrated_on: int | None = None
    verdict: QualityVerdict | None = None
    gates: list[QualityEstimate] | None = None
    metrics: dict[str, MetricQuality] | None = None
    slices: list[SliceQuality] | None = None
    detail: str | None = None
    log_objects: int | None = None
    candidates: dict[ServingRole, "QualityInfo"] | None = None


def quality_info(reports: Mapping[ServingRole, QualityReport]) -> QualityInfo:
    """Return the reports of one use case and environment, with metrics by name."""
    stable = _info(reports.get(ServingRole.STABLE))
    others = {role: _info(one) for role, one in reports.items() if role is not ServingRole.STABLE}
    return stable.model_copy(update={"candidates": others}) if others else stable


def quality_gauges(reports: Iterable[QualityReport]) -> Iterable[GaugeMetricFamily]:
    """Return the reports as Prometheus metrics. A metric without a value has no sample."""
    families = {
        name: GaugeMetricFamily(f"gateway_quality_{name}", text, labels=[*_LABELS, *more])
        for name, text, more in (
            ("estimate", "A metric of live answers in the latest report.", ["metric", "method"]),
            ("low", "Lower end of its 95 % interval.", ["metric"]),
            ("high", "Upper end of its 95 % interval.", ["metric"]),
            ("rows", "Live records in the latest report.", []),
            ("labelled", "Live records in the latest report that have a label.", []),
            ("verdict", "1 for the latest report's verdict.", ["verdict"]),
            ("report_end_seconds", "Unix time the latest report's window ended.", []),
        )
    }
    for report in reports:
        place = [report.use_case, report.environment.value, report.role.value]
        for one in report.metrics:
            if one.estimate is not None and one.low is not None and one.high is not None:
                families["estimate"].add_metric([*place, one.metric, one.method], one.estimate)
                families["low"].add_metric([*place, one.metric], one.low)
                families["high"].add_metric([*place, one.metric], one.high)
        families["rows"].add_metric(place, report.rows)
        families["labelled"].add_metric(place, report.labelled)
        for known in QualityVerdict:
            families["verdict"].add_metric([*place, known], float(known is report.verdict))
        families["report_end_seconds"].add_metric(place, report.end.timestamp())
    return families.values()


def _info(report: QualityReport | None) -> QualityInfo:
    if report is None:
        return QualityInfo(status="no-report")
    fields = {name: getattr(report, name) for name in type(report).model_fields}
    shown = {name: value for name, value in fields.items() if name not in _NOT_SHOWN}
    metrics = {one.metric: one for one in report.metrics}
    return QualityInfo(status=report.verdict, metrics=metrics, **shown)
