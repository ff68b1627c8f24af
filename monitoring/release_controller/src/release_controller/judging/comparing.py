"""The comparison of a trial: its evidence, criteria and verdict."""

from collections.abc import Iterator
from datetime import datetime

import pyarrow as pa

from evaluation.comparison import (
    Losses,
    canary_criteria,
    combined_verdict,
    shadow_criteria,
)
from platform_core.contracts.comparison import Comparison, CriterionResult
from platform_core.errors import PlatformError
from platform_core.ports.blob_store import BlobStore
from release_controller.judging.evidence import Evidence, evidence_of, trial_records
from release_controller.judging.trials import CandidateTrial
from scoring import load_lineage
from use_cases import UseCase

CLIPPED_AT = 10.0
"""Errors of a regression are clipped at so many times the stable release's own mean error."""


class TrialComparison:
    """The comparison of one trial, which grows with its records.

    It holds the records in memory and reads only what is new; a new one, after a restart, reads all
    of them and comes to the same verdict.
    """

    def __init__(self, store: BlobStore, case: UseCase, trial: CandidateTrial) -> None:
        self.trial = trial
        self._store, self._case = store, case
        self._records = trial_records(store, case, trial)
        self._known: Comparison | None = None
        self._rows = 0

    def until(self, now: datetime) -> Comparison:
        """Return the comparison with all records until `now`.

        Raises:
            InvalidData: an object of the log or of the labels cannot be read.
            Unavailable: the store does not answer.
        """
        changed = self._records.update(now)
        rows = self._records.before(now)
        count = 0 if rows is None else rows.num_rows
        if self._known is None or changed or count != self._rows:
            self._known = compare(self._store, self._case, self.trial, rows)
            self._rows = count
        return self._known


def compare(
    store: BlobStore, case: UseCase, trial: CandidateTrial, rows: pa.Table | None
) -> Comparison:
    """Return the comparison of a trial from its records.

    Raises:
        Unavailable: the store does not answer.
    """
    losses = losses_of(store, case, trial.stable)
    evidence = evidence_of(rows, case, trial, losses)
    criteria = tuple(_criteria(evidence, losses))
    verdict, needed = combined_verdict(criteria)
    return Comparison(
        use_case=trial.use_case,
        environment=trial.environment,
        change_id=trial.change_id,
        role=trial.role.value,
        stable_release=trial.stable,
        candidate_release=trial.candidate,
        started=trial.started,
        updated=evidence.updated or trial.started,
        stable_answers=evidence.stable_answers,
        candidate_answers=evidence.candidate_answers,
        paired=evidence.paired,
        criteria=criteria,
        verdict=verdict,
        needed=needed,
    )


def losses_of(store: BlobStore, case: UseCase, stable: str) -> Losses:
    """Return how answers of a use case are judged: the margin is that of its gates.

    The absolute error of a regression is clipped at ten times the mean absolute error of the
    stable release on its test rows, so that no single record outweighs all others.
    """
    margin = case.training().gates.margin
    if case.classes:
        return Losses(margin)
    try:
        error = load_lineage(store, case.name, stable).metrics.get("mae")
    except PlatformError:  # the margin is a scale as well
        error = None
    return Losses(margin, max(CLIPPED_AT * (error or margin), margin))


def _criteria(evidence: Evidence, losses: Losses) -> Iterator[CriterionResult]:
    if evidence.pairs is None:
        yield from canary_criteria(evidence.answers, evidence.labelled, losses)
    else:
        yield from shadow_criteria(evidence.answers, evidence.pairs, losses)
