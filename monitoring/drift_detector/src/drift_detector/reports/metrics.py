"""The latest reports as a table and as Prometheus metrics."""

from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from drift_detector.alerts import summary
from platform_core.contracts.drift_report import (
    ColumnDrift,
    DriftReport,
    DriftVerdict,
    ShareChange,
)

HEADINGS = (
    "column",
    "kind",
    "rows",
    "missing",
    "PSI",
    "limit",
    "KS",
    "KS p",
    "JS",
    "e-value",
    "verdict",
    "detail",
)
NO_NUMBER = "-"
REPORT_LABELS = ("use_case", "environment", "release_id")
COLUMN_LABELS = (*REPORT_LABELS, "column")
PREFIX = "mlplatform_drift"
STATEMENTS = {
    "drifted": "1 if the traffic differs from the baseline by more than the tolerance.",
    "harmful": "1 if quality is below a gate, or a class exceeds its allowed share.",
}


def table(reports: Sequence[DriftReport]) -> str:
    """Return the reports as text: for each, a sentence and a line per column."""
    if not reports:
        return "no drift report yet"
    return "\n\n".join("\n".join(_lines(report)) for report in reports)


def exposition(reports: Sequence[DriftReport]) -> str:
    """Return the reports in Prometheus' text format; a missing number has no sample."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_ReportCollector(reports))
    return generate_latest(registry).decode()


def _lines(report: DriftReport) -> Iterator[str]:
    yield summary(report)
    if not report.columns:
        return
    rows = [HEADINGS, *(_cells(column) for column in report.columns)]
    widths = [max(len(row[index]) for row in rows) for index in range(len(HEADINGS))]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(padded).rstrip()
    shares = ", ".join(f"{name} {share:.1%}" for name, share in report.class_shares.items())
    if shares:
        yield f"  predicted: {shares}"


def _cells(column: ColumnDrift) -> tuple[str, ...]:
    return (
        column.column,
        column.kind,
        str(column.rows),
        _number(column.missing_share, ".1%"),
        _number(column.psi, ".4f"),
        _number(column.psi_limit, ".4f"),
        _number(column.ks, ".4f"),
        _number(column.ks_p_value, ".2g"),
        _number(column.jensen_shannon, ".4f"),
        _number(column.e_value, ".2g"),
        column.verdict.value,
        "; ".join(filter(None, [*map(_movement, column.moved), column.detail])),
    )


def _movement(moved: ShareChange) -> str:
    return f"{moved.values}: {moved.baseline_share:.1%} to {moved.share:.1%}"


def _number(value: float | None, form: str) -> str:
    return NO_NUMBER if value is None else format(value, form)


class _ReportCollector(Collector):
    def __init__(self, reports: Sequence[DriftReport]) -> None:
        self._reports = reports

    def collect(self) -> Iterable[Metric]:
        """Yield one metric family per statistic."""
        yield from self._report_metrics()
        yield self._column_metric("psi", "Population stability index against the baseline.")
        yield self._column_metric("ks", "Kolmogorov-Smirnov statistic against the baseline.")
        yield self._column_metric("jensen_shannon", "Jensen-Shannon distance from the baseline.")
        yield self._column_metric("e_value", "Evidence of the sequential test for drift.")
        yield self._column_metric("missing_share", "Share of the values that are missing.")

    def _report_metrics(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily(
            f"{PREFIX}_rows", "Live rows in the latest window.", labels=REPORT_LABELS
        )
        score = GaugeMetricFamily(
            f"{PREFIX}_score",
            "Largest PSI or Jensen-Shannon distance of the latest window.",
            labels=REPORT_LABELS,
        )
        ended = GaugeMetricFamily(
            f"{PREFIX}_window_end_timestamp_seconds",
            "End of the latest window.",
            labels=REPORT_LABELS,
        )
        verdicts = GaugeMetricFamily(
            f"{PREFIX}_verdict", "1 for the latest verdict.", labels=(*REPORT_LABELS, "verdict")
        )
        statements = {
            name: GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=REPORT_LABELS)
            for name, text in STATEMENTS.items()
        }
        for report in self._reports:
            labels = _labels(report)
            for name, family in statements.items():
                if (stated := getattr(report, name)) is not None:
                    family.add_metric(labels, float(stated))
            rows.add_metric(labels, report.rows)
            ended.add_metric(labels, report.end.timestamp())
            if report.score is not None:
                score.add_metric(labels, report.score)
            for verdict in DriftVerdict:
                verdicts.add_metric([*labels, verdict.value], float(report.verdict is verdict))
        yield from (rows, score, ended, verdicts, *statements.values())

    def _column_metric(self, name: str, text: str) -> Metric:
        family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=COLUMN_LABELS)
        for report in self._reports:
            for column in report.columns:
                value = getattr(column, name)
                if value is not None:
                    family.add_metric([*_labels(report), column.column], value)
        return family


def _labels(report: DriftReport) -> list[str]:
    return [report.use_case, report.environment.value, report.release_id or ""]
