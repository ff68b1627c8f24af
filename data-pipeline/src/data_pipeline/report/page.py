"""The page of a data report, its plots, and its summary for the terminal."""

from collections.abc import Iterator, Sequence

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_pipeline.report.contract import ColumnReport, DataReport, Role
from data_pipeline.report.leakage import described, encoding_name
from platform_core.pages import render

# Okabe and Ito 2008: distinguishable with every kind of colour vision.
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d1f", "#5b6b7a",
)  # fmt: skip
OTHER, INK, ALARM = "#9aa7b3", "#1c2733", "#b3261e"
WIDTH, PLOTS_PER_ROW = 9.4, 4
MAX_PLOTS, MAX_LEAKS, MAX_SOURCES, MAX_SLICES, MAX_LABEL = 24, 20, 20, 40, 40
SUMMARY_LINES = 5


def page(report: DataReport) -> bytes:
    """Return the page as one HTML file without external resources."""
    colours = {item.name: PALETTE[i % len(PALETTE)] for i, item in enumerate(report.classes)}
    timed = any(item.timed for item in report.classes)
    return render(
        "data_pipeline.report",
        "report.html",
        title=f"Data of {report.title}",
        report=report,
        data=report.manifest,
        colours=colours,
        leaks=leak_plot(report.columns, report.leak_auc),
        times=times_plot(report, colours) if timed else None,
        distributions=distributions_plot(report.columns, colours),
        encoding_name=encoding_name,
        sources=report.sources[:MAX_SOURCES] if len(report.sources) > 1 else (),
        slices=report.slices[:MAX_SLICES],
    )


def summary(report: DataReport) -> Iterator[str]:
    """Yield a few lines: rows, reasons, split, the strongest predictors, and the warnings."""
    data = report.manifest
    yield (
        f"dataset version {data.dataset_version} of {data.use_case}: {data.rows_read:,} rows "
        f"read, {data.rows:,} kept, {data.rows_quarantined:,} rejected, {data.duplicates:,} "
        f"duplicates dropped, {data.near_duplicates:,} in clusters of near duplicates"
    )
    for reason in report.reasons[:SUMMARY_LINES]:
        yield f"rejected: {reason.reason} ({reason.rows:,} rows)"
    for item in report.classes:
        yield f"class {item.name}: {item.rows:,} rows, {item.train:,} train, {item.test:,} test"
    yield f"split by {data.split.method}: {data.split.why}"
    yield f"columns that best predict the label alone (on {report.sample_rows:,} rows):"
    for column in report.columns[:SUMMARY_LINES]:
        for first in column.aucs[:1]:
            yield f"  {column.name} ({column.role}): AUC {described(first)}, {first.rows:,} rows"
    yield from (f"warning: {warning}" for warning in report.warnings)


def leak_plot(columns: Sequence[ColumnReport], limit: float) -> Figure:
    """Return the AUC of the strongest columns with its interval, and the limit."""
    shown = [column for column in columns if column.aucs][:MAX_LEAKS]
    figure = Figure(figsize=(WIDTH, 0.7 + 0.24 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for row, column in enumerate(shown):
        first = column.aucs[0]
        to_model = column.role in (Role.FEATURE, Role.ENTITY)
        colour = ALARM if column.warning else PALETTE[0] if to_model else OTHER
        axes.plot([first.low, first.high], [row, row], color=colour, linewidth=3, alpha=0.5)
        axes.plot([first.auc], [row], "o", color=colour)
    axes.axvline(limit, color=ALARM, linewidth=1, linestyle="--")
    axes.set_yticks(range(len(shown)), [_label(column.name) for column in shown])
    axes.set(xlim=(0.495, 1.005), ylim=(len(shown) - 0.4, -0.6))
    axes.set_xlabel(f"AUC of the column alone (warning above {limit:g})")
    _without_frame(axes)
    return figure


def times_plot(report: DataReport, colours: dict[str, str]) -> Figure:
    """Return the rows over time, a plot per class; the test split is shaded."""
    shown = [item for item in report.classes if item.timed]
    figure = Figure(figsize=(WIDTH, 0.5 + 0.85 * len(shown)), layout="constrained")
    plots = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    edges = mdates.date2num(report.time_edges)
    for axes, item in zip(plots, shown, strict=True):
        axes.stairs(item.times, edges, fill=True, color=colours[item.name])
        if item.boundary is not None:
            boundary = mdates.date2num(item.boundary)
            axes.axvspan(boundary, edges[-1], color=INK, alpha=0.1, linewidth=0)
            axes.annotate("test", (boundary, max(item.times)), fontsize=8, va="top")
        axes.set_xlim(edges[0], edges[-1])
        axes.set_ylabel(_label(item.name), rotation=0, ha="right", va="center")
        axes.set_yticks([0, max(item.times)], ["", f"{max(item.times):,}"], fontsize=8)
        _without_frame(axes)
    plots[-1].xaxis.set_major_locator(locator := mdates.AutoDateLocator())
    plots[-1].xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    return figure


def distributions_plot(columns: Sequence[ColumnReport], colours: dict[str, str]) -> Figure:
    """Return box plots of each column by class: quantiles 5, 25, 50, 75 and 95 %."""
    shown = [column for column in columns if column.quantiles][:MAX_PLOTS]
    rows = -(-len(shown) // PLOTS_PER_ROW)
    box, gap = 0.3 + 0.16 * len(colours), 0.6  # inches: a plot, and its title and its ticks
    figure = Figure(figsize=(WIDTH, height := (box + gap) * rows))
    grid = np.ravel(figure.subplots(rows, PLOTS_PER_ROW, squeeze=False))
    # The size of everything is known: measuring the text of two dozen plots takes a second.
    margins = {"left": 0.02, "right": 0.98, "top": 1 - gap / 2 / height, "bottom": gap / 2 / height}
    figure.subplots_adjust(**margins, wspace=0.12, hspace=gap / box)
    for axes, column in zip(grid, shown, strict=False):
        _boxes(axes, column, colours)
        unit = ", characters" if column.text else ""
        axes.set_title(f"{_label(column.name)}{unit}", fontsize=8, loc="left")
        axes.tick_params(labelsize=7)
        axes.invert_yaxis()
        axes.set_yticks([])
        _without_frame(axes)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    return figure


def _boxes(axes: Axes, column: ColumnReport, colours: dict[str, str]) -> None:
    keys, line = ("whislo", "q1", "med", "q3", "whishi"), {"color": INK}
    boxes = [dict(zip(keys, values, strict=True)) for values in column.quantiles.values()]
    drawn = axes.bxp(
        boxes, orientation="horizontal", showfliers=False, patch_artist=True, medianprops=line
    )
    for box, name in zip(drawn["boxes"], column.quantiles, strict=True):
        box.set_facecolor(colours[name])
    if column.text:
        axes.set_xscale("log")
        axes.minorticks_off()
        ends = {min(box["whislo"] for box in boxes), max(box["whishi"] for box in boxes)}
        axes.set_xticks(sorted(ends), [f"{tick:,.0f}" for tick in sorted(ends)])
    else:
        axes.locator_params(axis="x", nbins=4)


def _label(name: str) -> str:
    """Return a name as it can be drawn: on one line, not too long, and not as mathematics."""
    line = " ".join(name.split())
    short = line if len(line) <= MAX_LABEL else f"{line[: MAX_LABEL - 1]}…"
    return short.replace("$", r"\$")


def _without_frame(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
