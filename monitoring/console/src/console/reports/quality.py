"""The quality of the stable release over time, by slice, and that of its candidates."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from console.charts import Limit, Mark, Reading, TimePlot, time_plot, time_scale
from console.web.values import number, parsed
from mlplatform_client.models.drift import DriftReport
from mlplatform_client.models.quality import MetricQuality, QualityEstimate, QualityReport
from platform_core.contracts.tasks import ERROR_METRICS

METHODS = {
    "labels": "from labels",
    "prediction-powered": "from labels and predictions",
    "estimated": "estimated without labels",
    "not-enough": "not enough",
}
"""Where a value comes from, in words; see `source_words`."""
REACHED = "reached"
UNBOUNDED = frozenset({"mae", "rmse", "r2"})
SHOWN_WINDOWS = 36
LEAST_WINDOWS = 6
SHORT = timedelta(minutes=5)
"""Windows that are shorter are shown with seconds: several may begin in one minute."""


@dataclass(frozen=True)
class QualityRow:
    """One window in the table under the chart; `value` is `None` if the metric is missing."""

    report: QualityReport
    value: MetricQuality | None


@dataclass(frozen=True)
class VerdictRun:
    """The latest run of consecutive windows with the same verdict.

    `start` is the start of the first window. `at_least`: older windows were not read, so the run
    may have begun earlier.
    """

    start: datetime
    windows: int
    at_least: bool


@dataclass(frozen=True)
class QualityOverTime:
    """The quality history of the stable release; `rows` are newest first.

    `metrics` and `slices` can be chosen; `metric` and `slice` are chosen. `candidates` are the
    latest reports of a canary and a shadow.
    """

    metrics: Sequence[str]
    slices: Sequence[str]
    metric: str
    slice: str
    gate: QualityEstimate | None
    rows: Sequence[QualityRow]
    plot: TimePlot | None
    candidates: Sequence[QualityReport]

    @property
    def latest(self) -> QualityReport | None:
        """The latest report of the stable release."""
        return self.rows[0].report if self.rows else None

    @property
    def since(self) -> "VerdictRun | None":
        """How long the latest verdict has held."""
        return verdict_run([row.report for row in self.rows], "verdict")

    @property
    def latest_value(self) -> MetricQuality | None:
        """The chosen metric in the latest window."""
        return self.rows[0].value if self.rows else None


def quality_history(
    reports: Sequence[QualityReport], metric: str, slice_name: str, marks: Sequence[Mark]
) -> QualityOverTime:
    """Return the history of a metric from the reports: the stable ones with the newest first.

    The metric is that of the first gate if `metric` is none that was measured.
    """
    stable = [one for one in reports if one.role == "stable"][:SHOWN_WINDOWS]
    names = _metric_names(stable)
    slices = sorted({f"{s.kind}={s.name}" for one in stable for s in one.slices})
    slice_name = slice_name if slice_name in slices else ""
    metric = metric if metric in names else (names[0] if names else "")
    rows = [QualityRow(one, metric_of(one, metric, slice_name)) for one in stable]
    gate = _gate(stable, metric, slice_name)
    return QualityOverTime(
        metrics=names,
        slices=slices,
        metric=metric,
        slice=slice_name,
        gate=gate,
        rows=rows,
        plot=_plot(rows, metric, gate, marks) if rows else None,
        candidates=_candidates(reports),
    )


def metric_of(report: QualityReport, metric: str, slice_name: str) -> MetricQuality | None:
    """Return a metric of all rows of the window, or of one slice `<kind>=<name>`."""
    metrics: Iterable[MetricQuality] = () if slice_name else report.metrics
    for one in report.slices if slice_name else ():
        if f"{one.kind}={one.name}" == slice_name:
            metrics = one.metrics
    return next((one for one in metrics if one.metric == metric), None)


def period(start: datetime, end: datetime) -> str:
    """Return a window in words, in UTC; a short one with seconds."""
    first, last = parsed(start), parsed(end)
    clock = "%H:%M:%S" if last - first < SHORT else "%H:%M"
    until = last.strftime(clock if last - first <= timedelta(days=1) else f"%d %b {clock}")
    return f"{first.strftime(f'%d %b {clock}')} to {until} UTC"


def verdict_run(reports: Sequence[QualityReport | DriftReport], name: str) -> VerdictRun | None:
    """Return the latest run of reports, newest first, with the same value of a field.

    A window that is missing, or of another release, ends the search.
    """
    run = list(reports[:1])
    for one in reports[1:]:
        last = run[-1]
        follows = parsed(one.end) >= parsed(last.start) and one.release_id == last.release_id
        if not follows or getattr(one, name) != getattr(last, name):
            break
        run.append(one)
    if not run:
        return None
    return VerdictRun(min(parsed(one.start) for one in run), len(run), len(run) == len(reports))


def source_words(value: MetricQuality) -> str:
    """Return where a value comes from, and how many labels are missing."""
    if value.method != "estimated" or not value.labelled:
        return METHODS.get(value.method, value.method)
    # With a label for every row nothing is estimated: there are too few rows.
    source = "from labels" if value.labelled == value.rows else "estimated"
    return f"{source}, too few labels ({value.labelled:,}; {value.needed:,} more needed)"


def label_words(report: QualityReport) -> str:
    """Return whether the labels of a window are complete."""
    if report.labelled == report.rows:
        later = "" if report.mature else "; answers logged late and corrected labels still count"
        return f"all of them are labelled{later}"
    return "no more labels are expected" if report.mature else "more labels can come"


def gate_words(gate: QualityEstimate) -> str:
    """Return how an estimate compares with its gate, with the reason if that is undecided."""
    if gate.low is None or gate.high is None:
        return "undecided: there are too few labels for a value"
    error = gate.metric in ERROR_METRICS
    if (gate.high <= gate.limit) if error else (gate.low >= gate.limit):
        return REACHED
    if (gate.low > gate.limit) if error else (gate.high < gate.limit):
        return "missed"
    ends = f"{number(gate.low)} to {number(gate.high)}"
    return f"undecided: the interval {ends} contains the gate {number(gate.limit)}"


def in_words(report: QualityReport, value: MetricQuality | None) -> str:
    """Return a value with its window, interval and source as text."""
    where = period(report.start, report.end)
    if value is None or value.estimate is None:
        needed = f", {value.needed:,} more labels needed" if value and value.needed else ""
        return f"{where}: not enough{needed}"
    interval = f" [{number(value.low)}, {number(value.high)}]" if value.low is not None else ""
    labels = f"{value.labelled:,} of {value.rows:,} labelled"
    return f"{where}: {number(value.estimate)}{interval}, {source_words(value)}, {labels}"


def _metric_names(reports: Sequence[QualityReport]) -> list[str]:
    """Return the metrics of the reports, those of gates first."""
    gates = [gate.metric for one in reports for gate in one.gates]
    measured = [value.metric for one in reports for value in one.metrics]
    return list(dict.fromkeys([*gates, *measured]))


def _gate(reports: Sequence[QualityReport], metric: str, slice_name: str) -> QualityEstimate | None:
    found = (
        gate
        for one in reports
        for gate in one.gates
        if (gate.metric, gate.slice) == (metric, slice_name)
    )
    return next(found, None)


def _plot(
    rows: Sequence[QualityRow], metric: str, gate: QualityEstimate | None, marks: Sequence[Mark]
) -> TimePlot:
    readings = [_reading(one) for one in reversed(rows)]
    step = readings[-1].end - readings[-1].start
    times = time_scale(readings[0].start, readings[-1].end, LEAST_WINDOWS * step)
    least = "at most" if metric in ERROR_METRICS else "at least"
    limits = [Limit(gate.limit, f"gate: {least} {gate.limit:g}")] if gate else []
    bounded = metric not in UNBOUNDED
    ends = {"lowest": 0.0, "highest": 1.0} if bounded else {}
    return time_plot(readings, times, limits=limits, marks=marks, step=step, **ends)


def _reading(row: QualityRow) -> Reading:
    report, value = row.report, row.value
    return Reading(
        parsed(report.start),
        parsed(report.end),
        value.estimate if value else None,
        value.low if value else None,
        value.high if value else None,
        estimated=value is not None and value.method == "estimated",
        group=report.release_id or "",
        text=in_words(report, value),
    )


def _candidates(reports: Sequence[QualityReport]) -> list[QualityReport]:
    """Return the newest report of each candidate whose window is the newest one."""
    end = max((one.end for one in reports), default=None)
    return [one for one in reports if one.role != "stable" and one.end == end]
