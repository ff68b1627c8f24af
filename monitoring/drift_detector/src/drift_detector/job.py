"""The drift job: measure windows, write their reports, and act on them."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

import pyarrow as pa

from drift_detector.gateway import Flush
from drift_detector.log import LOGGER
from drift_detector.measure import Measured, Measurer, Target
from drift_detector.page import render_page
from drift_detector.reactions import RetrainPolicy, Webhook, log_alarms, request_retraining
from drift_detector.report_store import remove_superseded, report_path, write_report
from drift_detector.window import Window
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.drift_reports import read_reports
from platform_core.errors import PlatformError, ReleaseRefused, Unavailable, UnknownUseCase
from platform_core.storage import drift_report_date_folder
from use_cases import UseCase

_log = logging.getLogger(LOGGER)
DAY = timedelta(days=1)
# What reading a window may raise: our errors, and the file system's that Arrow passes on.
ERRORS = (PlatformError, OSError, pa.ArrowException)


@dataclass(frozen=True)
class Outcome:
    """Reports that were written, and what could not be measured with the reason."""

    reports: tuple[DriftReport, ...]
    failures: tuple[str, ...]


@dataclass(frozen=True)
class DriftJob:
    """Measures windows of `use_cases`. Running one twice overwrites its reports with the same.

    `revise` is how far back reports are made again when records arrived late.
    """

    measurer: Measurer
    use_cases: Mapping[str, UseCase]
    flush: Flush
    retrain: RetrainPolicy
    webhook: Webhook | None
    revise: timedelta

    def run(
        self, window: Window, use_case: str | None = None, environment: Environment | None = None
    ) -> Outcome:
        """Measure `window` for what has traffic in it or serves a release.

        With both `use_case` and `environment` that one is reported in any case.

        Raises:
            UnknownUseCase: `use_case` is not installed.
        """
        if use_case is not None and use_case not in self.use_cases:
            raise UnknownUseCase(
                f"there is no use case {use_case!r:.100}; installed are "
                f"{', '.join(sorted(self.use_cases))}"
            )
        warning = self._flush()
        asked_for = use_case is not None and environment is not None
        reports: list[DriftReport] = []
        failures: list[str] = []
        for target in self._targets(use_case, environment):
            if asked_for or self._concerned(target, window):
                self._measure(target, window, warning, reports, failures)
        return Outcome(tuple(reports), tuple(failures))

    def run_again_where_late(self) -> Outcome:
        """Measure again the recent windows whose log has changed, or that could not be measured."""
        reports: list[DriftReport] = []
        failures: list[str] = []
        for target in self._targets(None, None):
            try:
                windows = list(self._late(target))
            except ERRORS as error:
                failures.append(f"{target}: {error}")
                continue
            for window in windows:
                self._measure(target, window, "", reports, failures)
        return Outcome(tuple(reports), tuple(failures))

    def _targets(self, use_case: str | None, environment: Environment | None) -> Iterator[Target]:
        for name in [use_case] if use_case else sorted(self.use_cases):
            for place in [environment] if environment else Environment:
                yield Target(self.use_cases[name], place)

    def _concerned(self, target: Target, window: Window) -> bool:
        """Say whether the target has traffic or serves something; when in doubt it does."""
        name, place = target.use_case.name, target.environment
        try:
            return bool(
                self.measurer.log_objects(target, window)
                or self.measurer.ledger.active(name, place)
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
        try:
            measured = self.measurer.measure(target, window)
            written = [self._publish(target, one, warning) for one in measured]
            remove_superseded(self.measurer.store, written)
        except ERRORS as error:
            failures.append(f"{target}, {window}: {error}")
            reports.extend(self._report_failure(target, window, error))
            return
        reports.extend(written)
        failures.extend(f"{target}, {window}: {one.problem}" for one in measured if one.problem)

    def _publish(self, target: Target, measured: Measured, warning: str) -> DriftReport:
        store = self.measurer.store
        detail = "; ".join(filter(None, [measured.report.detail, warning]))
        report = measured.report.model_copy(update={"detail": detail})
        request = request_retraining(store, self.retrain, report, self._active(target))
        report = report.model_copy(update={"retrain_request": request})
        write_report(store, report)
        log_alarms(report)
        # The page takes seconds and may fail: the report does not wait for it.
        page = self._write_page(measured)
        report = report.model_copy(update={"page": page})
        write_report(store, report)
        if self.webhook:
            self.webhook.send(report)
        return report

    def _active(self, target: Target) -> str | None:
        try:
            return self.measurer.ledger.active(target.use_case.name, target.environment)
        except ReleaseRefused as error:  # a broken ledger must not hide what was measured
            _log.error(str(error))
            return None

    def _write_page(self, measured: Measured) -> str | None:
        sample = measured.traffic.sample.rows() if measured.traffic else None
        path = report_path(measured.report, "html")
        if sample is None or measured.traffic is None:
            self.measurer.store.delete(path)
            return None
        try:
            page = render_page(
                measured.report,
                measured.traffic.references,
                sample,
                self.measurer.policy.psi_drift,
            )
        except Unavailable as error:
            _log.warning(str(error))
            self.measurer.store.delete(path)
            return None
        self.measurer.store.write(path, page)
        return path

    def _report_failure(
        self, target: Target, window: Window, error: Exception
    ) -> Iterator[DriftReport]:
        """Write a report that says so: an older "no drift" must not stand for this window."""
        fields = {"target": str(target), "window": str(window), "error": str(error)}
        _log.error("the window could not be measured", extra={"fields": fields})
        report = self.measurer.unmeasured(target, window, error)
        try:
            write_report(self.measurer.store, report)
        except ERRORS as again:
            _log.error("nor could that be written down", extra={"fields": {"error": str(again)}})
            return
        yield report

    def _late(self, target: Target) -> Iterator[Window]:
        now = self.measurer.clock.now()
        since = now - self.revise
        seen: dict[Window, set[int | None]] = {}
        day = since.replace(hour=0, minute=0, second=0, microsecond=0)
        while day <= now:
            folder = drift_report_date_folder(target.use_case.name, target.environment, day)
            for report in read_reports(self.measurer.store, folder):
                if report.end > since:
                    window = Window(report.start, report.end)
                    seen.setdefault(window, set()).add(report.log_objects)
            day += DAY
        for window, counts in seen.items():
            if counts != {self.measurer.log_objects(target, window)}:
                yield window

    def _flush(self) -> str:
        try:
            self.flush()
        except PlatformError as error:
            _log.warning(str(error))
            return str(error)
        return ""
