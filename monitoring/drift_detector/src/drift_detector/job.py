"""The drift job: computes the reports of a window, stores them and sends alerts."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pyarrow as pa

from drift_detector.alerts import Webhook, log_alarms
from drift_detector.detection import DriftDetector, ReleaseReport, Target
from drift_detector.detection.dominance import DominancePolicy, is_dominated, with_dominated
from drift_detector.gateway import Flush
from drift_detector.log import LOGGER
from drift_detector.policies.retraining import Retraining
from drift_detector.reports.page import render_page
from drift_detector.reports.storage import remove_superseded, report_path, write_report
from drift_detector.window import Window
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.drift_reports import read_reports
from platform_core.errors import PlatformError, ReleaseRefused, Unavailable, UnknownUseCase
from platform_core.storage import drift_report_date_folder
from use_cases import UseCase

_log = logging.getLogger(LOGGER)
DAY = timedelta(days=1)
# Reading a window raises errors of the platform, and those that Arrow passes on.
ERRORS = (PlatformError, OSError, pa.ArrowException)


@dataclass(frozen=True)
class JobOutcome:
    """The reports that were written, and the failures with their reasons."""

    reports: tuple[DriftReport, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True)
class DriftJob:
    """Measures windows of `use_cases`; measuring a window again overwrites its reports.

    Reports up to `revise_period` old are revised when records arrive late.
    """

    detector: DriftDetector
    use_cases: Mapping[str, UseCase]
    flush: Flush
    retraining: Retraining
    webhook: Webhook | None
    revise_period: timedelta
    dominance: DominancePolicy = field(default_factory=DominancePolicy)

    def run(
        self, window: Window, use_case: str | None = None, environment: Environment | None = None
    ) -> JobOutcome:
        """Measure `window` for every target that has traffic in it or serves a release.

        If both `use_case` and `environment` are given, there is always a report.

        Raises:
            UnknownUseCase: `use_case` is not installed.
        """
        if use_case is not None and use_case not in self.use_cases:
            raise UnknownUseCase(
                f"there is no use case {use_case!r:.100}; installed are "
                f"{', '.join(sorted(self.use_cases))}"
            )
        warning = self._flush()
        explicit = use_case is not None and environment is not None
        reports: list[DriftReport] = []
        failures: list[str] = []
        for target in self._targets(use_case, environment):
            if explicit or self._is_relevant(target, window):
                self._measure(target, window, warning, reports, failures)
        return JobOutcome(tuple(reports), tuple(failures))

    def check_dominance(self, end: datetime) -> JobOutcome:
        """Write reports of the last minutes before `end` in which one class dominates.

        Only use cases that expect every class are checked.
        """
        window = Window(end - self.dominance.length, end)
        targets = [t for t in self._targets(None, None) if t.use_case.expects_every_class]
        warning = self._flush() if targets else ""
        reports: list[DriftReport] = []
        failures: list[str] = []
        for target in targets:
            self._measure_slice(target, window, warning, reports, failures)
        return JobOutcome(tuple(reports), tuple(failures))

    def revise(self) -> JobOutcome:
        """Measure recent windows again if their log has changed or they could not be measured."""
        reports: list[DriftReport] = []
        failures: list[str] = []
        for target in self._targets(None, None):
            try:
                windows = list(self._changed_windows(target))
            except ERRORS as error:
                failures.append(f"{target}: {error}")
                continue
            for window in windows:
                self._measure(target, window, "", reports, failures)
        return JobOutcome(tuple(reports), tuple(failures))

    def _targets(self, use_case: str | None, environment: Environment | None) -> Iterator[Target]:
        for name in [use_case] if use_case else sorted(self.use_cases):
            for where in [environment] if environment else Environment:
                yield Target(self.use_cases[name], where)

    def _is_relevant(self, target: Target, window: Window) -> bool:
        """Return whether the target has traffic or serves a release; `True` if that is unknown."""
        name, environment = target.use_case.name, target.environment
        try:
            return bool(
                self.detector.log_objects(target, window)
                or self.detector.ledger.active(name, environment)
            )
        except ERRORS:
            return True

    def _measure(
        self,
        target: Target,
        window: Window,
        warning: str,
        reports: list[DriftReport],
        failures: list[str],
    ) -> None:
        slices: list[DriftReport] = []
        for part in self.dominance.slices(target.use_case, window):
            self._measure_slice(target, part, warning, slices, failures)
        reports.extend(slices)
        with self._failures(target, window, reports, failures):
            computed = [with_dominated(one, slices) for one in self._computed(target, window)]
            written = [self._publish(target, one, warning) for one in computed]
            remove_superseded(self.detector.store, written)
            reports.extend(written)
            failures.extend(f"{target}, {window}: {one.problem}" for one in computed if one.problem)

    def _measure_slice(
        self,
        target: Target,
        window: Window,
        warning: str,
        reports: list[DriftReport],
        failures: list[str],
    ) -> None:
        """Write reports of a window of a few minutes only where one class dominates."""
        with self._failures(target, window, reports, failures):
            if not self.detector.log_objects(target, window):
                return
            # A part of a window is not a look of the sequential test; the whole window is.
            detector = replace(self.dominance.stricter(self.detector), sequential=False)
            computed = detector.reports(target, window)
            dominated = [one for one in computed if is_dominated(one.report)]
            reports.extend(self._publish(target, one, warning) for one in dominated)

    def _computed(self, target: Target, window: Window) -> list[ReleaseReport]:
        short = self.dominance.applies(target.use_case, window)
        detector = self.dominance.stricter(self.detector) if short else self.detector
        return detector.reports(target, window)

    @contextmanager
    def _failures(
        self, target: Target, window: Window, reports: list[DriftReport], failures: list[str]
    ) -> Iterator[None]:
        try:
            yield
        except ERRORS as error:
            failures.append(f"{target}, {window}: {error}")
            reports.extend(self._report_failure(target, window, error))

    def _publish(self, target: Target, computed: ReleaseReport, warning: str) -> DriftReport:
        store = self.detector.store
        detail = "; ".join(filter(None, [computed.report.detail, warning]))
        report = computed.report.model_copy(update={"detail": detail})
        request = self.retraining.request(report, self._active(target))
        report = report.model_copy(update={"retrain_request": request})
        write_report(store, report)
        log_alarms(report)
        # The page takes seconds and may fail, so the report is stored before it.
        page = self._write_page(computed)
        report = report.model_copy(update={"page": page})
        write_report(store, report)
        if self.webhook:
            self.webhook.send(report)
        return report

    def _active(self, target: Target) -> str | None:
        try:
            return self.detector.ledger.active(target.use_case.name, target.environment)
        except ReleaseRefused as error:  # a broken ledger must not hide drift
            _log.error(str(error))
            return None

    def _write_page(self, computed: ReleaseReport) -> str | None:
        sample = computed.traffic.sample.rows() if computed.traffic else None
        path = report_path(computed.report, "html")
        if sample is None or computed.traffic is None:
            self.detector.store.delete(path)
            return None
        try:
            page = render_page(computed.report, computed.traffic.references, sample)
        except Unavailable as error:
            _log.warning(str(error))
            self.detector.store.delete(path)
            return None
        self.detector.store.write(path, page)
        return path

    def _report_failure(
        self, target: Target, window: Window, error: Exception
    ) -> Iterator[DriftReport]:
        """Write a report of the failure: an older "no drift" must not remain for this window."""
        fields = {"target": str(target), "window": str(window), "error": str(error)}
        _log.error("the window could not be measured", extra={"fields": fields})
        report = self.detector.failure_report(target, window, error)
        try:
            write_report(self.detector.store, report)
        except ERRORS as second:
            _log.error(
                "the failure report could not be written", extra={"fields": {"error": str(second)}}
            )
            return
        yield report

    def _changed_windows(self, target: Target) -> Iterator[Window]:
        now = self.detector.clock.now()
        since = now - self.revise_period
        seen: dict[Window, set[int | None]] = {}
        day = since.replace(hour=0, minute=0, second=0, microsecond=0)
        while day <= now:
            folder = drift_report_date_folder(target.use_case.name, target.environment, day)
            for report in read_reports(self.detector.store, folder):
                if report.end > since:
                    window = Window(report.start, report.end)
                    seen.setdefault(window, set()).add(report.log_objects)
            day += DAY
        for window, counts in seen.items():
            if counts != {self.detector.log_objects(target, window)}:
                yield window

    def _flush(self) -> str:
        try:
            self.flush()
        except PlatformError as error:
            _log.warning(str(error))
            return str(error)
        return ""
