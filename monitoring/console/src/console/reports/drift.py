"""Drift over time: two statements a window, and its columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from console.charts import ShareBar, Strip, TimeScale, share_bars, strip, time_scale
from console.reports.quality import (
    LEAST_WINDOWS,
    REACHED,
    SHOWN_WINDOWS,
    VerdictRun,
    gate_words,
    period,
    verdict_run,
)
from console.web.values import parsed, words
from mlplatform_client.models.drift import ColumnDrift, DriftReport

MOST_COLUMNS = 12
MOST_DISTRIBUTIONS = 4
STATEMENTS = {True: "yes", False: "no", None: "unknown"}


@dataclass(frozen=True)
class ColumnOverTime:
    """A column over the windows; `latest` is the one of the newest, `None` where it is missing."""

    name: str
    strip: Strip
    windows: int
    moved: int
    latest: ColumnDrift | None

    @property
    def label(self) -> str:
        """The strip in words."""
        return f"{self.name}: drifted in {self.moved} of {self.windows} windows"


@dataclass(frozen=True)
class DriftedColumn:
    """A column that drifted in the latest window, with its distributions if the report has them."""

    column: ColumnDrift
    bars: Sequence[ShareBar]


@dataclass(frozen=True)
class DriftOverTime:
    """The drift history of the stable release; `reports` are newest first.

    `columns` drifted most often, and most in the latest window; `others` drifted too, `quiet`
    never. `moved` holds the distributions that drifted most in the latest window.
    """

    reports: Sequence[DriftReport]
    times: TimeScale | None
    drifted: Strip | None
    harmful: Strip | None
    columns: Sequence[ColumnOverTime]
    others: Sequence[str]
    quiet: Sequence[str]
    unmeasured: Sequence[str]
    moved: Sequence[DriftedColumn]

    @property
    def latest(self) -> DriftReport | None:
        """The latest report."""
        return self.reports[0] if self.reports else None

    @property
    def period(self) -> str:
        """The time from the first to the last window that is shown, in words."""
        starts, ends = zip(*((one.start, one.end) for one in self.reports), strict=True)
        return period(min(starts), max(ends))

    @property
    def drifted_since(self) -> VerdictRun | None:
        """How long the latest verdict about drift has held."""
        return verdict_run(self.reports, "drifted")

    @property
    def harmful_since(self) -> VerdictRun | None:
        """How long the latest verdict about harm has held."""
        return verdict_run(self.reports, "harmful")


def harm_unknown(report: DriftReport) -> str:
    """Return why it is unknown whether a window is harmful."""
    if report.release_id is None or not report.rows:
        return "no release answered in the window"
    if not report.quality:
        return "the quality of the window was not measured"
    return "; ".join(
        f"{words(gate.metric)}{f' of {gate.slice}' if gate.slice else ''} is {said}"
        for gate in report.quality
        if (said := gate_words(gate)) != REACHED
    )


def drift_history(reports: Sequence[DriftReport]) -> DriftOverTime:
    """Return the history of the stable release from the reports, the newest first."""
    shown = [one for one in reports if one.role in {"stable", None}][:SHOWN_WINDOWS]
    if not shown:
        return DriftOverTime((), None, None, None, (), (), (), (), ())
    first, last = shown[-1], shown[0]
    step = parsed(last.end) - parsed(last.start)
    times = time_scale(parsed(first.start), parsed(last.end), LEAST_WINDOWS * step)
    histories = [_column(name, shown, times) for name in _names(shown)]
    moved = sorted((one for one in histories if one.moved), key=_importance)
    changed = sorted((c for c in last.columns if c.drifted), key=lambda c: -(c.psi or 0))
    return DriftOverTime(
        reports=shown,
        times=times,
        drifted=_statements(shown, "drifted", times),
        harmful=_statements(shown, "harmful", times),
        columns=moved[:MOST_COLUMNS],
        others=[one.name for one in moved[MOST_COLUMNS:]],
        quiet=[one.name for one in histories if not one.moved and one.windows],
        unmeasured=[one.name for one in histories if not one.windows],
        moved=[DriftedColumn(c, _bars(c)) for c in changed[:MOST_DISTRIBUTIONS]],
    )


def _importance(one: ColumnOverTime) -> tuple[int, float]:
    """Return the key by which columns are sorted: most drifted windows first, then latest PSI."""
    return -one.moved, -((one.latest.psi or 0.0) if one.latest else 0.0)


def _names(reports: Iterable[DriftReport]) -> Sequence[str]:
    return list(dict.fromkeys(c.column for one in reports for c in one.columns))


def _statements(reports: Sequence[DriftReport], name: str, times: TimeScale) -> Strip:
    return strip(
        (
            (parsed(one.start), parsed(one.end), f"{name}-{STATEMENTS[getattr(one, name)]}")
            for one in reversed(reports)
        ),
        times,
    )


def _column(name: str, reports: Sequence[DriftReport], times: TimeScale) -> ColumnOverTime:
    found = [
        (one, column)
        for one in reversed(reports)
        for column in one.columns
        if column.column == name
    ]
    states = ((parsed(one.start), parsed(one.end), str(c.verdict)) for one, c in found)
    verdicts = [c.verdict for _, c in found]
    last = found[-1] if found and found[-1][0] is reports[0] else None
    return ColumnOverTime(
        name=name,
        strip=strip(states, times),
        windows=sum(one != "insufficient-data" for one in verdicts),
        moved=sum(one in {"drift", "warning"} for one in verdicts),
        latest=last[1] if last else None,
    )


def _bars(column: ColumnDrift) -> Sequence[ShareBar]:
    bins, before, now = column.bins, column.baseline_counts, column.counts
    if not bins or not before or not now or not len(bins) == len(before) == len(now):
        return ()
    return share_bars(bins, before, now)
