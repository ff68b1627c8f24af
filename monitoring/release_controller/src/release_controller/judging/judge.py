"""Compares every trial, stores the comparison, and requests what the policy allows."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from itertools import takewhile
from typing import TypeVar

from platform_core.changes import Changes, new_change_id
from platform_core.clock import Clock
from platform_core.contracts.comparison import Comparison, ComparisonVerdict
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest, ChangeStatus, LedgerEntry
from platform_core.errors import PlatformError
from platform_core.ledger import Ledger, serving_state, stable_since
from platform_core.policies import Step, first_step, may_act, next_step, rollback_due
from platform_core.policies.contract import ActionLimits, Finding, Policy
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import comparison_path, latest_comparison_path
from release_controller.judging.comparing import TrialComparison
from release_controller.judging.findings import stable_findings
from release_controller.judging.history import EvidenceHistories
from release_controller.judging.trials import CandidateTrial, current_trial
from use_cases import UseCase, use_case_names
from use_cases import use_case as installed

_log = logging.getLogger(__name__)
ACTOR = "policy"
Judged = TypeVar("Judged")
RETRY_ABORT = timedelta(minutes=1)
PolicyOf = Callable[[str], Policy]


@dataclass(frozen=True)
class Judge:
    """Judges the environments of all use cases; `policy_of` returns the policy of one.

    `window` is the length of the windows whose reports count for the stable release.
    """

    store: BlobStore
    ledger: Ledger
    changes: Changes
    clock: Clock
    policy_of: PolicyOf
    window: timedelta
    _seen: dict[tuple[str, Environment], Comparison] = field(default_factory=dict)
    _trials: dict[tuple[str, Environment], TrialComparison] = field(default_factory=dict)

    @cached_property
    def _histories(self) -> EvidenceHistories:
        return EvidenceHistories(self.store)

    def judge_trials(self) -> list[Comparison]:
        """Compare every canary and shadow with the stable release, and act on the verdicts.

        A use case that cannot be judged is logged and does not affect the others.
        """
        return [one for one in self._each(self.judge_trial) if one is not None]

    def judge_stable_releases(self) -> None:
        """Act on the reports about stable releases, and start trials of releases of staging.

        A use case that cannot be judged is logged and does not affect the others.
        """
        self._each(self.judge_stable_release)

    def judge_trial(self, case: UseCase, environment: Environment) -> Comparison | None:
        """Return the comparison of the canary or shadow after acting on it, `None` without one.

        Raises:
            ConfigurationError: the policy is invalid.
            InvalidData: records cannot be read.
            Unavailable: the store does not answer.
        """
        entries = self.ledger.entries(case.name, environment)
        trial = current_trial(entries)
        if trial is None:
            self._trials.pop((case.name, environment), None)
            return None
        comparison = self._comparison(case, trial)
        self._keep(comparison)
        policy, state = self.policy_of(case.name), serving_state(entries)
        step = next_step(policy.rollback, policy.promotion, state, comparison.verdict)
        if step is not None:
            request = _trial_request(self.clock.now(), trial, comparison, step)
            ends = step.action is Action.ABORT
            limits = policy.rollback if ends else policy.promotion
            self._submit(request, entries, limits, trial.change_id, step.percent)
        return comparison

    def judge_stable_release(self, case: UseCase, environment: Environment) -> None:
        """Roll back a harmful release, or start a canary or shadow of a new one in staging.

        Raises:
            ConfigurationError: the policy is invalid.
            InvalidData: a report cannot be read.
            Unavailable: the store does not answer.
        """
        entries = self.ledger.entries(case.name, environment)
        state, since = serving_state(entries), stable_since(entries)
        if state.stable is None or since is None or current_trial(entries) is not None:
            return
        policy, now = self.policy_of(case.name), self.clock.now()
        place = (case.name, environment, state.stable)
        windows = stable_findings(self.store, *place, since, now, self.window)
        if rollback_due(policy.rollback, windows):
            step = Step(Action.ROLLBACK, policy.rollback.mode, policy.rollback.approvals)
            harmful = [w.end.isoformat() for w in windows if Finding.HARMFUL in w.findings]
            reason = f"{len(harmful)} harmful windows since {since:%Y-%m-%d %H:%M} UTC"
            evidence: dict[str, object] = {"harmful_windows": harmful}
            request = _change(now, case.name, environment, step, reason, evidence)
            self._submit(request, entries, policy.rollback, state.stable)
        elif environment is Environment.PRODUCTION:
            self._begin(case, entries, since, policy)

    def _comparison(self, case: UseCase, trial: CandidateTrial) -> Comparison:
        key = (trial.use_case, trial.environment)
        known = self._trials.get(key)
        if known is None or known.trial != trial:
            known = self._trials[key] = TrialComparison(self.store, case, trial)
        return known.until(self.clock.now())

    def _each(self, judge: Callable[[UseCase, Environment], Judged]) -> list[Judged]:
        judged = []
        for name in use_case_names():
            for environment in Environment:
                try:
                    judged.append(judge(installed(name), environment))
                except PlatformError:
                    _log.exception("%s in %s could not be judged", name, environment)
        return judged

    def _begin(
        self, case: UseCase, entries: Sequence[LedgerEntry], since: datetime, policy: Policy
    ) -> None:
        """Begin to try staging's release in production if it is newer than production's.

        One that was tried since it is in staging is not tried again automatically: it was worse.
        """
        state = serving_state(entries)
        step = first_step(policy.promotion, state)
        staged = self.ledger.entries(case.name, Environment.STAGING)
        candidate, staged_since = serving_state(staged).stable, stable_since(staged)
        if step is None or candidate in {None, state.stable} or staged_since is None:
            return
        if staged_since > since and not _was_tried(entries, str(candidate), staged_since):
            reason = "staging serves a new release"
            now = self.clock.now()
            request = _change(now, case.name, Environment.PRODUCTION, step, reason, {}, candidate)
            self._submit(request, entries, policy.promotion, "begin", candidate)

    def _keep(self, comparison: Comparison) -> None:
        """Store the comparison if it has changed, as the latest and under its change."""
        key = (comparison.use_case, comparison.environment)
        if self._seen.get(key) == comparison:
            return
        content = comparison.model_dump_json(indent=1).encode()
        self.store.write(comparison_path(*key, comparison.change_id), content)
        self.store.write(latest_comparison_path(*key), content)
        self._histories.add(comparison)
        self._seen[key] = comparison

    def _submit(
        self,
        request: ChangeRequest,
        entries: Sequence[LedgerEntry],
        limits: ActionLimits,
        *cause: object,
    ) -> None:
        """Submit a change once per `cause`, within the policy's limits.

        Aborts have no budget: a bad release must not keep answering. One that failed is retried
        every minute.
        """
        if request.approvals == 0:  # one that failed is tried again; a suggestion is made once
            cause = (*cause, len(entries))
        if request.action is Action.ABORT:
            since = takewhile(lambda entry: not _applied(entry), reversed(entries))
            failed = next((e.time for e in since if _by_policy(e, request.action)), None)
            ago = request.created_at - failed if failed else RETRY_ABORT
            allowed = not timedelta() <= ago < RETRY_ABORT  # negative: the clock was set back
        else:
            acted = [e.time for e in entries if _by_policy(e, request.action)]
            allowed = may_act(limits, acted, request.created_at)
        if allowed:
            key = (ACTOR, request.use_case, request.environment, request.action, *cause)
            self.changes.submit_once(request, "/".join(map(str, key)))


def _was_tried(entries: Sequence[LedgerEntry], candidate: str, since: datetime) -> bool:
    """Return whether a release has had a role since then."""
    applied = (one.change for one in entries if one.time >= since and _applied(one))
    return any(candidate in one.to_state.releases.values() for one in applied)


def _applied(entry: LedgerEntry) -> bool:
    return entry.change.status is ChangeStatus.APPLIED


def _by_policy(entry: LedgerEntry, action: Action) -> bool:
    return entry.change.actor == ACTOR and entry.change.action is action


def _trial_request(
    now: datetime, trial: CandidateTrial, comparison: Comparison, step: Step
) -> ChangeRequest:
    reason = f"the {trial.role} is {comparison.verdict}"
    worse = [c.name for c in comparison.criteria if c.verdict is ComparisonVerdict.WORSE]
    if worse:
        reason = f"{reason}: {', '.join(worse)}"
    evidence = comparison.model_dump(mode="json")
    candidate = None if step.action is Action.ABORT else trial.candidate
    return _change(now, trial.use_case, trial.environment, step, reason, evidence, candidate)


def _change(
    now: datetime,
    use_case: str,
    environment: Environment,
    step: Step,
    reason: str,
    evidence: dict[str, object],
    release_id: str | None = None,
) -> ChangeRequest:
    return ChangeRequest.model_validate(
        {
            "change_id": new_change_id(now),
            "created_at": now,
            "use_case": use_case,
            "environment": environment,
            "action": step.action,
            "release_id": release_id,
            "percent": step.percent,
            "actor": ACTOR,
            "reason": reason,
            "evidence": evidence,
            "approvals": step.approvals,
        }
    )
