"""The page of a data report: everything on it comes from `DataReport`."""

from collections.abc import Sequence

from data_pipeline.report.contract import ColumnLeak, ColumnProfile, DataReport
from data_pipeline.report.leak import described
from data_pipeline.report.plots import (
    MAX_DISTRIBUTIONS,
    colours,
    distributions_plot,
    leak_plot,
    times_plot,
)
from platform_core.pages import render

MAX_SOURCES = 20
MAX_SLICES = 40
SHOWN_LEAKS = 10


def page(report: DataReport) -> bytes:
    """Return the page as one HTML file that needs nothing else."""
    classes = [item.name for item in report.classes]
    return render(
        "data_pipeline.report",
        "report.html",
        title=f"Data of {report.title}",
        report=report,
        colours=colours(classes),
        leak_picture=leak_plot(report.leaks, report.leak_auc),
        leak_rows=[_leak_row(leak) for leak in report.leaks],
        shown_leaks=SHOWN_LEAKS,
        time_picture=times_plot(report) if report.times else None,
        distribution_picture=distributions_plot(report.columns, classes),
        not_drawn=max(0, len(report.columns) - MAX_DISTRIBUTIONS),
        column_rows=[_column_row(column, classes) for column in report.columns],
        sources=[
            (item.source, *(item.classes.get(name, 0) for name in classes))
            for item in report.sources[:MAX_SOURCES]
        ],
        slices=[
            (f"{item.kind}: {item.value}", *(item.classes.get(name, 0) for name in classes))
            for item in report.slices[:MAX_SLICES]
        ],
        class_names=classes,
    )


def _leak_row(leak: ColumnLeak) -> dict[str, object]:
    first, *others = leak.readings or (None,)
    return {
        "name": leak.name,
        "role": leak.role.value,
        "warning": leak.warning,
        "auc": f"{first.auc:.4f}" if first else "",
        "interval": f"{first.low:.3f} to {first.high:.3f}" if first else "too few known rows",
        "how": described(first) if first else "",
        "of_class": first.of_class if first else "",
        "rows": first.rows if first else 0,
        "known": leak.known / leak.rows if leak.rows else 0.0,
        "others": ", ".join(f"{described(o)} {o.auc:.3f}" for o in others),
    }


def _column_row(column: ColumnProfile, classes: Sequence[str]) -> tuple[object, ...]:
    ranges = {d.of_class: _range(d.quantiles) for d in column.by_class}
    kind = "characters" if column.kind == "text" else ""
    return (
        column.name,
        column.role.value,
        f"{column.missing:.1%}",
        kind,
        *(ranges.get(name, "") for name in classes),
    )


def _range(quantiles: Sequence[float]) -> str:
    low, _, median, _, high = quantiles
    return f"{median:.3g} ({low:.3g} to {high:.3g})"
