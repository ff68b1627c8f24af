"""Requests retraining for a report where the policy of its use case says so."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drift_detector.alerts import score_text, statement
from drift_detector.log import LOGGER
from platform_core.clock import Clock
from platform_core.contracts.drift_report import DriftReport, RetrainRequest
from platform_core.drift_reports import read_reports
from platform_core.errors import ConfigurationError
from platform_core.hashing import sha256_json
from platform_core.policies import (
    HISTORY,
    Outcome,
    PastRetraining,
    can_retrain,
    is_window,
    retraining_outcome,
    standing_request,
)
from platform_core.policies.contract import Policy, RetrainingPolicy
from platform_core.ports.blob_store import BlobStore
from platform_core.reports.retrain_requests import RetrainRequests
from platform_core.storage import drift_report_date_folder

DAY = timedelta(days=1)
ID_CHARACTERS = 32
_log = logging.getLogger(LOGGER)


@dataclass(frozen=True)
class Retraining:
    """Requests retraining; `policy_of` returns the policy of a use case.

    `length` is that of a whole window.
    """

    store: BlobStore
    clock: Clock
    policy_of: Callable[[str], Policy]
    length: timedelta

    def request(self, report: DriftReport, stable: str | None) -> str | None:
        """Request retraining if the policy calls for it; return the id of the request, or of the
        one that holds it back by the cool-down.

        A report keeps the request that it caused, whatever is measured later. One that is followed
        by a later window of the release causes none. `stable` is the release that the
        environment serves now, `None` where that is unknown.
        """
        requests, request_id = RetrainRequests(self.store), _request_id(report)
        if requests.exists(request_id):
            return request_id
        policy = self._policy(report)
        if policy is None or not can_retrain(policy, report, stable, self.length):
            return None
        past = requests.past(report.use_case, report.environment, report.end - HISTORY)
        outcome = self._outcome(policy, report, past)
        if outcome is Outcome.HELD_BACK:
            fields = {"report_id": report.report_id, "use_case": report.use_case}
            _log.info("cool-down or budget holds retraining back", extra={"fields": fields})
            return standing_request(policy, report, past)
        if outcome is not Outcome.ACT or report.release_id is None:
            return None
        request = RetrainRequest(
            request_id=request_id,
            use_case=report.use_case,
            environment=report.environment,
            release_id=report.release_id,
            reason=f"{statement(report)}: {', '.join(report.alarms)}",
            report_id=report.report_id,
            created_at=report.created_at,
            verdict=report.verdict,
            metric="; ".join(report.harm) or score_text(report),
            window_end=report.end,
            approvals=policy.approvals,
        )
        requests.create(request)
        return request_id

    def _outcome(
        self, policy: RetrainingPolicy, report: DriftReport, past: Sequence[PastRetraining]
    ) -> Outcome:
        reports = self._reports(report, self.clock.now())
        if any(self._follows(one, report) for one in reports):
            return Outcome.NOTHING
        return retraining_outcome(policy, report, reports, past, self.length)

    def _policy(self, report: DriftReport) -> RetrainingPolicy | None:
        try:
            return self.policy_of(report.use_case).retraining
        except ConfigurationError as error:  # the report must be written whatever the policy says
            _log.error("retraining is not requested: %s", error)
            return None

    def _reports(self, report: DriftReport, now: datetime) -> list[DriftReport]:
        """Return the other reports of the last seven days before the window's end, and later."""
        day, found = report.end - HISTORY, []
        while day.date() <= max(now, report.end).date():
            folder = drift_report_date_folder(report.use_case, report.environment, day)
            found += read_reports(self.store, folder)
            day += DAY
        return [one for one in found if one.report_id != report.report_id]

    def _follows(self, one: DriftReport, report: DriftReport) -> bool:
        later = one.release_id == report.release_id and one.end > report.end
        return later and is_window(one, self.length)


def _request_id(report: DriftReport) -> str:
    return sha256_json(["retrain", report.report_id])[:ID_CHARACTERS]
