"""When a policy would have acted on the reports of the last days."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from platform_core.clock import Clock
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.drift_reports import read_reports
from platform_core.ledger import Ledger
from platform_core.policies import PolicyAction, is_window, simulate
from platform_core.policies.contract import Policy
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import drift_report_date_folder

DAY = timedelta(days=1)


@dataclass(frozen=True)
class ReleaseBacktest:
    """What a policy would have done with one release: its actions, and the windows it saw."""

    release_id: str
    windows: int
    actions: tuple[PolicyAction, ...]


@dataclass(frozen=True)
class Backtest:
    """The backtest of one environment; `missing` are the days without a report."""

    use_case: str
    environment: Environment
    releases: tuple[ReleaseBacktest, ...]
    missing: tuple[date, ...]

    def lines(self) -> Iterator[str]:
        """Yield the result as text."""
        place = f"{self.use_case} {self.environment}"
        for one in self.releases:
            yield f"{place}, release {one.release_id}: {one.windows} windows"
            for action in one.actions:
                held = "; held back by cool-down or budget" if action.held_back else ""
                yield f"  {action.time:%Y-%m-%d %H:%M} UTC  {action.action} ({action.mode}){held}"
            if not one.actions:
                yield "  no action"
        if self.missing:
            days = ", ".join(map(str, self.missing))
            yield f"{place}: no reports on {days}; `mlplatform drift run --from --to` measures them"


def backtest(
    store: BlobStore,
    policy: Policy,
    use_case: str,
    environment: Environment,
    clock: Clock,
    days: int,
    length: timedelta,
) -> Backtest:
    """Return what `policy` would have done on the reports of the last `days`.

    `length` is that of a whole window. The decisions are those of the drift detector and the
    release controller; before the first report there is no history.

    Raises:
        InvalidData: a report is not readable.
        ReleaseRefused: the ledger is broken.
        Unavailable: the store does not answer.
    """
    since = clock.now() - days * DAY
    reports: list[DriftReport] = []
    missing: list[date] = []
    for number in range(days + 1):
        day = since + number * DAY
        found = read_reports(store, drift_report_date_folder(use_case, environment, day))
        reports += [one for one in found if one.start >= since]
        if not found:
            missing.append(day.date())
    entries = Ledger(store, clock).entries(use_case, environment)
    actions = list(simulate(policy, reports, entries, length))
    results = tuple(
        ReleaseBacktest(
            release,
            sum(1 for one in reports if one.release_id == release and is_window(one, length)),
            tuple(action for action in actions if action.release_id == release),
        )
        for release in _releases(reports)
    )
    return Backtest(use_case, environment, results, tuple(missing))


def _releases(reports: Sequence[DriftReport]) -> list[str]:
    """Return the releases in the order in which they were reported first."""
    ordered = sorted(reports, key=lambda report: report.end)
    return list(dict.fromkeys(one.release_id for one in ordered if one.release_id))
