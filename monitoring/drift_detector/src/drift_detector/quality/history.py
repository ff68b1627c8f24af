"""The labelled rows of earlier windows, as far as their reports hold them."""

from collections.abc import Iterator
from datetime import timedelta

from drift_detector.window import Window
from evaluation.quality import CalibrationWindow
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import QualityReport
from platform_core.ports.blob_store import BlobStore
from platform_core.reports.quality import read_quality_reports
from platform_core.storage import quality_report_date_folder
from use_cases import UseCase

DAY = timedelta(days=1)
MARGIN = timedelta(days=7)
"""How much further back than the label maturity labelled rows are looked for."""


class QualityHistory:
    """The reports of one use case and environment, each day read once."""

    def __init__(self, store: BlobStore, case: UseCase, environment: Environment) -> None:
        self._store, self._case, self._environment = store, case, environment
        self._days: dict[str, list[QualityReport]] = {}

    def reports(self, folder: str) -> list[QualityReport]:
        """Return the reports of a day."""
        if folder not in self._days:
            self._days[folder] = read_quality_reports(self._store, folder)
        return self._days[folder]

    def forget(self, folder: str) -> None:
        """Read the reports of a day again when they are asked for: one has changed."""
        self._days.pop(folder, None)

    def labelled(self, release_id: str, window: Window, rows: int) -> list[CalibrationWindow]:
        """Return the windows with the last `rows` labelled rows or more before `window`.

        They are whole windows of the release that overlap neither `window` nor one another, from as
        far back as the use case's label maturity and seven days more.
        """
        known: list[CalibrationWindow] = []
        found, before = 0, window.start
        for report in self._backwards(window):
            usable = report.release_id == release_id and report.end <= before
            if not usable or not report.calibration:
                continue
            age = (window.end - report.end) / (window.end - window.start)
            known.append(CalibrationWindow(report.calibration, report.mean_logits, age))
            found, before = found + report.labelled, report.start
            if found >= rows:
                break
        return known

    def _backwards(self, window: Window) -> Iterator[QualityReport]:
        day, last = window.start, window.start - self._case.label_maturity - MARGIN
        while day >= last - DAY:
            folder = quality_report_date_folder(self._case.name, self._environment, day)
            yield from sorted(self.reports(folder), key=lambda r: (r.end, r.start), reverse=True)
            day -= DAY
