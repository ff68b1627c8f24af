"""Computes the reports of one window from the inference log."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from baseline import Reference
from drift_detector.detection.harm import with_harm
from drift_detector.detection.policy import DriftPolicy
from drift_detector.detection.references import load_references
from drift_detector.detection.verdicts import (
    TrafficVerdict,
    insufficient_data,
    traffic_verdict,
)
from drift_detector.reports.history import tested_reports
from drift_detector.reports.storage import report_id
from drift_detector.sample import RowSample
from drift_detector.traffic import (
    ReleaseTraffic,
    columns_to_read,
    count_traffic,
    encoded_columns,
)
from drift_detector.window import Window
from platform_core.clock import Clock
from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.environments import Environment
from platform_core.contracts.quality_report import QualityEstimate
from platform_core.drift_reports import consecutive
from platform_core.errors import InvalidInput, NotFound, Refused
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from records import log_objects, read_log
from use_cases import UseCase


@dataclass(frozen=True)
class Target:
    """A use case in an environment."""

    use_case: UseCase
    environment: Environment

    def __str__(self) -> str:
        return f"{self.use_case.name} {self.environment}"


QualitySource = Callable[[Target, str, Window], Sequence[QualityEstimate]]


def no_quality(target: Target, release_id: str, window: Window) -> Sequence[QualityEstimate]:
    """Return no estimate: the quality of the release is unknown."""
    del target, release_id, window
    return ()


@dataclass(frozen=True)
class ReleaseReport:
    """A report with the traffic its page shows; `problem` is why drift could not be computed."""

    report: DriftReport
    traffic: ReleaseTraffic | None = None
    problem: str = ""


@dataclass(frozen=True)
class DriftDetector:
    """Computes reports without storing them. `page_rows` rows of each release go on its page.

    `quality` returns what is known about the metrics of a release in a window. Without
    `sequential` windows are judged by themselves, and nothing is said about drift.
    """

    store: BlobStore
    ledger: Ledger
    clock: Clock
    policy: DriftPolicy
    page_rows: int
    quality: QualitySource = no_quality
    sequential: bool = True

    def reports(self, target: Target, window: Window) -> list[ReleaseReport]:
        """Return one report per release that answered, or one without numbers if none did.

        Raises:
            InvalidData: the log is not readable.
            Unavailable: the store cannot be reached.
            ReleaseRefused: there is no traffic and the ledger is broken.
        """
        problems: dict[str, str] = {}

        def start(release_id: str) -> ReleaseTraffic:
            references: Mapping[str, Reference] = {}
            try:
                references = load_references(self.store, target.use_case, release_id)
            except (InvalidInput, NotFound, Refused) as error:
                problems[release_id] = str(error)
            size = 0 if release_id in problems else self.page_rows
            seed = int(report_id(*_key(target), release_id, window)[:8], 16)
            return ReleaseTraffic(release_id, references, RowSample(size, seed))

        objects = self.log_objects(target, window)
        columns, encoded = columns_to_read(target.use_case), encoded_columns(target.use_case)
        records = read_log(
            self.store, *_key(target), window.start, window.end, columns, encoded=encoded
        )
        traffic = count_traffic(target.use_case, records, start)
        if not traffic:
            return [self._no_traffic(target, window, objects)]
        tested = tested_reports(self.store, *_key(target), window) if self.sequential else None
        reports = []
        for seen in traffic:
            problem = problems.get(seen.release_id, "")
            if problem:
                verdict = insufficient_data(problem)
            else:
                earlier = None if tested is None else consecutive(tested, seen.release_id)
                verdict = traffic_verdict(self.policy, target.use_case, seen, earlier)
            report = self._report(target, window, verdict, seen.release_id, seen.rows, objects)
            report = report.model_copy(update={"role": seen.role})
            quality = self.quality(target, seen.release_id, window)
            reports.append(ReleaseReport(with_harm(report, quality), seen, problem))
        return reports

    def failure_report(self, target: Target, window: Window, error: Exception) -> DriftReport:
        """Return a report without numbers whose detail is `error`."""
        return self._report(target, window, insufficient_data(str(error)), None, 0, None)

    def log_objects(self, target: Target, window: Window) -> int:
        """Return the number of log objects in the hours of `window`."""
        return sum(1 for _ in log_objects(self.store, *_key(target), window.start, window.end))

    def _no_traffic(self, target: Target, window: Window, objects: int) -> ReleaseReport:
        active = self.ledger.active(*_key(target))
        verdict = insufficient_data("no live traffic in the window")
        return ReleaseReport(self._report(target, window, verdict, active, 0, objects))

    def _report(
        self,
        target: Target,
        window: Window,
        traffic: TrafficVerdict,
        release_id: str | None,
        rows: int,
        objects: int | None,
    ) -> DriftReport:
        return DriftReport(
            report_id=report_id(*_key(target), release_id, window),
            use_case=target.use_case.name,
            environment=target.environment,
            release_id=release_id,
            start=window.start,
            end=window.end,
            created_at=self.clock.now(),
            rows=rows,
            verdict=traffic.verdict,
            drifted=traffic.drifted,
            looks=traffic.looks,
            score=traffic.score,
            score_name=target.use_case.drift_score,
            columns=traffic.columns,
            class_shares=traffic.class_shares,
            alarms=traffic.alarms,
            detail=traffic.detail,
            log_objects=objects,
        )


def _key(target: Target) -> tuple[str, Environment]:
    return target.use_case.name, target.environment
