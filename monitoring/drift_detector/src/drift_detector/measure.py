"""One window of one use case in one environment: from the log to reports."""

from collections.abc import Mapping
from dataclasses import dataclass

from baseline import Reference
from drift_detector.baselines import load_references
from drift_detector.judgement import Judgement, Policy, judge
from drift_detector.report_store import report_id
from drift_detector.sample import RowSample
from drift_detector.traffic import ENCODED, ReleaseTraffic, count_traffic, log_columns
from drift_detector.window import Window
from platform_core.clock import Clock
from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.errors import InvalidInput, NotFound, Refused
from platform_core.inference_log import read_log
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import log_hour_folder
from use_cases import UseCase


@dataclass(frozen=True)
class Target:
    """What one report is about, but for the window and the release."""

    use_case: UseCase
    environment: Environment

    def __str__(self) -> str:
        return f"{self.use_case.name} {self.environment}"


@dataclass(frozen=True)
class Measured:
    """A report with what its page is made of; `problem` says why it could not be measured."""

    report: DriftReport
    traffic: ReleaseTraffic | None = None
    problem: str = ""


@dataclass(frozen=True)
class Measurer:
    """Measures windows; writes nothing. `page_rows` of each release are kept for its page."""

    store: BlobStore
    ledger: Ledger
    clock: Clock
    policy: Policy
    page_rows: int

    def measure(self, target: Target, window: Window) -> list[Measured]:
        """Return one report per release that answered, one without numbers if none did.

        Raises:
            InvalidData: the log is not readable.
            Unavailable: the store cannot be reached.
            ReleaseRefused: nothing answered and the ledger is broken.
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
        columns = log_columns(target.use_case)
        records = read_log(
            self.store, *_key(target), window.start, window.end, columns, encoded=ENCODED
        )
        traffic = count_traffic(target.use_case, records, start)
        if not traffic:
            return [self._nothing_answered(target, window, objects)]
        measured = []
        for seen in traffic:
            problem = problems.get(seen.release_id, "")
            if problem:
                judgement = _cannot_say(problem)
            else:
                judgement = judge(self.policy, target.use_case, seen)
            report = self._report(target, window, judgement, seen.release_id, seen.rows, objects)
            measured.append(Measured(report, seen, problem))
        return measured

    def unmeasured(self, target: Target, window: Window, error: Exception) -> DriftReport:
        """Return the report that says that `error` kept the window from being measured."""
        return self._report(target, window, _cannot_say(str(error)), None, 0, None)

    def log_objects(self, target: Target, window: Window) -> int:
        """Return the number of objects the log has for the hours of `window`."""
        folders = [log_hour_folder(*_key(target), hour) for hour in window.hours()]
        return sum(1 for folder in folders for _ in self.store.list(folder))

    def _nothing_answered(self, target: Target, window: Window, objects: int) -> Measured:
        active = self.ledger.active(*_key(target))
        said = _cannot_say("no live traffic in the window")
        return Measured(self._report(target, window, said, active, 0, objects))

    def _report(
        self,
        target: Target,
        window: Window,
        judgement: Judgement,
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
            verdict=judgement.verdict,
            score=judgement.score,
            columns=judgement.columns,
            class_shares=judgement.class_shares,
            alarms=judgement.alarms,
            detail=judgement.detail,
            log_objects=objects,
        )


def _cannot_say(detail: str) -> Judgement:
    return Judgement(DriftVerdict.INSUFFICIENT_DATA, None, (), {}, (), detail)


def _key(target: Target) -> tuple[str, Environment]:
    return target.use_case.name, target.environment
