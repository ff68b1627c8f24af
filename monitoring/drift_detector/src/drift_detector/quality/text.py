"""Quality reports as text."""

from collections.abc import Iterator, Sequence

from platform_core.contracts.quality_report import MetricQuality, QualityReport

HEADINGS = ("metric", "estimate", "95 % interval", "method", "labelled", "rows", "labels needed")
NO_NUMBER = "-"


def quality_summary(report: QualityReport) -> str:
    """Return a report as one sentence."""
    gates = "; ".join(
        f"{gate.metric}{f' where {gate.slice}' if gate.slice else ''} "
        f"{_number(gate.estimate)} {_interval(gate.low, gate.high)}, gate {gate.limit:g}"
        for gate in report.gates
    )
    detail = f"; {report.detail}" if report.detail else ""
    return (
        f"{report.use_case} {report.environment} {report.start:%Y-%m-%dT%H:%M}Z to "
        f"{report.end:%Y-%m-%dT%H:%M}Z, release {report.release_id or 'none'} ({report.role}): "
        f"{report.verdict} ({report.rows} rows, {report.labelled} labelled; {gates}{detail})"
    )


def quality_table(reports: Sequence[QualityReport]) -> str:
    """Return the reports as text: for each, a sentence and a line per metric and slice."""
    if not reports:
        return "no quality report yet"
    return "\n\n".join("\n".join(_lines(report)) for report in reports)


def _lines(report: QualityReport) -> Iterator[str]:
    yield quality_summary(report)
    rows = [HEADINGS, *(_cells(one, one.metric) for one in report.metrics)]
    for part in report.slices:
        rows += [_cells(m, f"{m.metric}, {part.kind}={part.name}") for m in part.metrics]
    widths = [max(len(row[index]) for row in rows) for index in range(len(HEADINGS))]
    for row in rows:
        padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + "  ".join(padded).rstrip()


def _cells(one: MetricQuality, name: str) -> tuple[str, ...]:
    return (
        name,
        _number(one.estimate),
        _interval(one.low, one.high),
        one.method.value,
        str(one.labelled),
        str(one.rows),
        str(one.needed) if one.needed else NO_NUMBER,
    )


def _number(value: float | None) -> str:
    return NO_NUMBER if value is None else f"{value:.4g}"


def _interval(low: float | None, high: float | None) -> str:
    return NO_NUMBER if low is None or high is None else f"[{low:.4g}, {high:.4g}]"
