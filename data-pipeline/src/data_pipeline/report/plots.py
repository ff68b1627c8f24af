"""The pictures of a data report: small, without a legend where a label can stand beside."""

from collections.abc import Mapping, Sequence

import matplotlib.dates as mdates
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_pipeline.report.contract import (
    ClassTimes,
    ColumnLeak,
    ColumnProfile,
    DataReport,
    Role,
)

# Okabe & Ito 2008: told apart by people who do not see all colours.
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d1f", "#5b6b7a",
)  # fmt: skip
QUIET, INK, ALARM = "#9aa7b3", "#1c2733", "#b3261e"
WIDTH = 9.4
COLUMNS_PER_ROW = 4
MAX_DISTRIBUTIONS = 24
MAX_OVERLAID = 4
MAX_LEAKS = 20
MAX_LABEL = 40
_TO_MODEL = (Role.FEATURE, Role.ENTITY)


def colours(classes: Sequence[str]) -> dict[str, str]:
    """Return a colour per class; they repeat beyond eight."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(classes)}


def leak_plot(found: Sequence[ColumnLeak], limit: float) -> Figure:
    """Return the AUC of the most telling columns with its interval, and the limit."""
    shown = [leak for leak in found if leak.readings][:MAX_LEAKS][::-1]
    figure = Figure(figsize=(WIDTH, 0.7 + 0.24 * len(shown)), layout="constrained")
    axes = figure.subplots()
    for row, leak in enumerate(shown):
        first = leak.readings[0]
        colour = PALETTE[0] if leak.role in _TO_MODEL else QUIET
        axes.plot([0.5, first.auc], [row, row], color=colour, linewidth=1, alpha=0.35)
        axes.plot([first.low, first.high], [row, row], color=colour, linewidth=3, alpha=0.5)
        axes.plot([first.auc], [row], "o", color=ALARM if leak.warning else colour, markersize=6)
    axes.axvline(limit, color=ALARM, linewidth=1, linestyle="--")
    axes.text(limit - 0.004, len(shown) - 0.35, f"warning above {limit:g}", color=ALARM, ha="right",
              va="bottom", fontsize=8)  # fmt: skip
    axes.set_yticks(range(len(shown)), [_label(leak.name) for leak in shown])
    axes.set_xlim(0.495, 1.005)
    axes.set_ylim(-0.6, len(shown) + 0.15)
    axes.set_xlabel("AUC of the column alone (0.5 tells nothing, 1 tells everything)")
    _plain(axes, left=False)
    return figure


def times_plot(report: DataReport) -> Figure:
    """Return when the rows of each class happened, a strip per class; the test part is shaded."""
    shown = [times for times in report.times if times.known]
    figure = Figure(figsize=(WIDTH, 0.5 + 0.85 * len(shown)), layout="constrained")
    strips = figure.subplots(len(shown), 1, sharex=True, squeeze=False)[:, 0]
    edges = mdates.date2num(report.time_edges)
    by_name = colours([item.name for item in report.classes])
    for axes, times in zip(strips, shown, strict=True):
        _strip(axes, times, edges, by_name[times.name])
    strips[-1].xaxis.set_major_locator(locator := mdates.AutoDateLocator())
    strips[-1].xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    return figure


def distributions_plot(profiles: Sequence[ColumnProfile], classes: Sequence[str]) -> Figure:
    """Return a small picture per column: shares of each class's rows, or quantiles where there
    are many classes.
    """
    shown = [profile for profile in profiles if profile.by_class][:MAX_DISTRIBUTIONS]
    rows = -(-len(shown) // COLUMNS_PER_ROW)
    height = 1.45 if len(classes) <= MAX_OVERLAID else 0.9 + 0.12 * len(classes)
    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained")
    grid = figure.subplots(rows, COLUMNS_PER_ROW, squeeze=False).ravel()
    by_name = colours(classes)
    for axes, profile in zip(grid, shown, strict=False):
        (_overlaid if len(classes) <= MAX_OVERLAID else _ranges)(axes, profile, by_name)
        unit = ", characters" if profile.kind == "text" else ""
        axes.set_title(f"{_label(profile.name)}{unit}", fontsize=8, loc="left", color=INK)
        axes.tick_params(labelsize=7)
        axes.set_yticks([])
        _plain(axes, left=False)
    for axes in grid[len(shown) :]:
        axes.set_axis_off()
    return figure


def _strip(axes: Axes, times: ClassTimes, edges: np.ndarray, colour: str) -> None:
    axes.stairs(times.counts, edges, fill=True, color=colour)
    if times.boundary is not None:
        boundary = mdates.date2num(times.boundary)
        axes.axvline(boundary, color=INK, linewidth=1, linestyle="--")
        axes.axvspan(boundary, edges[-1], color=INK, alpha=0.06, linewidth=0)
        axes.annotate(
            "test", (boundary, max(times.counts)), (4, 0), textcoords="offset points", fontsize=8,
            va="top", color=INK, bbox={"color": "white", "alpha": 0.7, "pad": 1},
        )  # fmt: skip
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylabel(_label(times.name), rotation=0, ha="right", va="center", color=colour)
    axes.set_yticks([0, max(times.counts)], ["", f"{max(times.counts):,}"], fontsize=8)
    _plain(axes)


def _overlaid(axes: Axes, profile: ColumnProfile, by_name: Mapping[str, str]) -> None:
    for distribution, counts in zip(profile.by_class, profile.counts, strict=True):
        shares = np.asarray(counts) / max(sum(counts), 1)
        colour = by_name[distribution.of_class]
        axes.stairs(shares, profile.edges, fill=True, color=colour, alpha=0.18)
        axes.stairs(shares, profile.edges, color=colour, linewidth=1.3)
    if profile.kind == "text":
        axes.set_xscale("log")
        axes.minorticks_off()
        ticks = [profile.edges[at] for at in (0, len(profile.edges) // 2, -1)]
        axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])


def _ranges(axes: Axes, profile: ColumnProfile, by_name: Mapping[str, str]) -> None:
    for row, distribution in enumerate(reversed(profile.by_class)):
        colour = by_name[distribution.of_class]
        low, lower, median, upper, high = distribution.quantiles
        axes.plot([low, high], [row, row], color=colour, linewidth=1)
        axes.plot([lower, upper], [row, row], color=colour, linewidth=4, alpha=0.5)
        axes.plot([median], [row], "o", color=colour, markersize=4)


def _label(name: str) -> str:
    """Return a name as it can be drawn: on one line, not too long, and not as mathematics."""
    line = " ".join(name.split())
    short = line if len(line) <= MAX_LABEL else f"{line[: MAX_LABEL - 1]}…"
    return short.replace("$", r"\$")


def _plain(axes: Axes, left: bool = True) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines["left"].set_visible(left)
    for side in ("bottom", "left"):
        axes.spines[side].set_color(QUIET)
    axes.tick_params(color=QUIET)
