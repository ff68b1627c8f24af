"""When a policy would have acted on a history of drift reports."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from platform_core.contracts.drift_report import DriftReport
from platform_core.contracts.ledger import LedgerEntry
from platform_core.ledger import entries_until, serving_state, stable_since
from platform_core.policies.contract import Mode, Policy
from platform_core.policies.decisions import Outcome, may_act, rollback_due
from platform_core.policies.findings import HISTORY, findings_of
from platform_core.policies.retraining import PastRetraining, can_retrain, retraining_outcome


@dataclass(frozen=True)
class PolicyAction:
    """What a policy would have done when the window that ended at `time` had been judged.

    `held_back`: cool-down or budget would have prevented it.
    """

    time: datetime
    release_id: str
    action: Literal["retraining", "rollback"]
    mode: Mode
    held_back: bool = False


def simulate(
    policy: Policy,
    reports: Sequence[DriftReport],
    entries: Sequence[LedgerEntry],
    length: timedelta,
) -> Iterator[PolicyAction]:
    """Yield the actions of a policy over the reports of one use case and environment.

    `entries` are those of its ledger (oldest first), from which follows which release was stable;
    without entries every release counts as stable. `length` is that of a whole window. What
    follows from an action is not simulated, so that the findings are those that were measured.
    """
    simulation = _Simulation(policy, entries, length)
    for report in sorted(reports, key=lambda one: (one.end, one.end - one.start)):
        yield from simulation.judge(report)


@dataclass
class _Simulation:
    policy: Policy
    entries: Sequence[LedgerEntry]
    length: timedelta
    recent: list[DriftReport] = field(default_factory=list)
    retrained: list[PastRetraining] = field(default_factory=list)
    rolled_back: list[datetime] = field(default_factory=list)

    def judge(self, report: DriftReport) -> Iterator[PolicyAction]:
        """Yield what the policy does about the newest report."""
        self.recent = [one for one in self.recent if one.end >= report.end - HISTORY]
        release, at = report.release_id, entries_until(self.entries, report.created_at)
        if release is not None:
            retraining = self._retraining(report, release, serving_state(at).stable)
            if retraining is not Outcome.NOTHING:
                yield self._action(report, release, "retraining", retraining)
            rollback = self._rollback(report, release, at)
            if rollback is not Outcome.NOTHING:
                yield self._action(report, release, "rollback", rollback)
        self.recent.append(report)

    def _retraining(self, report: DriftReport, release: str, stable: str | None) -> Outcome:
        policy = self.policy.retraining
        if not can_retrain(policy, report, stable, self.length):
            return Outcome.NOTHING
        outcome = retraining_outcome(policy, report, self.recent, self.retrained, self.length)
        if outcome is Outcome.ACT:
            self.retrained.append(PastRetraining(report.end, release))
        return outcome

    def _rollback(self, report: DriftReport, release: str, at: Sequence[LedgerEntry]) -> Outcome:
        policy, stable = self.policy.rollback, serving_state(at).stable
        if report.end - report.start < self.length or stable not in {None, release}:
            return Outcome.NOTHING
        since = stable_since(at) or report.end - 2 * HISTORY
        windows = findings_of([*self.recent, report], release, since, self.length)
        if not rollback_due(policy, windows):
            return Outcome.NOTHING
        if not may_act(policy, self.rolled_back, report.end):
            return Outcome.HELD_BACK
        self.rolled_back.append(report.end)
        return Outcome.ACT

    def _action(
        self,
        report: DriftReport,
        release: str,
        action: Literal["retraining", "rollback"],
        outcome: Outcome,
    ) -> PolicyAction:
        limits = self.policy.retraining if action == "retraining" else self.policy.rollback
        held_back = outcome is Outcome.HELD_BACK
        return PolicyAction(report.end, release, action, limits.mode, held_back)
