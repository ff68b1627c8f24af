"""What each link of a drill looks like in the store: the reports, requests, ledger, comparisons."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from cli.drill.links import Link
from cli.drill.traffic import DrillTraffic
from platform_core.changes import Changes
from platform_core.clock import Clock
from platform_core.contracts import prediction_ids
from platform_core.contracts.comparison import Comparison, ComparisonVerdict
from platform_core.contracts.drift_report import RETRAIN_RUN, DriftReport
from platform_core.contracts.drill_report import DrillReport, LinkResult
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest, ChangeStatus
from platform_core.contracts.serving_state import ServingRole, ServingState
from platform_core.errors import BlobNotFound, NotFound, Refused
from platform_core.ledger import Ledger
from platform_core.ports.blob_store import BlobStore
from platform_core.reports import ReportReader, past_reports
from platform_core.reports.retrain_requests import DONE, FAILED, UNCHANGED
from platform_core.storage import (
    DRIFT_REPORTS,
    DRILL_REPORT,
    comparison_path,
    reports_folder,
    retrain_request_path,
)

STEADY_ROWS = 100
"""Records sent at each check of a link that needs traffic."""
BAD_CANARY_PERCENT = 50
ACTOR = "drill"


@dataclass
class DrillLoop:
    """One round through the loop of `use_case`; the links keep what they found for the next.

    `measure()` measures the window until now, as the drift detector does every hour.
    """

    use_case: str
    store: BlobStore
    clock: Clock
    traffic: DrillTraffic
    rows: int
    measure: Callable[[], object]
    old: str = ""
    new: str = ""
    _started: datetime | None = None
    _request: str = ""
    _changes: dict[ServingRole, str] = field(default_factory=dict)
    _bad: str = ""

    @cached_property
    def _reader(self) -> ReportReader:
        return ReportReader(self.store)

    def links(self) -> list[Link]:
        """Return the links in order."""
        return [
            Link("alarm", self.alarm),
            Link("request", self.request),
            Link("run", self.run),
            Link("staging", self.staging),
            Link("shadow", lambda: self.trial(ServingRole.SHADOW)),
            Link("shadow verdict", lambda: self.verdict(ServingRole.SHADOW)),
            Link("canary", lambda: self.trial(ServingRole.CANARY)),
            Link("canary verdict", lambda: self.verdict(ServingRole.CANARY)),
            Link("promotion", self.promotion),
            Link("rollback", self.rollback),
        ]

    def keep(self, results: Iterable[LinkResult]) -> None:
        """Store the results of the links, for the metrics of the gateways."""
        report = DrillReport(ended=self.clock.now(), links=tuple(results))
        self.store.write(DRILL_REPORT, report.model_dump_json(indent=1).encode())

    def alarm(self) -> str | None:
        """Send drifted traffic with labels; a report about it requests retraining."""
        started = self._started or self._begin()
        self.measure()
        for report in self._reports(started):
            ours = report.release_id == self.old and report.created_at >= started
            if ours and report.retrain_request:
                self._request = report.retrain_request
                alarms = "".join(f", {alarm}" for alarm in report.alarms)
                return f"{report.verdict}{alarms} in {report.rows} records"
        return None

    def request(self) -> str | None:
        """The report caused a retraining request."""
        exists = self.store.exists(retrain_request_path(self._request))
        return f"retraining request {self._request}" if exists else None

    def run(self) -> str | None:
        """The scheduler ran the pipeline for the request."""
        request = self._request
        for suffix in (FAILED, UNCHANGED):
            path = retrain_request_path(request, suffix)
            if self.store.exists(path):
                reason = self.store.read(path).decode()
                raise Refused(f"the run of {request} ended as {suffix.removeprefix('.')}: {reason}")
        done = self.store.exists(retrain_request_path(request, DONE))
        return f"run {RETRAIN_RUN}{request}" if done else None

    def staging(self) -> str | None:
        """The new release serves in staging."""
        stable = self._state(Environment.STAGING).stable
        if stable is None or stable == self.old:
            return None
        self.new = stable
        return f"release {self.new:.12}"

    def trial(self, role: ServingRole) -> str | None:
        """The new release is the shadow or the canary of production."""
        self.traffic.send_singly(STEADY_ROWS)
        for entry in Ledger(self.store, self.clock).entries(self.use_case, Environment.PRODUCTION):
            change = entry.change
            tried = change.to_state.releases.get(role) == self.new
            if tried and change.status is ChangeStatus.APPLIED:
                self._changes[role] = change.change_id
        return f"change {self._changes[role]}" if role in self._changes else None

    def verdict(self, role: ServingRole) -> str | None:
        """Send traffic until the comparison with the stable release is decided."""
        self.traffic.send_singly(STEADY_ROWS)
        comparison = self._comparison(self._changes[role])
        if comparison is None or comparison.verdict is ComparisonVerdict.UNDECIDED:
            return None
        answers = f"after {comparison.candidate_answers} answers"
        if comparison.verdict is ComparisonVerdict.WORSE:
            raise Refused(
                f"the new release is worse than the old one {answers}: {_worse(comparison)}"
            )
        return f"{comparison.verdict} {answers}"

    def promotion(self) -> str | None:
        """The new release answers all of production's requests."""
        self.traffic.send_singly(STEADY_ROWS)
        stable = self._state(Environment.PRODUCTION).stable
        return f"release {self.new:.12}" if stable == self.new else None

    def rollback(self) -> str | None:
        """The old release, begun as a canary, is withdrawn because it answers worse."""
        self._bad = self._bad or self._begin_bad_canary()
        recorded = Changes(self.store, self.clock).get(self._bad)
        if recorded.status in {ChangeStatus.REFUSED, ChangeStatus.FAILED}:
            detail = recorded.result.detail if recorded.result else ""
            raise Refused(f"the bad canary was {recorded.status}: {detail}")
        if recorded.status is not ChangeStatus.APPLIED:
            return None
        self.traffic.send_singly(STEADY_ROWS)
        if self._state(Environment.PRODUCTION).canary is not None:
            return None
        comparison = self._comparison(self._bad)
        answers = comparison.candidate_answers if comparison else "an unknown number of"
        return f"withdrawn after {answers} answers"

    def _reports(self, started: datetime) -> Iterable[DriftReport]:
        """Return the reports on windows that ended since then; another drill may be among them."""
        folder = reports_folder(DRIFT_REPORTS, self.use_case, Environment.PRODUCTION)
        return past_reports(self._reader, folder, DriftReport, started, self.clock.now())

    def _begin(self) -> datetime:
        """Send the drifted records, once; return when this began."""
        self.old = self._state(Environment.PRODUCTION).stable or ""
        if not self.old:
            raise NotFound(f"production serves no release of {self.use_case}")
        started = self.clock.now()
        self.traffic.send(self.rows)
        self._started = started
        return started

    def _begin_bad_canary(self) -> str:
        """Request a canary of the release that was trained before the drift."""
        now = self.clock.now()
        request = ChangeRequest(
            change_id=prediction_ids.new_prediction_id(prediction_ids.milliseconds(now)),
            created_at=now,
            use_case=self.use_case,
            environment=Environment.PRODUCTION,
            action=Action.CANARY,
            release_id=self.old,
            percent=BAD_CANARY_PERCENT,
            actor=ACTOR,
            reason="drill: a canary that is worse",
        )
        return Changes(self.store, self.clock).submit(request)

    def _comparison(self, change_id: str) -> Comparison | None:
        path = comparison_path(self.use_case, Environment.PRODUCTION, change_id)
        try:
            return Comparison.model_validate_json(self.store.read(path))
        except BlobNotFound:
            return None

    def _state(self, environment: Environment) -> ServingState:
        return Ledger(self.store, self.clock).state(self.use_case, environment)


def _worse(comparison: Comparison) -> str:
    """Return the criteria by which a candidate is worse, in words."""
    return "; ".join(
        f"{one.name} by {one.estimate:.3g} ({one.detail or 'more is worse'})"
        for one in comparison.criteria
        if one.verdict is ComparisonVerdict.WORSE and one.estimate is not None
    )
