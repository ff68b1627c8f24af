"""The quality job: computes the reports of a window, stores them, and revises them."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pyarrow as pa

from drift_detector.detection import Target
from drift_detector.gateway import Flush
from drift_detector.log import LOGGER
from drift_detector.quality.history import QualityHistory
from drift_detector.quality.late import DayMark, label_states
from drift_detector.quality.measure import QualityMeter, is_mature
from drift_detector.window import Window
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import QualityReport
from platform_core.errors import BlobNotFound, PlatformError, UnknownUseCase
from platform_core.storage import quality_report_date_folder, quality_report_path
from records import log_objects
from use_cases import UseCase

_log = logging.getLogger(LOGGER)
DAY = timedelta(days=1)
# Reading a window raises errors of the platform, and those that Arrow passes on.
ERRORS = (PlatformError, OSError, pa.ArrowException)


@dataclass
class QualityOutcome:
    """The reports that were written, and the failures with their reasons."""

    reports: list[QualityReport] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class QualityJob:
    """Measures windows of `use_cases`; measuring a window again revises its reports."""

    meter: QualityMeter
    use_cases: Mapping[str, UseCase]
    flush: Flush

    def run(
        self, window: Window, use_case: str | None = None, environment: Environment | None = None
    ) -> QualityOutcome:
        """Measure `window` for every use case and environment with records in it.

        Raises:
            UnknownUseCase: `use_case` is not installed.
        """
        if use_case is not None and use_case not in self.use_cases:
            raise UnknownUseCase(
                f"there is no use case {use_case!r:.100}; installed are "
                f"{', '.join(sorted(self.use_cases))}"
            )
        try:
            self.flush()
        except PlatformError as error:
            _log.warning(str(error))
        outcome = QualityOutcome()
        for target in self._targets(use_case, environment):
            self._measure(target, [window], outcome, self._history(target))
        return outcome

    def revise(self) -> QualityOutcome:
        """Measure again the windows whose labels or records have changed since.

        They are those that ended within the label maturity, and two days. Of a window longer than a
        day, changes of its last two days are noticed.
        """
        outcome = QualityOutcome()
        for target in self._targets(None, None):
            history = self._history(target)
            for mark in self._days(target):
                try:
                    found = mark.change()
                    if found is None:
                        continue
                    failures = len(outcome.failures)
                    self._measure(target, self._changed(target, mark, history), outcome, history)
                    if len(outcome.failures) == failures:
                        mark.set(found)
                except ERRORS as error:
                    _log.error(str(error), extra={"fields": {"target": str(target)}})
                    outcome.failures.append(f"{target}: {error}")
        return outcome

    def _measure(
        self,
        target: Target,
        windows: list[Window],
        outcome: QualityOutcome,
        history: QualityHistory,
    ) -> None:
        """Write the reports of `windows`, the oldest first: they calibrate the later ones."""
        for window in sorted(windows, key=lambda w: (w.end, w.start)):
            try:
                state = label_states(self.meter.store, target, [window])[window]
                for report in self.meter.reports(target, window, history, state):
                    outcome.reports.append(self._publish(report, history))
            except ERRORS as error:
                fields = {"target": str(target), "window": str(window), "error": str(error)}
                _log.error("quality could not be measured", extra={"fields": fields})
                outcome.failures.append(f"{target}, {window}: {error}")

    def _publish(self, report: QualityReport, history: QualityHistory) -> QualityReport:
        """Write a report as the next revision; one that says the same is kept as it is."""
        store = self.meter.store
        path = quality_report_path(
            report.use_case, report.environment, report.end, report.report_id
        )
        try:
            before = QualityReport.model_validate_json(store.read(path))
        except (BlobNotFound, ValueError):  # an unreadable report is replaced
            before = None
        if before is not None:
            same = {"revision": before.revision, "created_at": before.created_at}
            if before == report.model_copy(update=same):
                return before
            report = report.model_copy(update={"revision": before.revision + 1})
        store.write(path, report.model_dump_json(indent=1).encode())
        history.forget(quality_report_date_folder(report.use_case, report.environment, report.end))
        return report

    def _changed(self, target: Target, mark: DayMark, history: QualityHistory) -> list[Window]:
        """Return the windows of a day whose labels or log differ from those in their reports."""
        store, case = self.meter.store, target.use_case
        folder = quality_report_date_folder(case.name, target.environment, mark.day)
        seen: dict[Window, set[tuple[str, int | None, bool]]] = {}
        for report in history.reports(folder):
            window = Window(report.start, report.end)
            seen.setdefault(window, set()).add(
                (report.label_state, report.log_objects, report.mature)
            )
        now, states = self.meter.clock.now(), label_states(store, target, list(seen))
        changed = []
        for window, before in seen.items():
            span = (window.start, window.end)
            objects = sum(1 for _ in log_objects(store, case.name, target.environment, *span))
            if before != {(states[window], objects, is_mature(case, window.end, now))}:
                changed.append(window)
        return changed

    def _targets(self, use_case: str | None, environment: Environment | None) -> Iterator[Target]:
        for name in [use_case] if use_case else sorted(self.use_cases):
            for where in [environment] if environment else Environment:
                yield Target(self.use_cases[name], where)

    def _days(self, target: Target) -> Iterator[DayMark]:
        now = self.meter.clock.now()
        day = now - target.use_case.label_maturity - 2 * DAY
        while day.date() <= now.date():
            yield DayMark(self.meter.store, target, day, now)
            day += DAY

    def _history(self, target: Target) -> QualityHistory:
        return QualityHistory(self.meter.store, target.use_case, target.environment)
